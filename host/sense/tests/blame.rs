//! What was taken since memory was last at ease, and by which process: a machine of files that change between
//! two scans.

use std::fs::{create_dir_all, remove_dir_all, write};

use jettison_model::column::{NONE_U32, UNKNOWN_S64, UNKNOWN_U64};
use jettison_model::{Needs, Snapshot};
use jettison_sense::{EaseMarks, Now, Root, Sensor};

const MIB: i64 = 1 << 20;
/// Above it memory is at ease.
const WARN_MIB: u64 = 400;
const TOTAL_MIB: u64 = 1_000;

/// `INIT` is the parent of all that are started by none other.
const INIT: u32 = 1;
/// Has always been there.
const OLD: u32 = 100;

struct Machine {
    folder: tempfile::TempDir,
    sensor: Sensor,
    snapshot: Snapshot,
    boot_ms: u64,
}

impl Machine {
    /// With init and one old process, at rest.
    fn new(available_mib: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        create_dir_all(folder.path().join("proc")).unwrap();
        let meminfo = folder.path().join("proc/meminfo");
        write(meminfo, "MemTotal: 1 kB\nMemAvailable: 1 kB\n").unwrap();
        let sensor = Sensor::new(Root::below(folder.path()), None).unwrap();
        let machine = Self { folder, sensor, snapshot: Snapshot::default(), boot_ms: 1_000_000 };
        machine.available(available_mib);
        machine.process(INIT, 0, 0, (1, 0));
        machine.process(OLD, INIT, 0, (50, 0));
        machine
    }

    fn available(&self, mib: u64) {
        let text = format!("MemTotal: {} kB\nMemAvailable: {} kB\n", TOTAL_MIB << 10, mib << 10);
        write(self.folder.path().join("proc/meminfo"), text).unwrap();
    }

    /// Of anonymous and shared memory, MiB. `start_time` is in hundredths of a second.
    fn process(&self, pid: u32, parent: u32, start_time: u64, (anon, shmem): (u64, u64)) {
        let process = self.folder.path().join("proc").join(pid.to_string());
        create_dir_all(&process).unwrap();
        let stat =
            format!("{pid} (p) S {parent} 5 6 7 8 4194304 0 0 0 0 0 0 0 0 20 0 1 0 {start_time} 0 0\n");
        write(process.join("stat"), stat).unwrap();
        let (anon, shmem) = (anon << 10, shmem << 10);
        let sizes = format!("VmSize:\t9 kB\nRssAnon:\t{anon} kB\nRssFile:\t0 kB\nRssShmem:\t{shmem} kB\n");
        write(process.join("status"), format!("Uid:\t0\t0\t0\t0\n{sizes}VmSwap:\t0 kB\n")).unwrap();
        write(process.join("oom_score_adj"), "0\n").unwrap();
    }

    /// One that has just started.
    fn starts(&self, pid: u32, parent: u32, sizes: (u64, u64)) {
        self.process(pid, parent, self.boot_ms / 10, sizes);
    }

    fn end(&self, pid: u32) {
        remove_dir_all(self.folder.path().join("proc").join(pid.to_string())).unwrap();
    }

    /// A tick so much later.
    fn after_ms(&mut self, ms: u64) {
        self.boot_ms += ms;
        self.sensor.sense(Needs::default(), Now { boot_ms: self.boot_ms, wall_ms: 0 }, &mut self.snapshot);
        assert_eq!(self.sensor.faults(), []);
        self.sensor.blame(WARN_MIB << 20, &mut self.snapshot);
    }

    fn row(&self, pid: u32) -> usize {
        self.snapshot.processes.pids.binary_search(&pid).unwrap()
    }

    fn taken(&self, pid: u32) -> i64 {
        self.snapshot.processes.taken_bytes[self.row(pid)]
    }

    fn growth(&self, pid: u32) -> i64 {
        self.snapshot.processes.growth_bytes_per_s[self.row(pid)]
    }

    fn of_the_hour(&self, pid: u32) -> i64 {
        self.snapshot.processes.growth_1h_bytes_per_s[self.row(pid)]
    }

    fn births(&self, pid: u32) -> u32 {
        self.snapshot.processes.births_per_1000s[self.row(pid)]
    }

    /// Milliseconds since memory was at ease; MiB that have gone since then, and of these by no process.
    fn host(&self) -> (u64, u64, u64) {
        let host = &self.snapshot.host;
        (host.eased_ms_ago, host.taken_bytes >> 20, host.taken_by_nobody_bytes >> 20)
    }
}

#[test]
fn what_is_taken_is_measured_from_the_last_tick_at_ease() {
    let mut machine = Machine::new(900);
    machine.after_ms(0);
    assert_eq!((machine.taken(OLD), machine.host()), (0, (0, 0, 0)));
    machine.process(OLD, INIT, 0, (250, 0));
    machine.available(700);
    machine.after_ms(10_000);
    assert_eq!((machine.taken(OLD), machine.host()), (0, (0, 0, 0)), "still at ease");
    machine.process(OLD, INIT, 0, (550, 0));
    machine.starts(200, INIT, (20, 0));
    machine.available(350);
    machine.after_ms(10_000);
    assert_eq!((machine.taken(OLD), machine.host()), (300 * MIB, (10_000, 350, 30)));
    assert_eq!(machine.taken(200), 20 * MIB, "all of it is newer");
    assert_eq!(machine.taken(INIT), 0);
    machine.process(OLD, INIT, 0, (150, 0));
    machine.process(200, INIT, machine.snapshot.processes.start_times[machine.row(200)], (40, 0));
    machine.available(390);
    machine.after_ms(1_000);
    assert_eq!((machine.taken(OLD), machine.taken(200)), (-100 * MIB, 40 * MIB), "given back");
    assert_eq!(machine.host(), (11_000, 310, 270), "what is given back pays for no other");
    machine.available(401);
    machine.after_ms(1_000);
    assert_eq!((machine.taken(OLD), machine.taken(200), machine.host()), (0, 0, (0, 0, 0)), "over");
}

/// What the sensor leaves is taken up by the next one, after so many milliseconds. Returns whether it can be.
fn start_anew(machine: &mut Machine, after_ms: u64, scope_changes: bool) -> bool {
    let left = machine.sensor.ease_marks().unwrap().to_bytes();
    let left =
        if scope_changes { String::from_utf8(left).unwrap().replace("null", r#""/a""#).into() } else { left };
    machine.sensor = Sensor::new(Root::below(machine.folder.path()), None).unwrap();
    machine.snapshot = Snapshot::default();
    machine.boot_ms += after_ms;
    machine.sensor.remember(machine.boot_ms, &EaseMarks::from_bytes(&left).unwrap())
}

fn name_boot(machine: &Machine, boot_id: &str) {
    let random = machine.folder.path().join("proc/sys/kernel/random");
    create_dir_all(&random).unwrap();
    write(random.join("boot_id"), boot_id).unwrap();
}

#[test]
fn a_sensor_that_starts_on_a_short_host_knows_what_was_taken_before_it() {
    let mut machine = Machine::new(900);
    name_boot(&machine, "one\n");
    machine.after_ms(0);
    assert!(machine.sensor.is_at_ease());
    machine.process(OLD, INIT, 0, (550, 0));
    machine.available(350);
    machine.after_ms(10_000);
    assert!(!machine.sensor.is_at_ease());
    machine.starts(200, INIT, (20, 0));
    assert!(start_anew(&mut machine, 3_000, false));
    machine.after_ms(0);
    assert_eq!((machine.taken(OLD), machine.host()), (500 * MIB, (13_000, 550, 30)));
    assert_eq!(machine.taken(200), 20 * MIB, "it has started since");
    assert_eq!(machine.taken(INIT), 0);
    machine.available(900);
    machine.after_ms(1_000);
    assert_eq!((machine.taken(OLD), machine.host()), (0, (0, 0, 0)), "over");
    // It was there, and could not be read.
    machine.process(300, INIT, 0, (60, 0));
    assert!(start_anew(&mut machine, 1_000, false));
    machine.available(300);
    machine.after_ms(0);
    assert_eq!(machine.taken(300), UNKNOWN_S64);
}

#[test]
fn what_was_left_in_another_boot_of_another_scope_or_long_ago_counts_for_nothing() {
    let mut machine = Machine::new(900);
    machine.after_ms(0);
    assert!(machine.sensor.ease_marks().is_none(), "boots cannot be told apart");
    name_boot(&machine, "one\n");
    assert!(!start_anew(&mut machine, 0, true));
    for (ms, usable) in [(3_600_000, true), (3_600_001, false)] {
        machine.after_ms(0);
        assert_eq!(start_anew(&mut machine, ms, false), usable, "{ms} ms later");
    }
    machine.after_ms(0);
    let left = machine.sensor.ease_marks().unwrap();
    name_boot(&machine, "two\n");
    assert!(!machine.sensor.remember(machine.boot_ms, &left));
    machine.available(300);
    machine.after_ms(0);
}

#[test]
fn before_memory_was_ever_at_ease_only_new_processes_have_taken_a_known_amount() {
    let mut machine = Machine::new(300);
    machine.after_ms(0);
    machine.starts(200, INIT, (70, 0));
    machine.after_ms(1_000);
    assert_eq!((machine.taken(OLD), machine.taken(200)), (UNKNOWN_S64, 70 * MIB));
    let host = &machine.snapshot.host;
    assert_eq!([host.eased_ms_ago, host.taken_bytes, host.taken_by_nobody_bytes], [UNKNOWN_U64; 3]);
    machine.available(500);
    machine.after_ms(1_000);
    machine.available(300);
    machine.process(OLD, INIT, 0, (90, 0));
    machine.after_ms(1_000);
    assert_eq!((machine.taken(OLD), machine.host()), (40 * MIB, (1_000, 200, 160)));
}

#[test]
fn other_memory_than_before_has_lost_an_unknown_amount() {
    let mut machine = Machine::new(900);
    machine.after_ms(0);
    write(machine.folder.path().join("proc/meminfo"), "MemTotal: 900000 kB\nMemAvailable: 1000 kB\n")
        .unwrap();
    machine.process(OLD, INIT, 0, (60, 0));
    machine.after_ms(1_000);
    let host = &machine.snapshot.host;
    assert_eq!([host.taken_bytes, host.taken_by_nobody_bytes], [UNKNOWN_U64; 2]);
    assert_eq!((host.eased_ms_ago, machine.taken(OLD)), (1_000, 10 * MIB));
    // Neither does a level tell anything if there is no level to compare.
    write(machine.folder.path().join("proc/meminfo"), "gone\n").unwrap();
    let now = Now { boot_ms: machine.boot_ms + 1_000, wall_ms: 0 };
    machine.sensor.sense(Needs::default(), now, &mut machine.snapshot);
    machine.sensor.blame(WARN_MIB << 20, &mut machine.snapshot);
    assert_eq!(machine.snapshot.host.eased_ms_ago, 2_000, "unreadable is not at ease");
}

#[test]
fn shared_memory_of_its_own_counts_and_that_of_a_family_does_not() {
    let mut machine = Machine::new(900);
    // A database with two backends.
    machine.process(300, INIT, 0, (5, 30));
    machine.process(301, 300, 0, (5, 100));
    machine.process(302, 300, 0, (5, 100));
    machine.after_ms(0);
    machine.process(OLD, INIT, 0, (50, 200));
    machine.process(301, 300, 0, (5, 400));
    machine.process(302, 300, 0, (7, 400));
    machine.available(350);
    machine.after_ms(4_000);
    assert_eq!((machine.growth(OLD), machine.taken(OLD)), (50 * MIB, 200 * MIB));
    assert_eq!((machine.growth(301), machine.taken(301), machine.taken(302)), (0, 0, 2 * MIB));
    machine.end(301);
    machine.after_ms(4_000);
    assert_eq!((machine.growth(302), machine.taken(302)), (0, 2 * MIB), "it has taken nothing by that");
}

#[test]
fn the_growth_of_an_hour_shows_a_slow_leak() {
    let mut machine = Machine::new(900);
    machine.after_ms(0);
    let minute_ms = 60_000;
    for minute in 1..=90 {
        machine.process(OLD, INIT, 0, (50 + minute, 0));
        machine.after_ms(minute_ms);
        let expected = if minute < 5 { UNKNOWN_S64 } else { MIB / 60 };
        assert_eq!(machine.of_the_hour(OLD), expected, "minute {minute}");
    }
    assert_eq!(machine.of_the_hour(INIT), 0);
    machine.starts(200, INIT, (500, 0));
    machine.after_ms(1_000);
    assert_eq!(machine.of_the_hour(200), UNKNOWN_S64, "too new");
    machine.after_ms(3_600_000);
    machine.after_ms(3_600_000);
    assert_eq!(machine.of_the_hour(OLD), 0, "the leak has stopped");
}

#[test]
fn children_count_for_ten_seconds_for_the_parent_that_they_had() {
    let mut machine = Machine::new(900);
    machine.after_ms(0);
    assert_eq!(machine.births(OLD), NONE_U32, "in the first snapshot");
    machine.after_ms(1_000);
    assert_eq!(machine.births(OLD), 0);
    // One has a lower pid than its parent: pids start again at their end.
    for pid in [50, 201, 202, 203] {
        machine.starts(pid, OLD, (1, 0));
    }
    machine.process(204, OLD, machine.boot_ms / 10 - 6_000, (1, 0));
    machine.after_ms(1_000);
    assert_eq!((machine.births(OLD), machine.births(INIT)), (400, 0), "one has started a minute ago");
    machine.end(201);
    machine.process(202, INIT, machine.boot_ms / 10 - 100, (1, 0));
    machine.after_ms(1_000);
    assert_eq!((machine.births(OLD), machine.births(INIT)), (400, 0), "ended, and with another parent");
    machine.after_ms(15_000);
    assert_eq!(machine.births(OLD), 0);
}

#[test]
fn a_snapshot_that_is_not_of_the_sensor_has_no_taken_memory() {
    let mut machine = Machine::new(900);
    machine.after_ms(0);
    let mut other = machine.snapshot.clone();
    other.processes.pids = std::sync::Arc::new(vec![7, 8]);
    machine.sensor.blame(0, &mut other);
    assert_eq!(*other.processes.taken_bytes, [UNKNOWN_S64; 2]);
}
