//! The drill at the start, on a real process.

use std::fs;
use std::process::Command;

use jettison_act::{Actuator, LiveKernel};
use jettison_tests::wait_for;

fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok()).collect()
}

/// Its standard input is held open, so it waits until it is ended.
fn waits(pid_file: &std::path::Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "echo $$ > \"$0\" && exec cat"]).arg(pid_file);
    command
}

#[test]
fn it_ends_its_process_and_leaves_the_reaper_behind() {
    let folder = tempfile::tempdir().unwrap();
    let own_pid = std::process::id();
    let mut actuator = Actuator::new(LiveKernel::new("/proc".into()), own_pid, false);
    assert!(!threads().iter().any(|name| name.trim() == "reaper"));
    actuator.drill(&mut waits(&folder.path().join("pid"))).unwrap();
    // A thread names itself once it runs.
    wait_for("the reaper", || threads().iter().any(|name| name.trim() == "reaper").then_some(()));
    let children = fs::read_to_string(format!("/proc/self/task/{own_pid}/children")).unwrap_or_default();
    assert_eq!(children.trim(), "", "it is reaped");
}

#[test]
fn a_dry_run_starts_nothing_and_what_cannot_be_started_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let actuator = |is_dry| Actuator::new(LiveKernel::new("/proc".into()), std::process::id(), is_dry);
    actuator(true).drill(&mut waits(&file)).unwrap();
    assert!(!file.exists());
    let error = actuator(false).drill(&mut Command::new("/nonexistent/program")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}
