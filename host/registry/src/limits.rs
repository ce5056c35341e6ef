//! Bounds of what a registry may send, with their reasons.

/// Bytes of a manifest. One with a single layer has 1 KiB.
pub(crate) const MANIFEST_BYTES_MAX: u64 = 64 << 10;
/// Bytes of what a server of tokens answers.
pub(crate) const TOKEN_BYTES_MAX: u64 = 64 << 10;
/// Bytes of a file with logins.
pub(crate) const LOGINS_BYTES_MAX: u64 = 1 << 20;
/// Bytes of an error that are read, and shown.
pub(crate) const ERROR_BYTES_MAX: u64 = 4 << 10;
/// Characters of what a registry says that are shown.
pub(crate) const SAID_CHARS_MAX: usize = 200;
/// Bytes of the head of an answer.
pub(crate) const HEAD_BYTES_MAX: usize = 32 << 10;
/// Redirects of one request: a registry sends to a store of blobs, and that perhaps to a nearer one.
pub(crate) const REDIRECTS_MAX: usize = 3;
/// Bytes of a repository's name, as the specification of distribution has it.
pub(crate) const REPOSITORY_BYTES_MAX: usize = 255;
/// Bytes of a tag, likewise.
pub(crate) const TAG_BYTES_MAX: usize = 128;
