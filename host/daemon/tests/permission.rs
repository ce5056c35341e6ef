//! A daemon that is not root: what it may not signal is no candidate (kill(2)).

mod kit;

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use jettison_tests::{Running, wait_for};
use kit::{Daemon, ask_json};
use serde_json::Value;

/// The user `nobody`.
const OVERFLOW_UID: u32 = 65534;

/// A process that sleeps, as a user.
fn sleeper(uid: u32) -> Running {
    Running(Command::new("sleep").arg("60").uid(uid).spawn().unwrap())
}

fn explain(uid: u32, args: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
    let output = command.args(["explain", "--json"]).args(args).uid(uid).gid(uid).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn excluded(explained: &Value, pid: u32) -> Option<&str> {
    let excluded = explained["excluded"].as_array().unwrap();
    excluded.iter().find(|one| one["pid"] == pid).and_then(|one| one["reason"].as_str())
}

fn is_ranked(explained: &Value, pid: u32) -> bool {
    explained["ranking"].as_array().unwrap().iter().any(|one| one["pid"] == pid)
}

#[test]
#[ignore = "needs root, to be another user"]
fn explain_excludes_what_its_user_may_not_signal() {
    let (roots, own) = (sleeper(0), sleeper(OVERFLOW_UID));
    let explained = explain(OVERFLOW_UID, &[]);
    assert_eq!(excluded(&explained, roots.id()), Some("not_permitted"));
    assert!(is_ranked(&explained, own.id()) && !is_ranked(&explained, roots.id()));
}

#[test]
#[ignore = "needs root, to be another user"]
fn a_daemon_excludes_what_its_user_may_not_signal() {
    let state = tempfile::tempdir().unwrap();
    chown(state.path(), Some(OVERFLOW_UID), Some(OVERFLOW_UID)).unwrap();
    let (roots, own) = (sleeper(0), sleeper(OVERFLOW_UID));
    let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
    command.args(["run", "--dry-run"]).uid(OVERFLOW_UID).gid(OVERFLOW_UID);
    let mut daemon = Daemon::spawn(command, state.path());
    daemon.says("is watching");
    wait_for("the first tick", || {
        (ask_json(state.path(), &["status"])["ticks"].as_u64() > Some(0)).then_some(())
    });
    let why = |pid: u32| ask_json(state.path(), &["why", &pid.to_string()]);
    assert_eq!(why(roots.id())["excluded"], "not_permitted");
    let own = why(own.id());
    assert_eq!((&own["excluded"], &own["ranked"]["comm"]), (&Value::Null, &"sleep".into()));
    let (status, said) = daemon.stop();
    assert_eq!(status, Some(0), "{said}");
}

#[test]
#[ignore = "needs root, to be another user"]
fn a_snapshot_is_explained_as_by_a_daemon_that_may_signal_all() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("snapshot").display().to_string();
    let roots = sleeper(0);
    let taken =
        Command::new(env!("CARGO_BIN_EXE_jettison")).args(["snapshot", "-o", &file]).status().unwrap();
    assert!(taken.success());
    for path in [folder.path().display().to_string(), file.clone()] {
        chown(path, Some(OVERFLOW_UID), Some(OVERFLOW_UID)).unwrap();
    }
    let explained = explain(OVERFLOW_UID, &["--snapshot", &file]);
    assert!(is_ranked(&explained, roots.id()));
}

/// What stands in the state directory is believed, and root writes through it.
#[test]
#[ignore = "needs root, to be another user"]
fn a_state_directory_that_others_may_change_is_refused() {
    let refused = |directory: &Path, why: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
        let output = command.args(["run", "--dry-run", "--state-dir"]).arg(directory).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("is not ours alone") && said.contains(why), "{said}");
    };
    let state = tempfile::tempdir().unwrap();
    chown(state.path(), Some(OVERFLOW_UID), Some(OVERFLOW_UID)).unwrap();
    refused(state.path(), "it belongs to user 65534");
    chown(state.path(), Some(0), Some(0)).unwrap();
    std::fs::set_permissions(state.path(), Permissions::from_mode(0o777)).unwrap();
    refused(state.path(), "its mode is 0777");
}

/// So that a boot, which empties the state directory, compiles nothing again.
#[test]
#[ignore = "needs root, whose compiled policies alone are trusted"]
fn what_outlives_a_boot_has_a_directory_of_its_own() {
    let (state, parent) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let keep = parent.path().join("made/by/us").display().to_string();
    let daemon = || {
        let mut daemon = Daemon::start(state.path(), &["--dry-run", "--keep-dir", &keep]);
        daemon.says("jettison is watching");
        let (status, said) = daemon.stop();
        assert_eq!(status, Some(0), "{said}");
        said
    };
    daemon();
    let kept = || std::fs::read_dir(Path::new(&keep).join("compiled")).unwrap().count();
    assert!(kept() >= 2 && !state.path().join("compiled").exists());
    std::fs::set_permissions(&keep, Permissions::from_mode(0o777)).unwrap();
    let said = daemon();
    assert!(said.contains("is not ours alone: what should outlive a boot is kept in the state"), "{said}");
    assert!(state.path().join("compiled").exists());
}
