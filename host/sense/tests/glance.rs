//! A glance has the table of a scan, and sees what may not wait; the rest it sees within five minutes.
//!
//! On the machine that runs the tests, since only the kernel's procfs allows it. No swap may be in use.

#[path = "kit/shell.rs"]
mod shell;

use std::fs;

use jettison_model::snapshot::flags::{KERNEL_THREAD, ZOMBIE};
use jettison_model::{Needs, Snapshot};
use jettison_sense::{Now, Root, Sensor};
use jettison_tests::{Hog, Memcg, wait_for};
use shell::{Shell, at, row_of};

const MIB: u64 = 1 << 20;

/// One sensor that has scanned, and its clock.
struct Glancing {
    sensor: Sensor,
    now: Now,
}

impl Glancing {
    fn new(scope: Option<&str>) -> Self {
        let now = Now { boot_ms: Root::live().uptime_ms().unwrap(), wall_ms: 1 };
        let mut sensor = Sensor::new(Root::live(), scope).unwrap();
        sensor.sense(Needs::default(), now, &mut Snapshot::default());
        Self { sensor, now }
    }

    /// A glance so much later.
    fn after_ms(&mut self, ms: u64) -> Snapshot {
        self.now.boot_ms += ms;
        let mut snapshot = Snapshot::default();
        self.sensor.glance(Needs::default(), self.now, &mut snapshot);
        assert_eq!(self.sensor.faults(), []);
        snapshot
    }
}

fn comm(snapshot: &Snapshot, pid: u32) -> String {
    String::from_utf8_lossy(snapshot.processes.comms.get(at(snapshot, pid))).into_owned()
}

#[test]
fn a_glance_has_the_rows_of_a_scan() {
    let shells: Vec<Shell> = (0..40).map(|_| Shell::start()).collect();
    let own_scope = Sensor::new(Root::live(), None).unwrap().hierarchy().map(|_| "/");
    for scope in [None, own_scope] {
        let mut glancing = Glancing::new(scope);
        let (first, second) = (glancing.after_ms(1), glancing.after_ms(1));
        let mut scanned = Snapshot::default();
        let mut fresh = Sensor::new(Root::live(), scope).unwrap();
        fresh.sense(Needs::default(), glancing.now, &mut scanned);
        for shell in &shells {
            let expected = row_of(&scanned, shell.pid());
            assert_eq!(row_of(&first, shell.pid()), expected);
            assert_eq!(row_of(&second, shell.pid()), expected);
        }
        // Kernel threads and other processes, any of which may become a zombie meanwhile.
        let table = |snapshot: &Snapshot| {
            let rows = 0..snapshot.processes.len();
            let all =
                rows.map(|row| (snapshot.processes.id(row), snapshot.processes.flags[row] & KERNEL_THREAD));
            all.filter(|(id, _)| scanned.processes.pids.binary_search(&id.unwrap().pid).is_ok())
                .collect::<Vec<_>>()
        };
        let gone = |id: &u32| second.processes.pids.binary_search(id).is_err();
        if !scanned.processes.pids.iter().any(gone) {
            assert_eq!(table(&second), table(&scanned));
        }
    }
}

#[test]
fn what_changes_its_address_space_is_read_again() {
    let mut shell = Shell::start();
    let pid = shell.pid();
    let mut glancing = Glancing::new(None);
    shell.tell("exec sleep 600");
    wait_for("sleep", || (shell.file("comm") == "sleep\n").then_some(()));
    assert_eq!(comm(&glancing.after_ms(1), pid), "sleep");
    fs::write(Root::live().proc.join(pid.to_string()).join("oom_score_adj"), "300").unwrap();
    let snapshot = glancing.after_ms(1);
    assert_eq!(snapshot.processes.oom_score_adjs_now[at(&snapshot, pid)], 300);
    // Its parent has not asked for it yet.
    shell.0.kill().unwrap();
    wait_for("a zombie", || shell.file("stat").contains(") Z ").then_some(()));
    for _ in 0..2 {
        let snapshot = glancing.after_ms(1);
        assert_eq!(snapshot.processes.flags[at(&snapshot, pid)], ZOMBIE);
    }
    drop(shell);
    assert!(glancing.after_ms(1).processes.pids.binary_search(&pid).is_err());
}

#[test]
fn a_name_may_be_minutes_old() {
    let mut shell = Shell::start();
    let pid = shell.pid();
    let mut glancing = Glancing::new(None);
    shell.tell("printf other > /proc/$$/comm");
    wait_for("another name", || (shell.file("comm") == "other\n").then_some(()));
    assert_eq!(comm(&glancing.after_ms(299_999), pid), "sh");
    assert_eq!(comm(&glancing.after_ms(1), pid), "other");
    shell.tell("printf third > /proc/$$/comm");
    wait_for("a third name", || (shell.file("comm") == "third\n").then_some(()));
    assert_eq!(comm(&glancing.after_ms(10), pid), "other", "five minutes from the last scan");
    let mut snapshot = Snapshot::default();
    let details = Needs { cmdlines: true, ..Needs::default() };
    glancing.sensor.glance(details, glancing.now, &mut snapshot);
    assert_eq!(comm(&snapshot, pid), "other", "a command line is read at a glance, too");
    assert_eq!(snapshot.processes.cmdlines.get(at(&snapshot, pid)), b"sh\0");
}

#[test]
fn a_command_line_is_kept_with_its_process_until_that_has_another_name() {
    let mut shell = Shell::start();
    let pid = shell.pid();
    let mut glancing = Glancing::new(None);
    let needs = Needs { cmdlines: true, exes: true, ..Needs::default() };
    let mut cmdline = |ms: u64, is_scan: bool| {
        glancing.now.boot_ms += ms;
        let mut snapshot = Snapshot::default();
        match is_scan {
            true => glancing.sensor.sense(needs, glancing.now, &mut snapshot),
            false => {
                glancing.sensor.glance(needs, glancing.now, &mut snapshot);
            }
        }
        assert_eq!(glancing.sensor.faults(), []);
        assert!(snapshot.processes.exes.get(at(&snapshot, pid)).starts_with(b"/"));
        snapshot.processes.cmdlines.get(at(&snapshot, pid)).to_vec()
    };
    assert_eq!(cmdline(0, false), b"sh\0");
    shell.tell("exec sh -s young");
    wait_for("another command line", || shell.file("cmdline").contains("young").then_some(()));
    assert_eq!(cmdline(5_000, true), b"sh\0-s\0young\0", "it was read in its first moments");
    shell.tell("exec sh -s old");
    wait_for("a third one", || shell.file("cmdline").contains("old").then_some(()));
    assert_eq!(cmdline(5_000, true), b"sh\0-s\0young\0", "it is read once");
    shell.tell("printf other > /proc/$$/comm");
    wait_for("another name", || (shell.file("comm") == "other\n").then_some(()));
    assert_eq!(cmdline(5_000, true), b"sh\0-s\0old\0");
}

#[test]
#[ignore = "needs root, to make a memcg"]
fn memory_that_grows_and_a_memcg_that_is_left_are_seen() {
    let memcg = Memcg::new("glance", 128 * MIB).unwrap();
    let other = Memcg::new("glance-other", 128 * MIB).unwrap();
    let mut hog = Hog::new(&memcg, false).unwrap();
    hog.take_mib(4).unwrap();
    let mut glancing = Glancing::new(None);
    hog.take_mib(64).unwrap();
    let resident = || {
        let status =
            fs::read_to_string(Root::live().proc.join(hog.pid().to_string()).join("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap().to_owned();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    };
    wait_for("64 MiB", || (resident() > 64 * MIB).then_some(()));
    let snapshot = glancing.after_ms(2_000);
    let row = at(&snapshot, hog.pid());
    assert!(snapshot.processes.rss_anon_bytes[row].abs_diff(resident()) < MIB);
    assert!(snapshot.processes.growth_bytes_per_s[row] > i64::try_from(30 * MIB).unwrap());
    let path = |snapshot: &Snapshot| {
        let memcg = snapshot.processes.memcgs[at(snapshot, hog.pid())];
        snapshot.memcgs.paths.get(memcg as usize).to_vec()
    };
    assert_eq!(path(&snapshot), memcg.path().as_bytes());
    let procs = glancing.sensor.hierarchy().unwrap().directory_of(other.path()).join("cgroup.procs");
    fs::write(procs, hog.pid().to_string()).unwrap();
    assert_eq!(path(&glancing.after_ms(1)), other.path().as_bytes());
    drop(hog);
}

#[test]
#[ignore = "needs root, to make memcgs"]
fn where_nothing_changes_only_the_adjustment_is_read() {
    let shell = Shell::start();
    let pid = shell.pid();
    let mut sensor = Sensor::new(Root::live(), None).unwrap();
    let mut snapshot = Snapshot::default();
    let boot_ms = Root::live().uptime_ms().unwrap();
    let adj = Root::live().proc.join(pid.to_string()).join("oom_score_adj");
    let mut attempt = 0;
    // Another process may start at any time, which makes it a glance. Try for half a minute on a busy host.
    wait_for("two looks between which no process comes", || {
        attempt += 1;
        let now = |ms: u64| Now { boot_ms: boot_ms + attempt * 1_000 + ms, wall_ms: 1 };
        sensor.sense(Needs::default(), now(0), &mut snapshot);
        let (before, memcgs) = (row_of(&snapshot, pid), snapshot.memcgs.len());
        let age = snapshot.processes.ages_ms[at(&snapshot, pid)];
        let value = attempt % 500 + 1;
        fs::write(&adj, value.to_string()).unwrap();
        // Processes that started and ended in between do not count.
        assert!(std::process::Command::new("true").status().unwrap().success());
        // A glance would see it, and a still look does not: it walks no memcgs.
        let made = Memcg::new(&format!("still-{attempt}"), MIB).unwrap();
        let said = sensor.glance(Needs::default(), now(500), &mut snapshot);
        let is_still = snapshot.memcgs.len() == memcgs;
        assert_eq!(said, is_still);
        drop(made);
        let row = at(&snapshot, pid);
        assert_eq!(u64::try_from(snapshot.processes.oom_score_adjs_now[row]), Ok(value));
        assert_eq!(snapshot.processes.ages_ms[row], age + 500);
        let without_adj = |text: &str| text.split(" adj ").next().unwrap().to_owned();
        assert_eq!(without_adj(&row_of(&snapshot, pid)), without_adj(&before));
        is_still.then_some(())
    });
    let boot_ms = boot_ms + attempt * 1_000;
    // Processes that have started or ended are noticed.
    let other = Shell::start();
    assert!(!sensor.glance(Needs::default(), Now { boot_ms: boot_ms + 1_000, wall_ms: 1 }, &mut snapshot));
    let other_pid = other.pid();
    assert!(snapshot.processes.pids.binary_search(&other_pid).is_ok());
    drop(other);
    assert!(!sensor.glance(Needs::default(), Now { boot_ms: boot_ms + 2_000, wall_ms: 1 }, &mut snapshot));
    assert!(snapshot.processes.pids.binary_search(&other_pid).is_err());
    assert_eq!(sensor.faults(), []);
}
