//! What a daemon has stopped is let go on by the next one.

mod kit;

use std::path::Path;
use std::process::{Child, Command as Program};

use jettison_act::{Actuator, LiveKernel, Stopped};
use jettison_model::Command;
use jettison_tests::wait_for;
use kit::{Scripted, id, identity};

fn recovered(path: &Path, kernel: Scripted) -> (Actuator<Scripted>, usize) {
    let mut kernel = kernel;
    let (stopped, resumed) = Stopped::recover(path, &mut kernel).unwrap();
    (Actuator::new(kernel, 7, false).with_stopped(stopped), resumed)
}

fn stop(actuator: &mut Actuator<Scripted>, pids: &[u32]) {
    for &pid in pids {
        actuator.execute(&Command::Stop { id: id(pid) });
    }
}

#[test]
fn after_a_crash_those_that_were_left_stopped_go_on_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stopped");
    let (mut actuator, resumed) =
        recovered(&path, Scripted::with(&[(10, 0), (20, 0), (30, 0), (40, 0), (50, 0)]));
    assert_eq!(resumed, 0);
    stop(&mut actuator, &[10, 20, 30]);
    // None is stopped any more, so the file is as at the start.
    [10, 20, 30].into_iter().for_each(|pid| actuator.forget(id(pid)));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "\n");
    stop(&mut actuator, &[40, 50]);
    actuator.execute(&Command::Resume { id: id(40) });

    let mut kernel = actuator.kernel().clone();
    kernel.calls.clear();
    let (after, resumed) = recovered(&path, kernel);
    assert_eq!(
        after.kernel().calls,
        ["40 signal 18", "50 signal 18"],
        "one that goes on already is not harmed"
    );
    assert_eq!((resumed, recovered(&path, after.kernel().clone()).1), (2, 0), "once");
}

#[test]
fn what_is_of_another_boot_or_no_such_file_is_no_process() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stopped");
    let booted = |boot| Scripted { boot, ..Scripted::with(&[(10, 0)]) };
    let (mut actuator, _) = recovered(&path, booted("a"));
    stop(&mut actuator, &[10]);
    assert_eq!(recovered(&path, booted("b")).1, 0);
    for text in ["", "b", "b\n10", "b\n10 \n-1 5\n10 1000000\n", "\u{0}\u{1}\n"] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(recovered(&path, booted("b")).1, 0, "{text:?}");
    }
    std::fs::write(&path, "b\nrubbish\n10 1000").unwrap();
    assert_eq!(recovered(&path, booted("b")).1, 1, "what can be read is");
    Stopped::recover(directory.path(), &mut booted("b")).unwrap_err();
}

fn state(child: &Child) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[test]
fn a_real_process_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stopped");
    let mut child = Program::new("sleep").arg("60").spawn().unwrap();
    let live = || LiveKernel::new("/proc".into());
    let id = identity(child.id());
    let (stopped, _) = Stopped::recover(&path, &mut live()).unwrap();
    Actuator::new(live(), std::process::id(), false).with_stopped(stopped).execute(&Command::Stop { id });
    wait_for("it to be stopped", || (state(&child) == Some('T')).then_some(()));
    assert_eq!(Stopped::recover(&path, &mut live()).unwrap().1, 1);
    wait_for("it to go on", || (state(&child) == Some('S')).then_some(()));
    child.kill().unwrap();
    child.wait().unwrap();
}
