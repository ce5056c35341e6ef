//! `jettison top` against a daemon, as text.

mod kit;

use std::process::Command;

use jettison_tests::wait_for;
use kit::{Daemon, ask};

#[test]
fn one_frame_has_levels_policies_and_the_order_in_80_columns() {
    let state = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(state.path(), &["--dry-run"]);
    daemon.says("jettison is watching");
    // Until the first tick there is no order.
    let frame = wait_for("an order", || {
        let (status, text) = ask(state.path(), &["top", "--once"]);
        (status == Some(0)).then_some(text)
    });
    for part in
        ["jettison  dry-run, the host", "levels    warn ", "policies  services active ", "RANK     PID NAME"]
    {
        assert!(frame.contains(part), "{part}: {frame}");
    }
    assert_eq!(frame.lines().count(), 24, "{frame}");
    assert!(frame.lines().all(|line| line.chars().count() <= 80), "{frame}");
    assert!(frame.contains("   1 ") && frame.contains(" ranked; "), "{frame}");
    // A pipe is no terminal.
    let (status, said) = ask(state.path(), &["top"]);
    assert_eq!((status, said.contains("use `top --once`")), (Some(2), true), "{said}");
}

#[test]
fn without_a_daemon_it_says_so() {
    let state = tempfile::tempdir().unwrap();
    let (status, said) = ask(state.path(), &["top", "--once"]);
    assert_eq!((status, said.contains("no daemon answers")), (Some(1), true), "{said}");
    let args = ["top", "--interval", "0"];
    let output = Command::new(env!("CARGO_BIN_EXE_jettison")).args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
