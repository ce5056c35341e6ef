//! What a daemon costs that has nothing to do: 60 s beside earlyoom on the same idle host.
//!
//! Both only look (dry run). Wake-ups are voluntary context switches of all threads (proc_pid_status(5)), CPU
//! time is the scheduler's account in nanoseconds (`schedstat`, Documentation/scheduler/sched-stats.rst).
//! Routine ticks are those of `jettison status`; what they take is its median, so what is left over is what
//! watching memory takes.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it waits for a minute and prints what it found"
)]

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use jettison_tests::Running;

/// Both have settled by then: the first routine tick has found the processes that started and ended
/// meanwhile.
const SETTLE: Duration = Duration::from_secs(12);
const MINUTE: Duration = Duration::from_secs(60);
/// Bound of wake-ups beyond the routine ticks.
const WAKE_UPS_MAX: u64 = 10;

/// A program under measurement.
struct Measured(Running);

impl Measured {
    fn start(command: &mut Command) -> io::Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(|child| Self(Running(child)))
    }

    /// What it has used so far, by all its threads.
    fn used(&self) -> Used {
        let mut used = Used::default();
        for thread in fs::read_dir(format!("/proc/{}/task", self.0.id())).expect("it runs") {
            let thread = thread.expect("it runs").path();
            used.cpu_us += number(&thread.join("schedstat"), "") / 1_000;
            used.wake_ups += number(&thread.join("status"), "\nvoluntary_ctxt_switches:");
        }
        used
    }
}

#[derive(Clone, Copy, Default)]
struct Used {
    cpu_us: u64,
    wake_ups: u64,
}

impl Used {
    fn since(self, before: Self) -> Self {
        Self { cpu_us: self.cpu_us - before.cpu_us, wake_ups: self.wake_ups - before.wake_ups }
    }
}

/// The first number behind a key.
fn number(file: &Path, key: &str) -> u64 {
    let text = fs::read_to_string(file).expect("a file of procfs");
    let (_, value) = text.split_once(key).expect("the key is there");
    value.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number")
}

/// What `jettison status` asks, without starting a program: in this minute no process starts or ends.
fn status(state_dir: &Path) -> serde_json::Value {
    let mut stream = UnixStream::connect(state_dir.join("control.sock")).expect("the daemon runs");
    stream.write_all(b"{\"version\":1,\"ask\":\"status\"}\n").expect("it listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    serde_json::from_str(&answer).expect("in JSON")
}

fn main() {
    let state = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
    let jettison = Measured::start(command.args(["run", "--dry-run", "--state-dir"]).arg(state.path()))
        .expect("it was just built");
    let earlyoom = Measured::start(Command::new("earlyoom").args(["--dryrun", "-r", "3600"]));
    sleep(SETTLE);
    // The question itself wakes it, so the last one comes after the measurement.
    let ticks_before = status(state.path())["ticks"].as_u64().expect("a number");
    let (ours_before, theirs_before) = (jettison.used(), earlyoom.as_ref().ok().map(Measured::used));
    sleep(MINUTE);
    let ours = jettison.used().since(ours_before);
    let theirs = earlyoom.as_ref().ok().zip(theirs_before).map(|(it, before)| it.used().since(before));
    let status = status(state.path());
    let ticks = status["ticks"].as_u64().expect("a number") - ticks_before;
    let tick_us = status["tick_us"]["p50"].as_u64().expect("a number");
    let available = status["memory_available_bytes"].as_u64().expect("a number") * 100
        / status["memory_total_bytes"].as_u64().expect("a number").max(1);
    let processes = fs::read_dir("/proc").expect("procfs").flatten();
    let processes =
        processes.filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit()).count();

    println!(
        "60 s with {available} % available, {processes} processes, {ticks} routine ticks of {tick_us} us"
    );
    let beyond = ours.wake_ups.saturating_sub(ticks);
    let verdict = if beyond <= WAKE_UPS_MAX { "within its bound" } else { "ABOVE its bound" };
    println!("wake-ups beyond the routine ticks: {beyond} (bound {WAKE_UPS_MAX}: {verdict})");
    let watching_us = ours.cpu_us.saturating_sub(ticks * tick_us);
    println!("CPU: {} us in all, {watching_us} us beyond the routine ticks", ours.cpu_us);
    match theirs {
        Some(theirs) => println!("earlyoom: {} wake-ups, {} us of CPU", theirs.wake_ups, theirs.cpu_us),
        None => println!(
            "earlyoom: not measured, since it cannot be started: install the Debian package earlyoom"
        ),
    }
}
