//! What the kernel counts for the whole host: rates between two scans, and the watermarks of reclaim.

use std::fs::write;
use std::path::Path;

use jettison_model::column::{NONE_U32, UNKNOWN_U64};
use jettison_model::snapshot::Host;
use jettison_model::{Needs, Snapshot, Trend};
use jettison_sense::{Now, Root, Sensor};

const MIB: u64 = 1 << 20;
const COUNTERS: Needs = Needs { cmdlines: false, exes: false, pss: false, counters: true, refaults: false };

/// A machine that is nothing but counters.
struct Counting {
    folder: tempfile::TempDir,
    sensor: Sensor,
    boot_ms: u64,
}

impl Counting {
    fn new(available_mib: u64, vmstat: &str, stalled_us: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("proc/pressure")).unwrap();
        count(folder.path(), available_mib, vmstat, stalled_us);
        let sensor = Sensor::new(Root::below(folder.path()), None).unwrap();
        let mut machine = Self { folder, sensor, boot_ms: 3_600_000 };
        assert_eq!(machine.scan().host.trend, Trend::UNKNOWN);
        machine
    }

    /// The scan `ms` later, when these are the numbers.
    fn later(&mut self, ms: u64, available_mib: u64, vmstat: &str, stalled_us: u64) -> Snapshot {
        count(self.folder.path(), available_mib, vmstat, stalled_us);
        self.boot_ms += ms;
        self.scan()
    }

    fn scan(&mut self) -> Snapshot {
        self.scan_for(COUNTERS)
    }

    fn scan_for(&mut self, needs: Needs) -> Snapshot {
        let mut snapshot = Snapshot::default();
        self.sensor.sense(needs, Now { boot_ms: self.boot_ms, wall_ms: 0 }, &mut snapshot);
        snapshot
    }
}

fn count(machine: &Path, available_mib: u64, vmstat: &str, stalled_us: u64) {
    let proc = machine.join("proc");
    let meminfo = format!("MemTotal: 1048576 kB\nMemAvailable: {} kB\n", available_mib * 1024);
    write(proc.join("meminfo"), meminfo).unwrap();
    write(proc.join("vmstat"), vmstat).unwrap();
    let line = |kind, us| format!("{kind} avg10=0.00 avg60=0.00 avg300=0.00 total={us}\n");
    write(proc.join("pressure/memory"), line("some", stalled_us) + &line("full", stalled_us / 2)).unwrap();
}

/// Pages are as large as those of the machine that runs the test.
fn pages(mib: u64) -> u64 {
    mib * MIB / rustix::param::page_size() as u64
}

#[test]
fn everything_that_is_counted_has_a_rate() {
    let vmstat = |seconds: u64| {
        format!(
            "nr_free_pages 5\nworkingset_refault_anon {}\nworkingset_refault_file {}\npswpin {}\npswpout {}\n\
             allocstall_normal {}\nallocstall_movable {}\npgmajfault {}\noom_kill {}\n",
            pages(seconds),
            pages(2 * seconds),
            pages(3 * seconds),
            pages(4 * seconds),
            5 * seconds,
            6 * seconds,
            7 * seconds,
            8 + seconds,
        )
    };
    let mut machine = Counting::new(500, &vmstat(0), 1_000_000);
    let host = machine.later(2_000, 400, &vmstat(2), 1_500_000).host;
    let expected = Trend {
        refault_anon_bytes_per_s: MIB,
        refault_file_bytes_per_s: 2 * MIB,
        swap_in_bytes_per_s: 3 * MIB,
        swap_out_bytes_per_s: 4 * MIB,
        major_faults_per_s: 7,
        allocation_stalls_per_s: 11,
        memory_stall_some_us_per_s: 250_000,
        memory_stall_full_us_per_s: 125_000,
        memory_exhaustion_ms: 8_000,
        ..Trend::UNKNOWN
    };
    assert_eq!((host.oom_kills, host.trend), (10, expected));
    let calm = machine.later(1_000, 400, &vmstat(2), 1_500_000).host.trend;
    let still = machine.later(1_000, 400, &vmstat(2), 1_500_000).host.trend;
    assert_eq!((calm.memory_exhaustion_ms, still.memory_exhaustion_ms), (UNKNOWN_U64, UNKNOWN_U64));
    assert_eq!((still.swap_out_bytes_per_s, still.memory_stall_some_us_per_s), (0, 0));
    assert_eq!(machine.sensor.faults(), []);
}

#[test]
fn a_file_that_says_nothing_costs_its_own_rates_and_says_so() {
    let mut machine = Counting::new(500, "pgmajfault 1\n", 0);
    let torn = machine.later(1_000, 400, "garbage\n", 100_000).host;
    assert_eq!((torn.trend.major_faults_per_s, torn.oom_kills), (UNKNOWN_U64, UNKNOWN_U64));
    assert_eq!((torn.trend.memory_exhaustion_ms, torn.trend.memory_stall_some_us_per_s), (4_000, 100_000));
    let faults: Vec<&str> = machine.sensor.faults().iter().map(|fault| fault.what.as_str()).collect();
    assert_eq!(faults, ["none of the counters that are looked for"]);
    assert!(machine.sensor.faults()[0].path.ends_with("/proc/vmstat"));
}

#[test]
fn a_kernel_without_the_file_is_no_fault() {
    let mut machine = Counting::new(500, "pgmajfault 1\n", 0);
    std::fs::remove_file(machine.folder.path().join("proc/vmstat")).unwrap();
    let mut sensor = Sensor::new(Root::below(machine.folder.path()), None).unwrap();
    std::mem::swap(&mut machine.sensor, &mut sensor);
    assert_eq!(machine.scan().host.oom_kills, UNKNOWN_U64);
    assert_eq!(machine.sensor.faults(), []);
}

/// The kernel hands `vmstat` out a page at a time, and what we look for is at its end, too.
#[test]
fn the_whole_file_of_this_machine_is_read() {
    let mut sensor = Sensor::new(Root::live(), None).unwrap();
    let mut snapshot = Snapshot::default();
    let counted = || {
        let text = std::fs::read_to_string(Root::live().proc.join("vmstat")).unwrap();
        let kills = text.lines().find_map(|line| line.strip_prefix("oom_kill ")).map(str::to_owned);
        kills.map_or(UNKNOWN_U64, |kills| kills.parse().unwrap())
    };
    let before = counted();
    sensor.sense(COUNTERS, Now { boot_ms: 0, wall_ms: 0 }, &mut snapshot);
    assert!((before..=counted()).contains(&snapshot.host.oom_kills));
    sensor.sense(COUNTERS, Now { boot_ms: 1_000, wall_ms: 0 }, &mut snapshot);
    let trend = snapshot.host.trend;
    assert!(trend.major_faults_per_s < 1 << 32 && trend.refault_file_bytes_per_s < 1 << 60, "{trend:?}");
}

/// The host of a fixture machine.
fn host_of(name: &str) -> Host {
    let machine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/machines").join(name);
    let mut sensor = Sensor::new(Root::below(&machine), None).unwrap();
    let mut snapshot = Snapshot::default();
    sensor.sense(COUNTERS, Now { boot_ms: 3_600_000, wall_ms: 0 }, &mut snapshot);
    snapshot.host
}

#[test]
fn the_counters_of_each_kernel_are_found() {
    let kills = |name| host_of(name).oom_kills;
    assert_eq!(["linux-5.10", "linux-6.12", "plain-v2", "plain-v1"].map(kills), [3, 3, 0, 46]);
    assert_eq!(["torn", "no-psi"].map(kills), [UNKNOWN_U64; 2]);
}

#[test]
fn watermarks_free_memory_and_zswap_of_each_kernel_are_found() {
    let page = rustix::param::page_size() as u64;
    let watermarks = |name| {
        let host = host_of(name);
        [host.watermark_min_bytes, host.watermark_low_bytes, host.watermark_high_bytes]
            .map(|bytes| bytes / page)
    };
    assert_eq!(watermarks("linux-5.10"), [4211, 5264, 6317]);
    assert_eq!(watermarks("linux-6.12"), [4211, 5264, 6317].map(|pages| 4 * pages));
    assert_eq!(watermarks("torn"), [UNKNOWN_U64 / page; 3]);
    let zswap = |name| [host_of(name).zswap_bytes, host_of(name).zswapped_bytes];
    assert_eq!(zswap("linux-6.12"), [50 * MIB, 200 * MIB]);
    assert_eq!(zswap("linux-5.10"), [UNKNOWN_U64; 2]);
    assert_eq!(host_of("linux-5.10").memory_free_bytes, 1024 * MIB);
}

#[test]
fn pressure_on_io_and_processors_is_found() {
    let pressure = |name| {
        let host = host_of(name);
        [host.io_pressure_some_avg10, host.io_pressure_full_avg10, host.cpu_pressure_some_avg10]
    };
    assert_eq!(pressure("linux-6.12"), [340, 125, 1207]);
    assert_eq!(pressure("linux-5.10"), [340, 125, 1207], "where `cpu` has no `full`");
    assert_eq!(pressure("torn"), [NONE_U32; 3]);
    assert_eq!(pressure("no-psi"), [NONE_U32; 3]);
}

#[test]
fn watermarks_are_read_once_a_minute() {
    let mut machine = Counting::new(500, "pgmajfault 1\n", 0);
    let zones = |machine: &Counting, low: u64| {
        let text = format!("Node 0, zone Normal\n  pages free 9\n min 1\n low {low}\n high 30\n");
        write(machine.folder.path().join("proc/zoneinfo"), text).unwrap();
    };
    let low = |host: &Host| host.watermark_low_bytes / rustix::param::page_size() as u64;
    assert_eq!(machine.later(1_000, 500, "pgmajfault 1\n", 0).host.watermark_low_bytes, UNKNOWN_U64);
    zones(&machine, 10);
    let soon = machine.later(58_999, 500, "pgmajfault 1\n", 0).host;
    assert_eq!(soon.watermark_low_bytes, UNKNOWN_U64, "not looked for again");
    assert_eq!(low(&machine.later(1, 500, "pgmajfault 1\n", 0).host), 10);
    zones(&machine, 20);
    assert_eq!(low(&machine.later(59_999, 500, "pgmajfault 1\n", 0).host), 10);
    assert_eq!(low(&machine.later(1, 500, "pgmajfault 1\n", 0).host), 20);
    assert_eq!(machine.sensor.faults(), []);
}

#[test]
fn what_is_not_asked_for_is_not_read() {
    let mut machine = Counting::new(500, "pgmajfault 1\n", 0);
    write(machine.folder.path().join("proc/zoneinfo"), "garbage").unwrap();
    write(machine.folder.path().join("proc/vmstat"), "garbage").unwrap();
    let mut snapshot = Snapshot::default();
    count(machine.folder.path(), 400, "garbage", 100_000);
    let now = Now { boot_ms: machine.boot_ms + 1_000, wall_ms: 0 };
    machine.sensor.sense(Needs::default(), now, &mut snapshot);
    assert_eq!(machine.sensor.faults(), []);
    let Host { oom_kills, trend, watermark_low_bytes, .. } = snapshot.host;
    assert_eq!([oom_kills, trend.major_faults_per_s, watermark_low_bytes], [UNKNOWN_U64; 3]);
    // These are from files that are read in any case.
    assert_eq!((trend.memory_exhaustion_ms, trend.memory_stall_some_us_per_s), (4_000, 100_000));
}

#[test]
fn refaults_are_counted_only_while_tasks_stall() {
    const REFAULTS: Needs = Needs { counters: false, refaults: true, ..COUNTERS };
    let vmstat = |mib| format!("workingset_refault_file {}\n", pages(mib));
    let mut machine = Counting::new(500, &vmstat(0), 1_000_000);
    let mut refaults = |mib, stalled_us| {
        count(machine.folder.path(), 500, &vmstat(mib), stalled_us);
        machine.boot_ms += 2_000;
        machine.scan_for(REFAULTS).host.trend.refault_file_bytes_per_s
    };
    assert_eq!(refaults(2, 1_000_000), UNKNOWN_U64, "no task has stalled");
    assert_eq!(refaults(4, 2_000_000), UNKNOWN_U64, "the first count");
    assert_eq!([refaults(8, 3_000_000), refaults(12, 4_000_000)], [2 * MIB; 2]);
    assert_eq!([refaults(16, 4_000_000), refaults(16, 4_000_000)], [UNKNOWN_U64; 2], "it is over");
}

#[test]
fn stalls_are_summed_up_over_ten_and_thirty_seconds() {
    let mut machine = Counting::new(500, "oom_kill 0\n", 0);
    let mut stalls = |ms, total_us: u64| {
        // The sum of `full` is half of it.
        let trend = machine.later(ms, 500, "oom_kill 0\n", 2 * total_us).host.trend;
        [trend.memory_stall_full_10s_us_per_s, trend.memory_stall_full_30s_us_per_s]
    };
    assert_eq!(stalls(9_000, 9_000_000), [UNKNOWN_U64; 2]);
    assert_eq!(stalls(1_000, 9_000_000), [900_000, UNKNOWN_U64]);
    assert_eq!(stalls(9_000, 9_000_000), [0, UNKNOWN_U64]);
    assert_eq!(stalls(11_000, 15_000_000), [545_454, 500_000]);
}
