//! Policies in an OCI registry: fetched, published, and proven by their digests.
//!
//! ```text
//! oci://HOST/NAME@sha256:D ─▶ Reference ─▶ pull ─▶ Artifact { manifest, module } ─▶ check ─▶ module
//!                                           │                                        (again wherever
//!                         Exchange (bounds, │ redirects, login)                       it was kept)
//! module, About ─▶ push ────────────────────┘
//! ```
//!
//! The only crate that knows HTTP. It starts nothing and keeps nothing: the daemon runs [`pull`] in a child,
//! and believes neither the registry nor the child nor the disk, since [`Artifact::check`] proves every byte
//! by the digest that the configuration pins.
//!
//! | a registry that | is stopped by |
//! |---|---|
//! | sends another manifest or module | the digest of the reference, and those of the manifest |
//! | sends without end, or drop by drop | bounds of bytes, one deadline for all |
//! | sends us elsewhere | redirects from TLS to TLS alone, few, and without the login |
//! | answers with something else | one layer of one media type is taken |
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![warn(missing_docs)]

mod artifact;
mod digest;
mod exchange;
mod limits;
mod login;
mod manifest;
mod pull;
mod push;
mod reference;
mod refusal;
mod route;
mod terms;

pub use artifact::Artifact;
pub use digest::Digest;
pub use login::Login;
pub use manifest::About;
pub use pull::pull;
pub use push::push;
pub use reference::{BadReference, Pinned, Reference};
pub use refusal::Refusal;
pub use terms::Terms;
