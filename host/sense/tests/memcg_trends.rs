//! How fast memcgs change, from files that change between two scans.

use std::fs::{create_dir_all, remove_dir_all, write};
use std::path::{Path, PathBuf};

use jettison_model::column::{UNKNOWN_S64, UNKNOWN_U64};
use jettison_model::{Needs, Snapshot};
use jettison_sense::{Now, Root, Sensor};

const MIB: u64 = 1 << 20;

fn fill(memcg: &Path, anon_mib: u64, swap_mib: u64, refaults: &str) {
    create_dir_all(memcg).unwrap();
    write(memcg.join("memory.current"), "4096\n").unwrap();
    write(memcg.join("memory.swap.current"), format!("{}\n", swap_mib * MIB)).unwrap();
    write(memcg.join("memory.stat"), format!("anon {}\n{refaults}", anon_mib * MIB)).unwrap();
}

struct Machine {
    sensor: Sensor,
    snapshot: Snapshot,
    boot_ms: u64,
}

impl Machine {
    /// The growth and the refaults of `/b`, per second, a second later.
    fn later(&mut self) -> (i64, u64) {
        self.boot_ms += 1_000;
        self.sensor.sense(Needs::default(), Now { boot_ms: self.boot_ms, wall_ms: 0 }, &mut self.snapshot);
        assert_eq!(self.sensor.faults(), []);
        let memcgs = &self.snapshot.memcgs;
        let row = memcgs.row_of(b"/b").unwrap();
        (memcgs.growth_bytes_per_s[row], memcgs.refaults_per_s[row])
    }
}

#[test]
fn a_memcg_has_rates_from_its_second_scan_on_whatever_comes_and_goes_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let memory: PathBuf = folder.path().join("sys/fs/cgroup");
    create_dir_all(folder.path().join("proc")).unwrap();
    write(folder.path().join("proc/meminfo"), "MemTotal: 1000 kB\nMemAvailable: 500 kB\n").unwrap();
    fill(&memory.join("a"), 5, 0, "");
    fill(&memory.join("b"), 10, 2, "workingset_refault_anon 100\nworkingset_refault_file 1000\n");
    write(memory.join("cgroup.controllers"), "memory\n").unwrap();
    let sensor = Sensor::new(Root::below(folder.path()), None).unwrap();
    let mut machine = Machine { sensor, snapshot: Snapshot::default(), boot_ms: 1 << 40 };

    assert_eq!(machine.later(), (UNKNOWN_S64, UNKNOWN_U64));
    fill(&memory.join("b"), 12, 3, "workingset_refault_anon 150\nworkingset_refault_file 1500\n");
    fill(&memory.join("aa"), 900, 0, "");
    assert_eq!(machine.later(), (3 * MIB.cast_signed(), 550));
    let memcgs = &machine.snapshot.memcgs;
    assert_eq!((memcgs.refaults_anon[3], memcgs.refaults_file[3]), (150, 1500));
    assert_eq!(memcgs.growth_bytes_per_s[2], UNKNOWN_S64, "a new one");

    remove_dir_all(memory.join("a")).unwrap();
    fill(&memory.join("b"), 5, 0, "");
    assert_eq!(machine.later(), (-10 * MIB.cast_signed(), UNKNOWN_U64));
    fill(&memory.join("b"), 5, 0, "workingset_refault_file 3650\n");
    assert_eq!(machine.later().0, 0, "what was unknown is known again");
}
