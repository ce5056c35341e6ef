//! What `process_mrelease(2)` is for: a victim of 1 GiB that gets no CPU time to free its memory itself.
//!
//! The victim is of the scheduler's idle class (sched(7)) and every core spins, so what it has left to do
//! after SIGKILL waits. Each run measures from SIGKILL until its memcg is charged less than a tenth, once
//! with the actuator's reaping and once without, in turns; the figure is the ratio of the medians. Needs root
//! and 1.5 GiB.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "what it measures is time, and it prints it"
)]

use std::hint::spin_loop;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jettison_act::{Actuator, LiveKernel};
use jettison_model::{Command, Outcome, ProcessId};
use jettison_tests::{Hog, Memcg};

const MIB: u64 = 1 << 20;
const VICTIM_MIB: usize = 1024;
const LIMIT_BYTES: u64 = 1536 * MIB;
const RUNS: usize = 5;
/// Between two looks at the charge.
const LOOK: Duration = Duration::from_millis(1);
/// A victim that is left alone may take long; by then its memory is as good as lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// Threads that keep every core busy until they are dropped.
struct Spinners(Arc<AtomicBool>);

impl Spinners {
    fn start() -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            let is_over = Arc::clone(&is_over);
            thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    spin_loop();
                }
            });
        }
        Self(is_over)
    }
}

impl Drop for Spinners {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How long a victim's memory takes to come back.
fn run(is_reaped: bool) -> Duration {
    let memcg = Memcg::new("mrelease", LIMIT_BYTES).expect("a memcg of our own: run as root");
    let mut hog = Hog::new(&memcg, false).expect("tail(1) runs");
    hog.take_mib(VICTIM_MIB).expect("it reads");
    let pid = hog.pid();
    let starved = process::Command::new("chrt")
        .args(["--all-tasks", "--idle", "--pid", "0", &pid.to_string()])
        .status();
    assert!(starved.expect("chrt of util-linux runs").success());
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    let (_, fields) = stat.rsplit_once(") ").expect("proc_pid_stat(5)");
    let start_time = fields.split(' ').nth(19).and_then(|field| field.parse().ok()).expect("field 22");
    let id = ProcessId { pid, start_time };
    let mut actuator = Actuator::new(LiveKernel::new("/proc".into()), std::process::id(), false);

    let spinners = Spinners::start();
    let killed = Instant::now();
    let mut orders = vec![Command::Kill { id }];
    orders.extend(is_reaped.then_some(Command::Reap { id }));
    for order in &orders {
        assert_eq!(actuator.execute(order).outcome, Outcome::Done);
    }
    while memcg.usage_bytes().expect("it is there") > VICTIM_MIB as u64 * MIB / 10
        && killed.elapsed() < PATIENCE
    {
        thread::sleep(LOOK);
    }
    let took = killed.elapsed();
    drop(spinners);
    drop(hog);
    took
}

fn median(mut runs: Vec<Duration>) -> Duration {
    runs.sort_unstable();
    runs[runs.len() / 2]
}

fn main() {
    let (with, without): (Vec<_>, Vec<_>) = (0..RUNS).map(|_| (run(true), run(false))).unzip();
    println!("with mrelease: {with:.1?}\nwithout: {without:.1?}");
    let (with, without) = (median(with), median(without));
    let ratio = without.as_secs_f64() / with.as_secs_f64();
    let verdict = if ratio >= 2.0 { "within its bound" } else { "BELOW its bound" };
    println!(
        "1 GiB of a victim starved of CPU comes back after {with:.1?} with process_mrelease, {without:.1?} without"
    );
    println!("that is {ratio:.1} times as fast (bound 2: {verdict})");
}
