//! Sensing: the files of a kernel.
//!
//! `host/sense/tests/fuzzed.rs` includes this file and tries some thousand inputs on stable Rust.

/// Gives a file to every parser. Returns whether one of them succeeded.
pub fn kernel_file(text: &[u8]) -> bool {
    jettison_sense::parse_with_every(text) > 0
}
