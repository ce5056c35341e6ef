//! Faults that take a real kernel and root.

mod kit;

use std::path::{Path, PathBuf};
use std::process;

use jettison_act::{Actuator, Ledger, LiveKernel};
use jettison_model::{Command, Outcome, ProcessId};
use jettison_tests::{Running, wait_for};
use kit::{Scripted, hold, identity};
use rustix::io::Errno;

/// A mounted tmpfs of 16 KiB. Unmounted when dropped.
struct Tiny(tempfile::TempDir);

impl Tiny {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=16k", "tmpfs"];
        assert!(process::Command::new("mount").args(mount).arg(directory.path()).status().unwrap().success());
        Self(directory)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        // If it stays mounted, removing the directory fails visibly.
        process::Command::new("umount").arg(self.path()).status().ok();
    }
}

#[test]
#[ignore = "needs root, to mount a tmpfs"]
fn on_a_full_disk_no_value_is_taken_and_none_is_lost() {
    let tiny = Tiny::new();
    let mut kernel = Scripted::with(&[(10, 0), (20, 0)]);
    let mut ledger = Ledger::recover(tiny.path(), &mut kernel).ledger;
    let mut actuator = Actuator::new(kernel, 7, false);
    ledger.reconcile(&[hold(10, 0, -500)], &mut actuator);
    let filler = tiny.path().join("filler");
    // As much as there is room for.
    std::fs::write(&filler, vec![0; 64 << 10]).unwrap_err();
    let holds = [hold(10, 0, -500), hold(20, 0, -500)];
    let reports = ledger.reconcile(&holds, &mut actuator);
    let outcomes: Vec<Outcome> = reports.iter().map(|report| report.outcome).collect();
    assert_eq!(outcomes, [Outcome::Failed(Errno::NOSPC.raw_os_error())]);
    assert_eq!((actuator.kernel().adj(10), actuator.kernel().adj(20)), (-500, 0));
    // The journal of before is whole, so that a crash now loses nothing.
    let mut after_a_crash = actuator.kernel().clone();
    std::fs::remove_file(&filler).unwrap();
    ledger.reconcile(&holds, &mut actuator);
    assert_eq!(actuator.kernel().adj(20), -500);
    Ledger::recover(tiny.path(), &mut after_a_crash);
    assert_eq!(after_a_crash.adj(10), 0);
}

#[test]
#[ignore = "needs root, to make a pid namespace"]
fn the_init_of_another_pid_namespace_goes_by_its_pid_in_ours() {
    let unshare = ["--pid", "--fork", "--kill-child", "sleep", "60"];
    let mut outside = Running(process::Command::new("unshare").args(unshare).spawn().unwrap());
    let children = format!("/proc/{0}/task/{0}/children", outside.0.id());
    let pid = wait_for("the init of the namespace", || {
        let pid: u32 = std::fs::read_to_string(&children).ok()?.trim().parse().ok()?;
        (std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()? == "sleep\n").then_some(pid)
    });
    let id = identity(pid);
    let mut actuator = Actuator::new(LiveKernel::new(PathBuf::from("/proc")), std::process::id(), false);
    // As an init it has no handler and does not see SIGTERM (pid_namespaces(7)); SIGKILL from outside it
    // cannot ignore.
    assert_eq!(actuator.execute(&Command::Signal { id, number: 15 }).outcome, Outcome::Done);
    assert_eq!(actuator.alive(&[id]), [id]);
    assert_eq!(actuator.execute(&Command::Kill { id }).outcome, Outcome::Done);
    wait_for("its end", || actuator.alive(&[id]).is_empty().then_some(()));
    outside.0.wait().unwrap();
}

/// Stops a child of ours in a trace (ptrace(2)), as a debugger does.
#[expect(unsafe_code, reason = "no library of ours wraps ptrace(2)")]
fn trace(pid: u32) {
    let pid = libc::pid_t::try_from(pid).unwrap();
    let none = std::ptr::null_mut::<libc::c_void>();
    for request in [libc::PTRACE_SEIZE, libc::PTRACE_INTERRUPT] {
        // SAFETY: both take a pid, and neither reads or writes memory of ours.
        let result = unsafe { libc::ptrace(request, pid, none, none) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }
}

#[test]
fn a_traced_victim_does_not_see_sigterm_and_goes_by_sigkill() {
    let mut traced = Running(process::Command::new("sleep").arg("60").spawn().unwrap());
    let pid = traced.0.id();
    trace(pid);
    let stat = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let field = |at: usize| stat().rsplit_once(") ").unwrap().1.split(' ').nth(at).unwrap().to_owned();
    wait_for("the trace", || (field(0) == "t").then_some(()));
    let id = ProcessId { pid, start_time: field(19).parse().unwrap() };
    let mut actuator = Actuator::new(LiveKernel::new(PathBuf::from("/proc")), std::process::id(), false);
    assert_eq!(actuator.execute(&Command::Signal { id, number: 15 }).outcome, Outcome::Done);
    assert_eq!(field(0), "t", "it is stopped, and the signal waits for its tracer");
    assert_eq!(actuator.alive(&[id]), [id]);
    assert_eq!(actuator.execute(&Command::Kill { id }).outcome, Outcome::Done);
    wait_for("its end", || actuator.alive(&[id]).is_empty().then_some(()));
    traced.0.wait().unwrap();
}
