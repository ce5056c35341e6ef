//! Orders, on a kernel that does as it is told and on the real one.

mod kit;

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{self, Child, Stdio};

use jettison_act::{Actuator, LiveKernel};
use jettison_model::{Command, Outcome, ProcessId};
use kit::{Scripted, id, identity};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

const OURSELVES: u32 = 7;
const SIGTERM: u8 = 15;

#[test]
fn each_order_is_one_call_and_its_outcome_is_about_one_process() {
    let mut kernel = Scripted::with(&[(10, 0), (20, 0), (30, 0)]);
    kernel.change(20).fails = Some(Errno::PERM);
    kernel.change(30).fails = Some(Errno::INVAL);
    let mut actuator = Actuator::new(kernel, OURSELVES, false);
    let mut outcome = |order: Command| actuator.execute(&order).outcome;
    assert_eq!(outcome(Command::Signal { id: id(10), number: SIGTERM }), Outcome::Done);
    assert_eq!(outcome(Command::Stop { id: id(10) }), Outcome::Done);
    assert_eq!(outcome(Command::Signal { id: id(20), number: SIGTERM }), Outcome::Refused);
    assert_eq!(outcome(Command::Signal { id: id(30), number: SIGTERM }), Outcome::Failed(22));
    assert_eq!(outcome(Command::Signal { id: id(40), number: SIGTERM }), Outcome::Gone);
    assert_eq!(outcome(Command::Kill { id: id(10) }), Outcome::Done);
    assert_eq!(outcome(Command::Reap { id: id(10) }), Outcome::Gone);
    let calls = ["10 signal 15", "10 signal 19", "20 signal 15", "30 signal 15", "10 signal 9", "10 reap"];
    assert_eq!(actuator.kernel().calls, calls);
    assert_eq!(actuator.alive(&[id(10), id(20), id(30), id(40)]), [id(20), id(30)]);
}

#[test]
fn a_reused_pid_is_another_process() {
    let mut actuator = Actuator::new(Scripted::with(&[(10, 0)]), OURSELVES, false);
    let before = ProcessId { pid: 10, start_time: 1 };
    assert_eq!(actuator.execute(&Command::Kill { id: before }).outcome, Outcome::Gone);
    assert_eq!(actuator.alive(&[before]), []);
    assert!(actuator.kernel().calls.is_empty());
}

#[test]
#[should_panic(expected = "an order to signal pid 1")]
fn init_is_never_signalled() {
    let mut actuator = Actuator::new(Scripted::with(&[(1, 0)]), OURSELVES, false);
    actuator.execute(&Command::Kill { id: id(1) });
}

#[test]
#[should_panic(expected = "an order to signal ourselves")]
fn neither_are_we() {
    let mut actuator = Actuator::new(Scripted::with(&[(OURSELVES, 0)]), OURSELVES, true);
    actuator.execute(&Command::Kill { id: id(OURSELVES) });
}

#[test]
fn a_dry_run_calls_nothing() {
    let mut actuator = Actuator::new(Scripted::with(&[(10, 0)]), OURSELVES, true);
    assert_eq!(actuator.execute(&Command::Kill { id: id(10) }).outcome, Outcome::Dry);
    assert!(actuator.kernel().calls.is_empty());
}

/// A child that sleeps, with its identity as the kernel tells it.
fn sleeper() -> (Child, ProcessId) {
    let child = process::Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
    let id = identity(child.id());
    (child, id)
}

fn live() -> Actuator<LiveKernel> {
    Actuator::new(LiveKernel::new(PathBuf::from("/proc")), std::process::id(), false)
}

#[test]
fn one_that_is_gone_is_gone_though_its_group_goes_on() {
    let mut shell = process::Command::new("sh");
    shell
        .args(["-c", "sleep 600 > /dev/null & read go; echo $!"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let leader = shell.process_group(0).spawn().expect("a shell");
    let id = identity(leader.id());
    let mut actuator = live();
    assert_eq!(actuator.alive(&[id]), [id]);
    let output = leader.wait_with_output().expect("it ends");
    let left = String::from_utf8(output.stdout).expect("a pid").trim().parse().expect("a pid");
    assert_eq!(actuator.alive(&[id]), []);
    assert_eq!(actuator.execute(&Command::Signal { id, number: SIGTERM }).outcome, Outcome::Gone);
    let left = identity(left);
    assert_eq!(actuator.execute(&Command::Kill { id: left }).outcome, Outcome::Done);
}

#[test]
fn a_real_process_is_signalled_watched_and_seen_to_go() {
    let (mut child, id) = sleeper();
    let mut actuator = live();
    let other = ProcessId { start_time: id.start_time + 1, ..id };
    assert_eq!(actuator.execute(&Command::Kill { id: other }).outcome, Outcome::Gone, "another start time");
    assert_eq!(actuator.alive(&[id, other]), [id]);
    assert_eq!(actuator.execute(&Command::Signal { id, number: SIGTERM }).outcome, Outcome::Done);
    let pidfd = actuator.watch(id).unwrap();
    let second = Timespec { tv_sec: 5, tv_nsec: 0 };
    assert_eq!(poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&second)), Ok(1));
    // It is a zombie until we have waited for it, and gone for us already.
    assert_eq!(actuator.alive(&[id]), []);
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    assert_eq!(actuator.execute(&Command::Kill { id }).outcome, Outcome::Gone);
    actuator.forget(id);
}

#[test]
fn a_stopped_process_is_killed_and_reaped() {
    let (mut child, id) = sleeper();
    let mut actuator = live();
    for order in [Command::Stop { id }, Command::Kill { id }, Command::Reap { id }] {
        assert_eq!(actuator.execute(&order).outcome, Outcome::Done, "{order:?}");
    }
    assert_eq!(child.wait().unwrap().signal(), Some(9));
}

#[test]
fn a_real_value_is_held_and_put_back() {
    let (mut child, id) = sleeper();
    let mut actuator = live();
    let file = format!("/proc/{}/oom_score_adj", id.pid);
    let value = || std::fs::read_to_string(&file).unwrap().trim().parse::<i16>().unwrap();
    let original = value();
    let directory = tempfile::tempdir().unwrap();
    let mut ledger =
        jettison_act::Ledger::recover(directory.path(), &mut LiveKernel::new(PathBuf::from("/proc"))).ledger;
    // Raising needs no privilege.
    let hold = jettison_model::Hold { id, original, value: 600.max(original) };
    ledger.reconcile(&[hold], &mut actuator);
    assert_eq!(value(), hold.value);
    ledger.restore_all(&mut actuator);
    assert_eq!(value(), original);
    child.kill().unwrap();
    child.wait().unwrap();
}
