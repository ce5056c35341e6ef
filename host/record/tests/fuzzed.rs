//! The fuzz target of the journal, on inputs that a seed gives: segments that a kernel's incidents left,
//! changed here and there.

#[path = "../../../fuzz/src/record/mod.rs"]
#[allow(unreachable_pub, reason = "there it is a library")]
mod fuzz;

use std::fs;
use std::path::{Path, PathBuf};

use jettison_tests::{Random, inputs};

/// What a failure is repeated with.
const SEED: u64 = 0x6a65_7474;

/// One of each kept journal.
fn segments() -> Vec<Vec<u8>> {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/journals");
    let folders = fs::read_dir(kept).unwrap().map(|entry| entry.unwrap().path());
    let folders: Vec<PathBuf> = folders.filter(|path| path.is_dir()).collect();
    jettison_record::segments(&folders).unwrap().iter().map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn arbitrary_segments() {
    let segments = segments();
    let mut random = Random::new(SEED);
    let tries = inputs(2_000);
    let (mut whole, mut records) = (0, 0);
    for number in 0..tries {
        let segment = &segments[number % segments.len()];
        // Most of a segment is packed, where a changed byte is found by the checksum: so a short one, too.
        let part = if number % 2 == 0 { segment.len() } else { random.below(segment.len()) };
        let found = fuzz::journal(&random.changed(&segment[..part]));
        whole += usize::from(found > 1);
        records += found;
    }
    println!("{records} records of {tries} segments");
    assert!(whole * 4 > tries, "{whole} of {tries} changed segments can be read on");
}
