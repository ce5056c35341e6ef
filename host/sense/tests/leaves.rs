//! Memcgs by the thousand that hold no process: most are left out, and none in which a process lives.

#[path = "kit/flock.rs"]
mod flock;

use std::fs;

use flock::Flock;
use jettison_model::column::row;
use jettison_model::{Needs, Snapshot};
use jettison_sense::{Now, Root, Sensor};
use jettison_tests::{Memcg, Running};

const MIB: u64 = 1 << 20;

fn sense(sensor: &mut Sensor) -> Snapshot {
    let boot_ms = Root::live().uptime_ms().unwrap();
    let mut snapshot = Snapshot::default();
    sensor.sense(Needs::default(), Now { boot_ms, wall_ms: 1 }, &mut snapshot);
    assert_eq!(sensor.faults_total(), 0, "{:?}", sensor.faults());
    snapshot
}

/// The path of the memcg in which a process has been found.
fn home(snapshot: &Snapshot, pid: u32) -> Option<String> {
    let at = snapshot.processes.pids.binary_search(&pid).unwrap();
    let memcg = row(snapshot.processes.memcgs[at])?;
    Some(String::from_utf8_lossy(snapshot.memcgs.paths.get(memcg)).into_owned())
}

#[test]
#[ignore = "needs root, to make memcgs"]
fn empty_leaves_are_left_out_and_a_process_that_turns_up_in_one_is_found_there() {
    let memcg = Memcg::new("leaves", 256 * MIB).unwrap();
    let mut sensor = Sensor::new(Root::live(), None).unwrap();
    let before = sense(&mut sensor).memcgs.len();
    assert_eq!(sensor.memcgs_left_out(), 0, "this host has few");
    let flock = Flock::new(&memcg, 3_000);
    // New ones are read within bounds, then left out.
    let mut rows = 0;
    for _ in 0..4 {
        rows = sense(&mut sensor).memcgs.len();
    }
    assert!(rows < before + 1_024, "{rows} rows");
    assert_eq!(rows + sensor.memcgs_left_out(), before + 3_000, "each is in the table, or counted");
    // More than are read in turn, so that most of them were left out.
    let sleepers: Vec<(Running, String)> = (0..40).map(|number| flock.sleeper(number * 70)).collect();
    let found = sense(&mut sensor);
    for (sleeper, path) in &sleepers {
        assert_eq!(home(&found, sleeper.id()).as_ref(), Some(path));
    }
    let found = sense(&mut sensor);
    for (sleeper, path) in &sleepers {
        assert_eq!(home(&found, sleeper.id()).as_ref(), Some(path), "and stays");
    }
}

#[test]
#[ignore = "needs root, to make memcgs"]
fn a_process_that_moves_into_a_leaf_that_was_left_out_is_found_there_by_the_next_scan() {
    let memcg = Memcg::new("moved", 256 * MIB).unwrap();
    let flock = Flock::new(&memcg, 3_000);
    let mut sensor = Sensor::new(Root::live(), None).unwrap();
    let (first, path) = flock.sleeper(0);
    for _ in 0..3 {
        sense(&mut sensor);
    }
    assert!(sensor.memcgs_left_out() > 1_000 && home(&sense(&mut sensor), first.id()) == Some(path));
    let moved = (1..20).map(|number| number * 140).map(|number| {
        fs::write(flock.directory(number).join("cgroup.procs"), first.id().to_string()).unwrap();
        sense(&mut sensor);
        (home(&sense(&mut sensor), first.id()), Some(flock.path(number)))
    });
    for (found, expected) in moved {
        assert_eq!(found, expected);
    }
}
