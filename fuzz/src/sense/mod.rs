//! Sensing: the files of a kernel.
//!
//! `host/sense/tests/fuzzed.rs` is compiled from this very file and tries some thousand inputs on stable Rust.

/// A file, whichever it is, given to every parser. Says whether one took it.
pub fn kernel_file(text: &[u8]) -> bool {
    jettison_sense::parse_with_every(text) > 0
}
