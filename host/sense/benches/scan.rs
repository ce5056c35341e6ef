//! A warm scan of 5,000 processes, beside its floor and beside earlyoom's scan of the same processes.
//!
//! The processes sleep in a memcg of their own. The floor opens each file that a scan needs of them by its
//! path, reads it into memory that is used again, and closes it: no listing, no parsing, no table. Scan and floor take turns, and
//! the figures are medians. earlyoom in its dry run, told to act below 99 % of memory, looks for a victim each time it
//! wakes and says so in a line, which counts its scans. What it costs beside them is what a second one costs for each wake-up that is
//! told to act below 1 %. CPU time is the scheduler's account (`schedstat`, Documentation/scheduler/sched-stats.rst).
//! Needs root, to make the memcg.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "what it measures is time, and it prints it"
)]

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use jettison_model::snapshot::flags;
use jettison_model::{Needs, Snapshot};
use jettison_sense::{Hierarchy, Now, Root, Sensor};
use jettison_tests::Memcg;
use rustix::fs::{CWD, Mode, OFlags, openat};

const PROCESSES: usize = 5_000;
/// Some 100 KiB of its own and as much in page tables for each.
const LIMIT_BYTES: u64 = 4 << 30;
const TURNS: usize = 21;
/// Bound of a scan, of its floor.
const OF_FLOOR_MAX: f64 = 1.2;
/// Bound of a scan's CPU time, of that of earlyoom's scan.
const OF_EARLYOOM_MAX: f64 = 2.5;
/// earlyoom looks at memory ten times a second at most.
const EARLYOOM_RUNS: Duration = Duration::from_secs(12);

/// A program that is ended when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// CPU time so far of a process with one thread.
fn cpu_ns(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).expect("it runs");
    text.split(' ').next().and_then(|word| word.parse().ok()).expect("a number")
}

fn wake_ups(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let (_, value) = text.split_once("\nvoluntary_ctxt_switches:").expect("proc_pid_status(5)");
    value.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number")
}

/// The paths of the files that a warm scan needs of each process (what else there is to know is known from the last scan), and the
/// lists of the memcgs' processes.
fn files_of(snapshot: &Snapshot, hierarchy: &Hierarchy) -> Vec<Vec<u8>> {
    let table = &snapshot.processes;
    let files: [&[&str]; 2] = [&["status", "oom_score_adj"], &["stat"]];
    let of_row = |row: usize| {
        let files = files[usize::from(table.has(row, flags::KERNEL_THREAD))];
        files.iter().map(move |file| format!("/proc/{}/{file}", table.pids[row]).into_bytes())
    };
    let memcgs = (0..snapshot.memcgs.len()).map(|row| {
        let path = String::from_utf8_lossy(snapshot.memcgs.paths.get(row));
        hierarchy.directory_of(&path).join("cgroup.procs").into_os_string().into_encoded_bytes()
    });
    (0..table.len()).flat_map(of_row).chain(memcgs).collect()
}

/// Opens, reads and closes.
fn floor(files: &[Vec<u8>], buffer: &mut [u8]) {
    for file in files {
        // Ours all sleep; a kernel worker may have ended.
        let Ok(opened) = openat(CWD, file.as_slice(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) else {
            continue;
        };
        let is_list = file.ends_with(b".procs");
        while black_box(rustix::io::read(&opened, &mut *buffer)).is_ok_and(|count| is_list && count > 0) {}
    }
}

fn median<T: Copy + Ord>(values: &mut [T]) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}

/// Wall times of scan and floor, and the CPU time of a scan.
struct Ours {
    scan: Duration,
    floor: Duration,
    scan_cpu_ns: u64,
    rows: usize,
}

fn ours() -> Ours {
    let mut sensor = Sensor::new(Root::live(), None).expect("/proc is there");
    let mut snapshot = Snapshot::default();
    let mut boot_ms = 0;
    let hierarchy = sensor.hierarchy().expect("there is a memcg").clone();
    let mut scan = |snapshot: &mut Snapshot| {
        boot_ms += 2_000;
        sensor.sense(Needs::default(), Now { boot_ms, wall_ms: boot_ms }, snapshot);
        assert_eq!(sensor.faults(), [], "it sees everything");
    };
    // Two generations of columns take turns.
    (0..3).for_each(|_| scan(&mut snapshot));
    let files = files_of(&snapshot, &hierarchy);
    let mut buffer = vec![0; 16 << 10];
    let (mut scans, mut floors, mut cpus) = (Vec::new(), Vec::new(), Vec::new());
    let own = std::process::id();
    for _ in 0..TURNS {
        let (before, started) = (cpu_ns(own), Instant::now());
        scan(&mut snapshot);
        scans.push(started.elapsed());
        cpus.push(cpu_ns(own) - before);
        let started = Instant::now();
        floor(&files, &mut buffer);
        floors.push(started.elapsed());
    }
    Ours {
        scan: median(&mut scans),
        floor: median(&mut floors),
        scan_cpu_ns: median(&mut cpus),
        rows: snapshot.processes.len(),
    }
}

/// How earlyoom fares for a while.
struct Theirs {
    cpu_ns: u64,
    wake_ups: u64,
    scans: u64,
}

/// `None` if there is no earlyoom.
fn earlyoom(act_below_percent: &str) -> Option<Theirs> {
    let mut command = Command::new("earlyoom");
    command.args(["--dryrun", "-r", "0", "-m", act_below_percent]);
    let log = tempfile::NamedTempFile::new().expect("a file");
    let stderr = log.reopen().expect("it was just made");
    let running = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn().ok()?;
    let running = Running(running);
    let scans = || {
        let mut text = String::new();
        fs::File::open(log.path()).and_then(|mut file| file.read_to_string(&mut text)).expect("its log");
        text.lines().filter(|line| line.starts_with("sending SIGTERM to ")).count() as u64
    };
    let look =
        || Theirs { cpu_ns: cpu_ns(running.0.id()), wake_ups: wake_ups(running.0.id()), scans: scans() };
    sleep(Duration::from_secs(1));
    let before = look();
    sleep(EARLYOOM_RUNS);
    let after = look();
    Some(Theirs {
        cpu_ns: after.cpu_ns - before.cpu_ns,
        wake_ups: after.wake_ups - before.wake_ups,
        scans: after.scans - before.scans,
    })
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn report(line: &mut String, ours: &Ours) {
    let of_floor = ours.scan.as_secs_f64() / ours.floor.as_secs_f64();
    let (scan, floor) = (ours.scan, ours.floor);
    let verdict = |ratio, most| if ratio <= most { "within its bound" } else { "ABOVE its bound" };
    writeln!(
        line,
        "a warm scan of {} processes, of opening, reading and closing their files: {of_floor:.2} \
         ({scan:.1?} of {floor:.1?}; bound {OF_FLOOR_MAX}: {})",
        ours.rows,
        verdict(of_floor, OF_FLOOR_MAX)
    )
    .expect("a string");
    let (Some(busy), Some(idle)) = (earlyoom("99"), earlyoom("1")) else {
        writeln!(line, "of earlyoom's scan: not measured, install the Debian package earlyoom")
            .expect("a string");
        return;
    };
    assert!(idle.scans == 0 && busy.scans > 0, "99 % are not free, and 1 % is");
    let beside = idle.cpu_ns as f64 / idle.wake_ups.max(1) as f64 * busy.wake_ups as f64;
    let theirs_ns = (busy.cpu_ns as f64 - beside) / busy.scans as f64;
    let of_theirs = ours.scan_cpu_ns as f64 / theirs_ns;
    writeln!(
        line,
        "its CPU time, of that of earlyoom's scan of the same processes: {of_theirs:.2} ({:.1} of {:.1} ms, \
         over {} scans of earlyoom; bound {OF_EARLYOOM_MAX}: {})",
        ours.scan_cpu_ns as f64 / 1e6,
        theirs_ns / 1e6,
        busy.scans,
        verdict(of_theirs, OF_EARLYOOM_MAX)
    )
    .expect("a string");
}

fn main() {
    let memcg = Memcg::new("scan", LIMIT_BYTES).expect("a memcg of our own: run as root");
    let sleeper = || {
        let mut command = memcg.command(Path::new("sleep"));
        command.arg("600").stdin(Stdio::null()).spawn().map(Running)
    };
    let sleepers: Vec<Running> = (0..PROCESSES).map(|_| sleeper().expect("sleep(1) runs")).collect();
    let last = format!("/proc/{}/comm", sleepers[PROCESSES - 1].0.id());
    jettison_tests::wait_for("sleep", || (fs::read_to_string(&last).ok()? == "sleep\n").then_some(()));
    let mut text = String::new();
    report(&mut text, &ours());
    print!("{text}");
    std::io::stdout().flush().expect("stdout");
    drop(sleepers);
}
