//! Processes that were there in the last scan are read in a shorter way: the table is the same, and what
//! changes is seen.
//!
//! On the machine that runs the tests, since only the kernel's procfs allows the short way.

#[path = "kit/shell.rs"]
mod shell;

use std::fs;
use std::path::Path;

use jettison_model::column::row;
use jettison_model::{Needs, ProcessId, Snapshot};
use jettison_sense::{Now, Root, Sensor};
use jettison_tests::{Memcg, Running, wait_for};
use shell::{Shell, at, row_of};

const MIB: u64 = 1 << 20;
const SOME: Needs = Needs { cmdlines: true, exes: true, pss: false, counters: false, refaults: false };

fn sense(sensor: &mut Sensor, needs: Needs) -> Snapshot {
    let boot_ms = Root::live().uptime_ms().unwrap();
    let mut snapshot = Snapshot::default();
    sensor.sense(needs, Now { boot_ms, wall_ms: 1 }, &mut snapshot);
    snapshot
}

#[test]
fn a_known_process_has_the_row_of_a_new_one() {
    let shells: Vec<Shell> = (0..40).map(|_| Shell::start()).collect();
    let scope = Sensor::new(Root::live(), None).unwrap().hierarchy().map(|_| "/");
    for (needs, scope) in [(Needs::default(), None), (SOME, None), (SOME, scope)] {
        let mut sensor = Sensor::new(Root::live(), scope).unwrap();
        sense(&mut sensor, Needs::default());
        let known = sense(&mut sensor, needs);
        let known_again = sense(&mut sensor, needs);
        let new = sense(&mut Sensor::new(Root::live(), scope).unwrap(), needs);
        for shell in &shells {
            let expected = row_of(&new, shell.pid());
            assert_eq!(row_of(&known, shell.pid()), expected);
            assert_eq!(row_of(&known_again, shell.pid()), expected);
        }
        // Columns stay beside each other.
        let rows = known.processes.len();
        assert_eq!([known.processes.comms.len(), known.processes.memcgs.len()], [rows; 2]);
        assert_eq!(known.processes.cmdlines.len(), if needs.cmdlines { rows } else { 0 });
    }
}

#[test]
fn what_a_known_process_changes_is_seen() {
    let mut shell = Shell::start();
    let pid = shell.pid();
    let mut sensor = Sensor::new(Root::live(), None).unwrap();
    sense(&mut sensor, SOME);
    let mut seen = |shell: &mut Shell, line: &str, is_done: &dyn Fn(&Shell) -> bool| {
        shell.tell(line);
        wait_for(line, || is_done(shell).then_some(()));
        let snapshot = sense(&mut sensor, SOME);
        let (table, at) = (snapshot.processes.clone(), at(&snapshot, pid));
        (table.comms.get(at).to_vec(), table.oom_score_adjs_now[at], table.cmdlines.get(at).to_vec())
    };
    let sh = b"sh\0".to_vec();
    let named = |name: &'static str| move |shell: &Shell| shell.file("comm").trim_end() == name;
    let found = seen(&mut shell, "printf 'a) Z b' > /proc/$$/comm", &named("a) Z b"));
    assert_eq!(found, (b"a) Z b".to_vec(), 0, sh.clone()));
    // The kernel escapes these two in `status`, so it has to look elsewhere.
    let found = seen(&mut shell, r"printf 'a\\b\nc' > /proc/$$/comm", &named("a\\b\nc"));
    assert_eq!(found, (b"a\\b\nc".to_vec(), 0, sh.clone()));
    let found = seen(&mut shell, "echo 300 > /proc/$$/oom_score_adj", &|shell| {
        shell.file("oom_score_adj") == "300\n"
    });
    assert_eq!(found.1, 300);
    let found = seen(&mut shell, "exec sleep 600", &named("sleep"));
    assert_eq!(found, (b"sleep".to_vec(), 300, b"sleep\x00600\0".to_vec()));
    // Its parent has not asked for it yet.
    shell.0.kill().unwrap();
    wait_for("a zombie", || shell.file("stat").contains(") Z ").then_some(()));
    let snapshot = sense(&mut sensor, SOME);
    let flags = snapshot.processes.flags[at(&snapshot, pid)];
    assert_eq!(flags, jettison_model::snapshot::flags::ZOMBIE);
    shell.0.wait().unwrap();
    assert!(sense(&mut sensor, SOME).processes.pids.binary_search(&pid).is_err());
    assert_eq!(sensor.faults(), []);
}

#[test]
#[ignore = "needs root, to make memcgs"]
fn a_known_process_that_moves_is_seen_in_its_new_memcg() {
    let here = Memcg::new("known-a", 64 * MIB).unwrap();
    let there = Memcg::new("known-b", 64 * MIB).unwrap();
    let shell = Shell(here.command(Path::new("sleep")).arg("600").spawn().map(Running).unwrap());
    wait_for("sleep", || (shell.file("comm") == "sleep\n").then_some(()));
    let mut sensor = Sensor::new(Root::live(), Some(here.path())).unwrap();
    let place = |sensor: &mut Sensor| {
        let snapshot = sense(sensor, Needs::default());
        let at = at(&snapshot, shell.pid());
        let memcg = row(snapshot.processes.memcgs[at]).map(|memcg| snapshot.memcgs.paths.get(memcg).to_vec());
        (memcg.unwrap(), snapshot.processes.flags[at])
    };
    let (inside, outside) = (here.path().as_bytes().to_vec(), there.path().as_bytes().to_vec());
    assert_eq!(place(&mut sensor), (inside.clone(), 0));
    assert_eq!(place(&mut sensor), (inside.clone(), 0));
    let procs = |memcg: &Memcg| sensor_directory(memcg).join("cgroup.procs");
    fs::write(procs(&there), shell.pid().to_string()).unwrap();
    assert_eq!(place(&mut sensor), (outside, jettison_model::snapshot::flags::OUT_OF_SCOPE));
    fs::write(procs(&here), shell.pid().to_string()).unwrap();
    assert_eq!(place(&mut sensor), (inside, 0));
    assert_eq!(sensor.faults(), []);
    drop(shell);
}

fn sensor_directory(memcg: &Memcg) -> std::path::PathBuf {
    let sensor = Sensor::new(Root::live(), None).unwrap();
    sensor.hierarchy().unwrap().directory_of(memcg.path())
}

#[test]
#[ignore = "needs root, to have a pid used again"]
fn a_pid_used_again_is_another_process() {
    let last_pid = Root::live().proc.join("sys/kernel/ns_last_pid");
    for _ in 0..20 {
        let first = Shell::start();
        let pid = first.pid();
        let mut sensor = Sensor::new(Root::live(), None).unwrap();
        let id = |sensor: &mut Sensor| -> Option<ProcessId> {
            let snapshot = sense(sensor, Needs::default());
            snapshot.processes.id(snapshot.processes.pids.binary_search(&pid).ok()?)
        };
        let before = id(&mut sensor).unwrap();
        drop(first);
        // Start times have a grain of 10 ms.
        let uptime_ms = || Root::live().uptime_ms().unwrap();
        let ended_ms = uptime_ms();
        wait_for("a later start time", || (uptime_ms() > ended_ms + 20).then_some(()));
        fs::write(&last_pid, (pid - 1).to_string()).unwrap();
        let second = Shell::start();
        // Another process may have got the pid first.
        if second.pid() == pid {
            let after = id(&mut sensor).unwrap();
            assert!(after.start_time > before.start_time, "{before:?} {after:?}");
            return;
        }
    }
    panic!("the kernel did not use a pid again");
}
