//! The live machine while processes start and end by the hundred, and one process without its
//! leader.

use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jettison_model::snapshot::flags;
use jettison_model::{Needs, Snapshot};
use jettison_sense::{Now, Root, Sensor};
use jettison_tests::wait_for;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// So many fork, and each wait so long between two: 500 a second.
const FORKERS: usize = 2;
const BETWEEN: Duration = Duration::from_millis(4);
const STEADY: usize = 50;
const SCANS: u64 = 100;
/// A machine so starved that it does not even do this much shows nothing.
const CHURN_MIN: u64 = 500;
/// Far more than any scan takes here, far less than one that waits for a process.
const IN_TIME: Duration = Duration::from_secs(2);

fn scan(sensor: &mut Sensor, at: u64, into: &mut Snapshot) {
    sensor.sense(Needs::default(), Now { boot_ms: at, wall_ms: at }, into);
}

/// Ended when dropped.
struct Sleepers(Vec<Child>);

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "so many a second is what it is about")]
fn five_hundred_that_start_and_end_each_second_cost_no_other_process() {
    let steady = Sleepers((0..STEADY).map(|_| Command::new("sleep").arg("600").spawn().unwrap()).collect());
    let (is_over, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let fork = || {
        let (is_over, ended) = (Arc::clone(&is_over), Arc::clone(&ended));
        thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                let next = Instant::now() + BETWEEN;
                Command::new("true").status().unwrap();
                ended.fetch_add(1, Ordering::Relaxed);
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        })
    };
    let forkers: Vec<_> = (0..FORKERS).map(|_| fork()).collect();
    let begun = Instant::now();
    let mut sensor = Sensor::new(Root::live(), None).unwrap();
    let mut snapshot = Snapshot::default();
    let mut faults = 0;
    let mut at = 0;
    while at < SCANS || ended.load(Ordering::Relaxed) < CHURN_MIN {
        at += 1;
        let started = Instant::now();
        scan(&mut sensor, at * 1_000, &mut snapshot);
        let took = started.elapsed();
        assert!(took < IN_TIME, "a scan took {took:?}");
        faults += sensor.faults_total();
        let table = &snapshot.processes;
        for child in &steady.0 {
            let row = table.pids.binary_search(&child.id()).expect("a process that stays has a row");
            assert_eq!(table.comms.get(row), b"sleep");
            assert!(table.rss_anon_bytes[row] > 0 && table.start_times[row] > 0);
        }
        assert!(table.pids.is_sorted_by(|a, b| a < b), "each once, in order");
    }
    is_over.store(true, Ordering::Relaxed);
    let lasted = begun.elapsed();
    forkers.into_iter().for_each(|forker| forker.join().unwrap());
    println!("{at} scans in {lasted:?}, {} came and went, {faults} faults", ended.load(Ordering::Relaxed));
    assert_eq!(faults, 0, "to end during a scan is no fault: {:?}", sensor.faults());
}

const HELD_BYTES: usize = 32 << 20;

extern "C" fn hold(_: *mut libc::c_void) -> *mut libc::c_void {
    // Not zero, so that the pages are real.
    let held = vec![1_u8; HELD_BYTES];
    loop {
        std::hint::black_box(&held);
        // SAFETY: waits for a signal, and has no arguments.
        unsafe { libc::pause() };
    }
}

/// A process of two threads whose first has ended, as glibc's `pthread_exit` in `main` leaves it.
fn headless() -> Pid {
    // SAFETY: the child calls what glibc keeps usable after a fork, and never returns from here.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let mut thread = 0;
        // SAFETY: `thread` outlives the call; attributes and argument may be null.
        unsafe { libc::pthread_create(&raw mut thread, std::ptr::null(), hold, std::ptr::null_mut()) };
        // SAFETY: ends this thread alone, which runs nothing of Rust's at its end.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    }
    Pid::from_raw(pid).expect("a fork")
}

#[test]
fn a_process_lives_on_when_its_leader_has_ended() {
    let pid = headless();
    let row_of = |snapshot: &Snapshot| {
        let pid = u32::try_from(pid.as_raw_nonzero().get()).unwrap();
        snapshot.processes.pids.binary_search(&pid).ok()
    };
    let mut sensor = Sensor::new(Root::live(), None).unwrap();
    let mut snapshot = Snapshot::default();
    let stat = Root::live().proc.join(format!("{}/stat", pid.as_raw_nonzero()));
    let (mut is_zombie, mut held) = (true, 0);
    let seen = wait_for("its leader's end, and its memory", || {
        let is_headless = std::fs::read_to_string(&stat).unwrap().contains(") Z ");
        scan(&mut sensor, 1, &mut snapshot);
        let row = row_of(&snapshot)?;
        held = snapshot.processes.rss_anon_bytes[row];
        is_zombie = snapshot.processes.has(row, flags::ZOMBIE);
        (is_headless && held >= HELD_BYTES as u64).then_some(row)
    });
    let threads = snapshot.processes.threads[seen];
    kill_process(pid, Signal::KILL).unwrap();
    // Until its parent waits for it, it is a zombie.
    wait_for("its end", || {
        scan(&mut sensor, 2, &mut snapshot);
        row_of(&snapshot).filter(|&row| snapshot.processes.has(row, flags::ZOMBIE))
    });
    waitpid(Some(pid), WaitOptions::empty()).unwrap();
    assert!(!is_zombie && threads == 2, "{threads} threads, {held} bytes");
    scan(&mut sensor, 3, &mut snapshot);
    assert_eq!(row_of(&snapshot), None);
}
