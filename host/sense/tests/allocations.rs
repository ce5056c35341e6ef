//! Counted: a warm scan allocates nothing, however many processes and memcgs there are.
//!
//! One test in a program of its own, since the count is of the whole program.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::fs::{create_dir_all, write};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU64, Ordering};

use jettison_model::{Needs, Snapshot};
use jettison_sense::{Now, Root, Sensor};

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: hands every request to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` is from `alloc` above, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: `pointer` is from `alloc` above, with this layout.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const ALL: Needs = Needs::ALL;

/// A machine with `count` processes, each in a memcg of its own.
fn build(machine: &Path, count: u32) {
    let proc = machine.join("proc");
    let memory = machine.join("sys/fs/cgroup");
    create_dir_all(proc.join("pressure")).unwrap();
    create_dir_all(&memory).unwrap();
    let meminfo = "MemTotal: 1000 kB\nMemAvailable: 500 kB\nSwapTotal: 9 kB\nSwapFree: 8 kB\n";
    write(proc.join("meminfo"), meminfo).unwrap();
    let swaps = "Filename Type Size Used Priority\n/dev/zram0 partition 9 1 100\n";
    write(proc.join("swaps"), swaps).unwrap();
    create_dir_all(machine.join("sys/block/zram0")).unwrap();
    write(machine.join("sys/block/zram0/mm_stat"), "4096 2048 2048 0 0 0 0 0 0\n").unwrap();
    create_dir_all(proc.join("spl/kstat/zfs")).unwrap();
    write(proc.join("spl/kstat/zfs/arcstats"), "name type data\nc_min 4 1\nsize 4 9\n").unwrap();
    write(proc.join("zoneinfo"), "min 1\nlow 2\nhigh 3\n").unwrap();
    write(proc.join("pressure/io"), "some avg10=1.00 total=0\nfull avg10=0.10 total=0\n").unwrap();
    write(proc.join("pressure/cpu"), "some avg10=1.00 total=0\n").unwrap();
    write(proc.join("vmstat"), "pgmajfault 1\nallocstall_normal 2\n").unwrap();
    write(proc.join("pressure/memory"), "some avg10=1.00 total=0\nfull avg10=0.10 total=0\n").unwrap();
    write(memory.join("cgroup.controllers"), "memory\n").unwrap();
    for pid in 1..=count {
        let process = proc.join(pid.to_string());
        create_dir_all(&process).unwrap();
        let parent = pid / 2;
        let mut stat = format!("{pid} (worker {pid}) S {parent}");
        (5..=8).for_each(|field| write!(stat, " {field}").unwrap());
        writeln!(stat, " 4194304 0 0 0 0 0 0 0 0 20 0 1 0 {pid} 0 0").unwrap();
        write(process.join("stat"), stat).unwrap();
        let status = "Uid:\t0\t0\t0\t0\nVmSize:\t90 kB\nRssAnon:\t50 kB\nVmSwap:\t0 kB\n";
        write(process.join("status"), status).unwrap();
        write(process.join("oom_score_adj"), "0\n").unwrap();
        write(process.join("cgroup"), format!("0::/s{}/m{pid}\n", pid % 7)).unwrap();
        write(process.join("cmdline"), format!("worker\0--number\0{pid}\0")).unwrap();
        write(process.join("smaps_rollup"), "Pss: 40 kB\n").unwrap();
        std::os::unix::fs::symlink("/bin/worker", process.join("exe")).unwrap();
        let memcg = memory.join(format!("s{}/m{pid}", pid % 7));
        create_dir_all(&memcg).unwrap();
        write(memcg.join("memory.current"), "4096\n").unwrap();
        write(memcg.join("memory.max"), "max\n").unwrap();
        write(memcg.join("memory.stat"), "anon 4096\ninactive_file 0\n").unwrap();
    }
}

/// The allocations of the second scan, of a probe, and of a third scan with all details once they are warm.
fn allocations(count: u32) -> [u64; 3] {
    let machine = tempfile::tempdir().unwrap();
    build(machine.path(), count);
    let mut sensor = Sensor::new(Root::below(machine.path()), Some("/s3")).unwrap();
    let mut snapshot = Snapshot::default();
    let mut boot_ms = 100_000;
    let mut scan = |sensor: &mut Sensor, needs| {
        boot_ms += 1_000;
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        sensor.sense(needs, Now { boot_ms, wall_ms: 0 }, &mut snapshot);
        let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
        assert_eq!(sensor.faults(), []);
        assert_eq!(snapshot.processes.len(), count as usize);
        assert_eq!(snapshot.memcgs.len(), 1 + 7 + count as usize);
        allocations
    };
    scan(&mut sensor, Needs::default());
    // Two generations of histories and columns take turns.
    scan(&mut sensor, Needs::default());
    let plain = scan(&mut sensor, Needs::default());
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    assert!(sensor.probe().is_some());
    let probe = ALLOCATIONS.load(Ordering::Relaxed) - before;
    scan(&mut sensor, ALL);
    scan(&mut sensor, ALL);
    [plain, probe, scan(&mut sensor, ALL)]
}

/// The fewest allocations of a scan of this machine, where known processes are read in a shorter way, and of
/// a glance. When others start many meanwhile a table grows, so one scan of several has to do without.
fn live_allocations() -> [u64; 2] {
    let sleeper = || Command::new("sleep").arg("600").spawn().unwrap();
    let mut sleepers: Vec<Child> = (0..100).map(|_| sleeper()).collect();
    let mut sensor = Sensor::new(Root::live(), None).unwrap();
    let mut snapshot = Snapshot::default();
    let mut scan = |scan: u64, glances: bool| {
        let now = Now { boot_ms: scan * 2_000, wall_ms: 0 };
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        match glances {
            true => {
                sensor.glance(Needs::default(), now, &mut snapshot);
            }
            false => sensor.sense(Needs::default(), now, &mut snapshot),
        }
        ALLOCATIONS.load(Ordering::Relaxed) - before
    };
    let cold = scan(0, false);
    let fewest = (1..8).map(|at| scan(at, false)).min().unwrap();
    let of_glances = (8..16).map(|at| scan(at, true)).min().unwrap();
    for sleeper in &mut sleepers {
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
    }
    assert!(cold > 0 && snapshot.processes.len() > sleepers.len());
    [fewest, of_glances]
}

#[test]
fn a_warm_scan_allocates_nothing() {
    assert_eq!(allocations(100), [0; 3]);
    assert_eq!(allocations(200), [0; 3]);
    assert_eq!(live_allocations(), [0; 2]);
}
