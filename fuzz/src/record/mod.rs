//! The journal: a segment from another machine.
//!
//! `host/record/tests/fuzzed.rs` includes this file and tries some thousand inputs on stable Rust.

use std::path::Path;

use jettison_record::{Found, Segment};

/// Reads a segment to its end. Returns how many records can be read.
///
/// # Panics
/// If a part is said to be damaged that does not lie within it, or if it goes on for ever.
pub fn journal(bytes: &[u8]) -> usize {
    let Ok(segment) = Segment::of(Path::new("fuzzed"), bytes.to_vec()) else {
        return 0;
    };
    let mut records = 0;
    for (turn, found) in segment.reader().enumerate() {
        assert!(turn <= bytes.len(), "it finds more than there are bytes");
        match found {
            Found::Record(_) => records += 1,
            Found::Damage(damage) => assert!(damage.from + damage.bytes <= bytes.len(), "{damage:?}"),
        }
    }
    records
}
