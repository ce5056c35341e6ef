//! A look in focus reads few processes, and misses none that can have taken what memory has lost.
//!
//! On the machine that runs the tests, since only the kernel's procfs allows it.

#[path = "kit/shell.rs"]
mod shell;

use std::io::Read;

use jettison_model::{Needs, ProcessId, Snapshot};
use jettison_sense::{Now, Root, Sensor};
use shell::{Shell, at, row_of};

const MIB: u64 = 1 << 20;
/// No process is young any more by then.
const LATER_MS: u64 = 20_000;
/// Where other work on the machine takes memory meanwhile, a look becomes a scan, so that what is not read
/// cannot be shown.
const ATTEMPTS: usize = 40;

/// One sensor that has scanned, the snapshot that it fills, and its clock.
struct Focusing {
    sensor: Sensor,
    now: Now,
    snapshot: Snapshot,
}

impl Focusing {
    fn new() -> Self {
        let now = Now { boot_ms: Root::live().uptime_ms().unwrap() + LATER_MS, wall_ms: 1 };
        let mut focusing =
            Self { sensor: Sensor::new(Root::live(), None).unwrap(), now, snapshot: Snapshot::default() };
        focusing.scan();
        focusing
    }

    fn scan(&mut self) {
        self.now.boot_ms += 1;
        self.sensor.sense(Needs::default(), self.now, &mut self.snapshot);
    }

    fn after_ms(&mut self, ms: u64, on: &[ProcessId]) {
        self.now.boot_ms += ms;
        self.sensor.focus(Needs::default(), self.now, on, &mut self.snapshot);
        assert_eq!(self.sensor.faults(), []);
    }

    fn has(&self, pid: u32) -> bool {
        self.snapshot.processes.pids.binary_search(&pid).is_ok()
    }

    fn anon_mib(&self, pid: u32) -> u64 {
        self.snapshot.processes.rss_anon_bytes[at(&self.snapshot, pid)] / MIB
    }

    fn id(&self, pid: u32) -> ProcessId {
        self.snapshot.processes.id(at(&self.snapshot, pid)).unwrap()
    }
}

/// Has a shell hold so much in a variable, and waits for it.
fn hold(shell: &mut Shell, mib: u64) {
    shell.tell(&format!("held=$(head -c {mib}M /dev/zero | tr '\\0' x); echo"));
    shell.0.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
}

/// Shells that are small, as many as push each other out of the focus.
fn crowd() -> Vec<Shell> {
    (0..150).map(|_| Shell::start()).collect()
}

/// What ended unseen keeps its row, so a row of the dead shows that it was not read.
fn kept_row_of_the_dead(on_it: bool) -> bool {
    let crowd = crowd();
    (0..ATTEMPTS).any(|_| {
        let victim = Shell::start();
        let mut focusing = Focusing::new();
        let (pid, id) = (victim.pid(), focusing.id(victim.pid()));
        drop(victim);
        focusing.after_ms(10, if on_it { std::slice::from_ref(&id) } else { &[] });
        assert!(crowd.iter().all(|shell| focusing.has(shell.pid())), "those that live have their rows");
        focusing.has(pid)
    })
}

#[test]
fn the_small_and_old_are_not_read_and_those_asked_for_are() {
    assert!(kept_row_of_the_dead(false), "all looks became scans");
    assert!(!kept_row_of_the_dead(true));
}

#[test]
fn a_row_that_is_not_read_has_the_adjustment_that_was_given_since() {
    // Another value than the kernel has shows that it was not read.
    let crowd = crowd();
    let shell = Shell::start();
    let is_noted = (0..ATTEMPTS).any(|_| {
        let mut focusing = Focusing::new();
        let id = focusing.id(shell.pid());
        focusing.sensor.note_adj(id, 301, &mut focusing.snapshot);
        let adj = |focusing: &Focusing| {
            focusing.snapshot.processes.oom_score_adjs_now[at(&focusing.snapshot, id.pid)]
        };
        assert_eq!(adj(&focusing), 301);
        // Rows change in place; with a newcomer the table is filled anew.
        focusing.after_ms(10, &[]);
        let in_place = adj(&focusing);
        let _newcomer = Shell::start();
        focusing.after_ms(10, &[]);
        (in_place, adj(&focusing)) == (301, 301)
    });
    assert!(is_noted, "all looks became scans");
    assert!(crowd.iter().all(|shell| Focusing::new().has(shell.pid())));
}

#[test]
fn rows_that_are_read_are_those_of_a_scan() {
    let mut shells: Vec<Shell> = (0..3).map(|_| Shell::start()).collect();
    let crowd = crowd();
    hold(&mut shells[0], 64);
    let mut focusing = Focusing::new();
    hold(&mut shells[0], 96);
    let newcomer = Shell::start();
    focusing.after_ms(10, &[]);
    let (large, new) = (shells[0].pid(), newcomer.pid());
    let found = [large, new].map(|pid| row_of(&focusing.snapshot, pid));
    let pages = shells[0].file("statm");
    let resident: u64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
    let held = focusing.anon_mib(large);
    assert!((96..=resident * 4096 / MIB).contains(&held), "{held} MiB of {resident} pages");
    focusing.scan();
    assert_eq!(found, [large, new].map(|pid| row_of(&focusing.snapshot, pid)));
    assert!(crowd.iter().all(|shell| focusing.has(shell.pid())));
}

#[test]
fn what_a_small_process_takes_is_not_missed() {
    // As many larger ones as are read, so that this one is not among them.
    let larger: Vec<Shell> = (0..64)
        .map(|_| {
            let mut shell = Shell::start();
            hold(&mut shell, 2);
            shell
        })
        .collect();
    // By chance other work on the machine may give back what this one takes.
    let is_seen = (0..5).any(|_| {
        let mut small = Shell::start();
        let mut focusing = Focusing::new();
        let part_mib = focusing.snapshot.host.memory_total_bytes / MIB / 256;
        hold(&mut small, 3 * part_mib);
        focusing.after_ms(10, &[]);
        focusing.anon_mib(small.pid()) >= 3 * part_mib
    });
    assert!(is_seen);
    drop(larger);
}

#[test]
fn another_snapshot_than_the_last_is_filled_by_a_scan() {
    let mut focusing = Focusing::new();
    let shell = Shell::start();
    let mut other = Snapshot::default();
    assert!(focusing.sensor.focus(Needs::default(), focusing.now, &[], &mut other));
    assert!(other.processes.pids.binary_search(&shell.pid()).is_ok());
    assert_eq!(other.processes.len(), other.processes.growth_bytes_per_s.len());
}
