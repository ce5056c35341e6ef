//! What `jettison doctor` says of the daemon that runs: each thing that its unit gives it is missed when it
//! is taken away.

mod kit;

use std::path::Path;
use std::process::Command;

use jettison_tests::Memcg;
use kit::{Daemon, ask, ask_json, file};

/// The checks of the running service that are lacking: name and what was found.
fn lacking(state: &Path) -> Vec<(String, String)> {
    let report = ask_json(state, &["doctor"]);
    let checks = report["checks"].as_array().unwrap().iter();
    let text = |check: &serde_json::Value, key: &str| check[key].as_str().unwrap().to_owned();
    checks
        .filter(|check| check["status"] == "lacking" && text(check, "name").starts_with("service"))
        .filter(|check| check["name"] != "service-manager")
        .map(|check| (text(check, "name"), text(check, "found")))
        .collect()
}

/// What is lacking with this before `jettison run`, and not without it.
fn is_missed(before: &[&str], name: &str, found: &str) {
    let memcg = Memcg::new("doctor", 256 << 20).unwrap();
    let of = |before: &[&str]| {
        let state = tempfile::tempdir().unwrap();
        let all = [before, &[env!("CARGO_BIN_EXE_jettison"), "run", "--scope", memcg.path()]].concat();
        let mut command = Command::new(all[0]);
        command.args(&all[1..]);
        let mut daemon = Daemon::spawn(command, state.path());
        daemon.says("is watching");
        let lacking = lacking(state.path());
        daemon.stop();
        lacking.into_iter().find(|(other, _)| other == name).map_or_else(String::new, |(_, found)| found)
    };
    assert!(!of(&["env"]).contains(found), "{found:?} is lacking by itself: {}", of(&["env"]));
    assert!(of(before).contains(found), "with {before:?}: {:?}", of(before));
}

#[test]
#[ignore = "needs root, to make a memcg"]
fn each_thing_that_is_taken_away_is_missed() {
    let without = |capability: &'static str| ["setpriv", "--bounding-set", capability];
    is_missed(&without("-kill"), "service-capabilities", "it lacks CAP_KILL");
    is_missed(&without("-sys_nice"), "service-priority", "is 0");
    is_missed(&without("-syslog"), "service-capabilities", "CAP_SYSLOG");
    is_missed(
        &["prlimit", "--nofile=1000:1000", "setpriv", "--bounding-set", "-sys_resource"],
        "service-sight",
        "it may open 1000 files",
    );
    is_missed(
        &["prlimit", "--memlock=0:0", "setpriv", "--bounding-set", "-ipc_lock"],
        "service-memory",
        "its memory is not locked",
    );
}

#[test]
#[ignore = "needs root, to make a memcg"]
fn what_only_a_unit_gives_is_missed_without_one() {
    let state = tempfile::tempdir().unwrap();
    let memcg = Memcg::new("doctor-unit", 256 << 20).unwrap();
    let mut daemon = Daemon::start(state.path(), &["--scope", memcg.path()]);
    daemon.says("is watching");
    let found = lacking(state.path());
    assert!(found.contains(&("service-watchdog".into(), "the service manager does not watch it".into())));
    assert!(found.iter().any(|(name, found)| name == "service-sandbox" && found.contains("no system call")));
    let report = ask_json(state.path(), &["doctor"]);
    let ok = |name: &str| {
        report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .any(|check| check["name"] == name && check["status"] == "ok")
    };
    assert!(ok("service") && ok("service-drill"), "{report}");
    daemon.stop();
}

#[test]
fn a_dry_run_and_none_at_all_are_told_apart() {
    let state = tempfile::tempdir().unwrap();
    let (_, text) = ask(state.path(), &["doctor"]);
    assert!(text.contains("no daemon answers"), "{text}");
    let bad = file(state.path(), "bad.wasm", "no module");
    let text = format!("[[policy]]\nname = \"bad\"\nsource = \"{bad}\"\n");
    let config = file(state.path(), "jettison.toml", &text);
    let mut daemon = Daemon::start(state.path(), &["--dry-run", "--config", &config]);
    daemon.says("is watching");
    let found = lacking(state.path());
    assert!(found.iter().any(|(name, found)| name == "service" && found.contains("bad: ")), "{found:?}");
    assert!(!found.iter().any(|(name, _)| name == "service-drill"), "a dry run makes none: {found:?}");
    daemon.stop();
}
