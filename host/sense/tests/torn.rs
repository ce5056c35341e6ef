//! Every file of every fixture machine, empty, cut, too long, garbage or missing, one at a time: the scan
//! delivers the rest.

use std::fs;
use std::path::{Path, PathBuf};

use jettison_model::{Needs, Snapshot};
use jettison_sense::{Now, Root, Sensor};
use jettison_tests::Random;

const SEED: u64 = 0x746f_726e;
const ALL: Needs = Needs::ALL;

fn copy(from: &Path, to: &Path, files: &mut Vec<PathBuf>) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (kind, to) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &to, files);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), to).unwrap();
        } else {
            fs::copy(entry.path(), &to).unwrap();
            files.push(to);
        }
    }
}

/// The rows of a scan of a machine, each as text. `None` if it has no memory to tell of, which is an error
/// before any scan.
fn rows(root: &Root) -> Option<Vec<String>> {
    let mut sensor = Sensor::new(root.clone(), None).ok()?;
    let mut snapshot = Snapshot::default();
    sensor.sense(ALL, Now { boot_ms: 1 << 40, wall_ms: 0 }, &mut snapshot);
    let table = &snapshot.processes;
    let columns = [table.parents.len(), table.memcgs.len(), table.comms.len(), table.cmdlines.len()];
    assert_eq!(columns, [table.len(); 4], "columns stay beside each other");
    assert_eq!([table.exes.len(), table.pss_bytes.len()], [table.len(); 2]);
    let row = |at: usize| {
        let sizes =
            [&table.rss_anon_bytes, &table.rss_file_bytes, &table.swap_bytes].map(|column| column[at]);
        let names = [&table.comms, &table.cmdlines].map(|column| column.get(at));
        format!("{:?} {names:?} {sizes:?} {} {}", table.id(at), table.uids[at], table.oom_score_adjs[at])
    };
    Some((0..table.len()).map(row).collect())
}

fn versions(whole: &[u8], random: &mut Random) -> Vec<Option<Vec<u8>>> {
    let long = whole.repeat((64 << 10) / whole.len().max(1) + 1);
    let noise = (0..300).map(|_| random.byte()).collect();
    let cut = whole.get(..whole.len() / 2).unwrap_or_default().to_vec();
    vec![None, Some(Vec::new()), Some(cut), Some(long), Some(noise), Some(random.changed(whole))]
}

#[test]
fn whatever_a_file_says_it_costs_one_row() {
    let machines = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/machines");
    let mut random = Random::new(SEED);
    let machines = fs::read_dir(machines).unwrap().flatten();
    for machine in machines.filter(|entry| entry.path().is_dir()) {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::below(folder.path());
        let mut files = Vec::new();
        copy(&machine.path(), folder.path(), &mut files);
        let whole = rows(&root).expect("a machine");
        for file in files {
            let text = fs::read(&file).unwrap();
            for version in versions(&text, &mut random) {
                match &version {
                    Some(bytes) => fs::write(&file, bytes).unwrap(),
                    None => fs::remove_file(&file).unwrap(),
                }
                let what = || {
                    let text = version.as_ref().map(|bytes| String::from_utf8_lossy(bytes));
                    format!("seed {SEED:#x}, {}: {text:?}", file.display())
                };
                let Some(torn) = rows(&root) else {
                    assert!(file.ends_with("proc/meminfo"), "{}: no sensor", what());
                    continue;
                };
                let lost = whole.iter().filter(|row| !torn.contains(row)).count();
                assert!(
                    lost <= 1 && torn.len() <= whole.len(),
                    "{}: {lost} rows of {} or {}",
                    what(),
                    whole.len(),
                    torn.len()
                );
            }
            fs::write(&file, text).unwrap();
        }
        assert_eq!(rows(&root).as_ref(), Some(&whole), "it is whole again");
    }
}
