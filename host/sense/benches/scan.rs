//! A warm scan of 5,000 processes, a glance and a still look, each against its floor and against earlyoom's
//! scan of the same processes.
//!
//! The processes sleep in a memcg of their own. The floor makes the system calls that the scan or glance
//! needs: it opens each file by its path, reads it into memory that is used again, and closes it, without
//! listing, parsing or a table. Scan and floor take turns, and the figures are medians. One earlyoom runs dry
//! with a threshold of 99 % of memory, so it searches a victim at each wake-up and prints a line, which
//! counts its scans. A second one, with a threshold of 1 %, gives the cost of a wake-up without a scan, which
//! is subtracted. CPU time is from `schedstat` (Documentation/scheduler/sched-stats.rst). Needs root, to
//! create the memcg.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "what it measures is time, and it prints it"
)]

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use jettison_model::snapshot::flags;
use jettison_model::{Needs, Snapshot};
use jettison_sense::{Hierarchy, Now, Root, Sensor};
use jettison_tests::{Memcg, Running, own_cpu, sleepers};
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

/// How much the sensor reads.
#[derive(Clone, Copy)]
enum Depth {
    /// As in a tick that may shut down a process.
    Scan,
    /// As in a routine tick of a calm host.
    Glance,
    /// As in one of a calm host where nothing has moved.
    Still,
}

impl Depth {
    /// What a warm one needs of each process (all else is known from the last scan), and the lists of the
    /// memcgs' processes.
    fn calls(self, snapshot: &Snapshot, hierarchy: &Hierarchy) -> Vec<Call> {
        let table = &snapshot.processes;
        let of_row = |row: usize| {
            let path = |file: &str| format!("/proc/{}{file}", table.pids[row]).into_bytes();
            match (self, table.has(row, flags::KERNEL_THREAD)) {
                (Self::Scan, false) => vec![Call::Read(path("/status")), again(&path("/oom_score_adj"))],
                (Self::Scan, true) => vec![Call::Read(path("/stat")), again(&path("/oom_score_adj"))],
                (Self::Glance, false) => vec![Call::Read(path("/statm")), again(&path("/oom_score_adj"))],
                (Self::Glance, true) => vec![again(&path("/oom_score_adj"))],
                (Self::Still, false) => vec![again(&path("/oom_score_adj"))],
                (Self::Still, true) => Vec::new(),
            }
        };
        let lists = !matches!(self, Self::Still);
        let memcgs = (0..snapshot.memcgs.len()).map(|row| {
            let path = String::from_utf8_lossy(snapshot.memcgs.paths.get(row));
            Call::List(
                hierarchy.directory_of(&path).join("cgroup.procs").into_os_string().into_encoded_bytes(),
            )
        });
        (0..table.len()).flat_map(of_row).chain(memcgs.filter(|_| lists)).collect()
    }
}

/// What is done with a path.
enum Call {
    /// Opened, read once and closed.
    Read(Vec<u8>),
    /// Opened, read to its end and closed.
    List(Vec<u8>),
    /// Read once, and open all the while. `None` if it has ended.
    Again(Option<OwnedFd>),
}

fn open(path: &[u8]) -> Option<OwnedFd> {
    openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()
}

fn again(path: &[u8]) -> Call {
    Call::Again(open(path))
}

/// Nothing but the calls. Ours all sleep; a kernel worker may have ended.
fn floor(calls: &[Call], buffer: &mut [u8]) {
    for call in calls {
        match call {
            Call::Read(path) => {
                black_box(open(path).map(|file| rustix::io::read(&file, &mut *buffer)));
            }
            Call::List(path) => {
                let Some(file) = open(path) else { continue };
                while black_box(rustix::io::read(&file, &mut *buffer)).is_ok_and(|count| count > 0) {}
            }
            Call::Again(file) => {
                black_box(file.as_ref().map(|file| rustix::io::pread(file, &mut *buffer, 0)));
            }
        }
    }
}

fn median<T: Copy + Ord>(values: &mut [T]) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}

/// Wall times of a look and of its floor, and its CPU time.
struct Ours {
    look: Duration,
    floor: Duration,
    cpu_ns: u64,
    rows: usize,
}

fn ours(how: Depth) -> Ours {
    let mut sensor = Sensor::new(Root::live(), None).expect("/proc is there");
    let mut snapshot = Snapshot::default();
    let mut boot_ms = 0;
    let hierarchy = sensor.hierarchy().expect("there is a memcg").clone();
    let mut look = |snapshot: &mut Snapshot| {
        boot_ms += 2_000;
        let now = Now { boot_ms, wall_ms: boot_ms };
        match how {
            Depth::Scan => sensor.sense(Needs::default(), now, snapshot),
            Depth::Glance => {
                // Another snapshot than the last one, so it is no still look.
                snapshot.now_ms = u64::MAX;
                sensor.glance(Needs::default(), now, snapshot);
            }
            Depth::Still => {
                sensor.glance(Needs::default(), now, snapshot);
            }
        }
        assert_eq!(sensor.faults(), [], "it sees everything");
    };
    // Two generations of columns take turns.
    (0..3).for_each(|_| look(&mut snapshot));
    let calls = how.calls(&snapshot, &hierarchy);
    let mut buffer = vec![0; 16 << 10];
    let (mut looks, mut floors, mut cpus) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let (before, started) = (own_cpu(), Instant::now());
        look(&mut snapshot);
        looks.push(started.elapsed());
        cpus.push(u64::try_from((own_cpu() - before).as_nanos()).expect("less than centuries"));
        let started = Instant::now();
        floor(&calls, &mut buffer);
        floors.push(started.elapsed());
    }
    Ours {
        look: median(&mut looks),
        floor: median(&mut floors),
        cpu_ns: median(&mut cpus),
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

/// CPU time of one scan of earlyoom's, and over how many that is; `None` without earlyoom.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn theirs() -> Option<(f64, u64)> {
    let (busy, idle) = (earlyoom("99")?, earlyoom("1")?);
    assert!(idle.scans == 0 && busy.scans > 0, "99 % are not free, and 1 % is");
    let beside = idle.cpu_ns as f64 / idle.wake_ups.max(1) as f64 * busy.wake_ups as f64;
    Some(((busy.cpu_ns as f64 - beside) / busy.scans as f64, busy.scans))
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn report(line: &mut String, name: &str, ours: &Ours, theirs: Option<(f64, u64)>) -> std::fmt::Result {
    let of_floor = ours.look.as_secs_f64() / ours.floor.as_secs_f64();
    let (look, floor) = (ours.look, ours.floor);
    let verdict = |ratio, most| if ratio <= most { "within its bound" } else { "ABOVE its bound" };
    writeln!(
        line,
        "{name} of {} processes, of opening, reading and closing their files: {of_floor:.2} \
         ({look:.1?} of {floor:.1?}; bound {OF_FLOOR_MAX}: {})",
        ours.rows,
        verdict(of_floor, OF_FLOOR_MAX)
    )?;
    let Some((theirs_ns, scans)) = theirs else {
        return writeln!(line, "of earlyoom's scan: not measured, install the Debian package earlyoom");
    };
    let of_theirs = ours.cpu_ns as f64 / theirs_ns;
    writeln!(
        line,
        "its CPU time, of that of earlyoom's scan of the same processes: {of_theirs:.2} ({:.1} of {:.1} ms, \
         over {scans} scans of earlyoom; bound {OF_EARLYOOM_MAX}: {})",
        ours.cpu_ns as f64 / 1e6,
        theirs_ns / 1e6,
        verdict(of_theirs, OF_EARLYOOM_MAX)
    )
}

fn main() {
    let memcg = Memcg::new("scan", LIMIT_BYTES).expect("a memcg of our own: run as root");
    // Ours and the floor's limit of files is raised by it.
    let sleepers = sleepers(&memcg, PROCESSES).expect("sleep(1) runs");
    let mut text = String::new();
    let theirs = theirs();
    let looks =
        [("a warm scan", Depth::Scan), ("a warm glance", Depth::Glance), ("a warm still look", Depth::Still)];
    for (name, look) in looks {
        report(&mut text, name, &ours(look), theirs).expect("a string");
    }
    print!("{text}");
    std::io::stdout().flush().expect("stdout");
    drop(sleepers);
}
