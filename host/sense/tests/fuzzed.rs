//! The fuzz target of the parsers, on inputs that a seed gives: real files of every fixture machine, changed
//! here and there.

#[path = "../../../fuzz/src/sense/mod.rs"]
#[allow(unreachable_pub, reason = "there it is a library")]
mod fuzz;

use std::fs;
use std::path::{Path, PathBuf};

use jettison_tests::{Random, inputs};

/// What a failure is repeated with.
const SEED: u64 = 0x6a65_7474;
/// For each file.
const CHANGES: usize = 30;

fn files_below(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        // Links lead out of the machine, to executables.
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files_below(&entry.path(), into);
        } else if kind.is_file() {
            into.push(entry.path());
        }
    }
}

#[test]
fn arbitrary_files_of_the_kernel() {
    let mut files = Vec::new();
    files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/machines"), &mut files);
    files.sort();
    let texts: Vec<Vec<u8>> = files.iter().filter_map(|file| fs::read(file).ok()).collect();
    let taken = texts.iter().filter(|text| fuzz::kernel_file(text)).count();
    assert!(taken * 2 > texts.len(), "{taken} of {} files mean something to a parser", texts.len());

    let record = b"3,812,9794903,-;Memory cgroup out of memory: Killed process 99 (tail) total-vm:67432kB, anon-rss:65104kB\n";
    assert!(fuzz::kernel_file(record));
    let mut random = Random::new(SEED);
    let mut still_taken = 0;
    let changes = inputs(texts.len() * CHANGES).div_ceil(texts.len());
    for text in texts.iter().map(Vec::as_slice).chain([record.as_slice()]) {
        for _ in 0..changes {
            still_taken += usize::from(fuzz::kernel_file(&random.changed(text)));
        }
        // Ends that a torn read can have.
        for _ in 0..CHANGES {
            fuzz::kernel_file(&text[..random.below(text.len())]);
        }
    }
    println!("{still_taken} of {} changed files still mean something", (texts.len() + 1) * changes);
    assert!(still_taken > texts.len(), "the changes leave nothing to take");
}
