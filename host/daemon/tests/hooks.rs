//! Hooks of a daemon that acts, in a memcg of its own: notifications, and steps of a shutdown.

mod kit;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use jettison_tests::{Hog, Memcg, wait_for};
use kit::{Daemon, ask_json, file};

#[path = "../../policy/build/guest.rs"]
mod guest;

const MIB: u64 = 1 << 20;

/// The policy that gives every victim graceful steps, as a module.
fn gentle() -> PathBuf {
    let root = guest::workspace_root(Path::new(env!("CARGO_MANIFEST_DIR")));
    guest::build(&root.join("tests/misbehaving"), &root.join("target/guests")).unwrap()
}

fn script(directory: &Path, name: &str, text: &str) -> String {
    let path = file(directory, name, &format!("#!/bin/sh\n{text}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// `told` notes what it is told, `drain` does as the test says.
fn config(directory: &Path, drain: &str) -> String {
    let out = directory.join("out");
    let told = script(
        directory,
        "told",
        &format!("echo $JETTISON_HOOK $JETTISON_CAUSE $JETTISON_TOTAL_BYTES >> {}", out.display()),
    );
    let drain = script(directory, "drain", &format!("OUT={}\n{drain}", out.display()));
    let text = format!(
        r#"
[trigger]
psi = []
[hooks.told]
command = ["{told}"]
[hooks.drain]
command = ["{drain}"]
[notify]
warn = ["hook:told"]
[act]
cool_down_ms = 60000
critical_grace_ms = 60000
grace_ms = 60000
[[policy]]
name = "gentle"
source = "{}"
grants = ["cmdlines", "exes", "pss-bytes"]
[policy.config]
do = "gentle"
"#,
        gentle().display()
    );
    file(directory, "jettison.toml", &text)
}

/// One hog that fills its memcg up to where a victim is named. Returns how it ended.
fn fill(memcg: &Memcg) -> (u32, std::process::ExitStatus) {
    let mut hog = Hog::new(memcg, false).unwrap();
    hog.take_mib(226).unwrap();
    let ended = wait_for("the hog's end", || {
        if memcg.usage_bytes().unwrap() < 238 * MIB {
            // Refused once it has ended, which the next line sees.
            hog.take_mib(1).ok();
        }
        hog.ended().unwrap()
    });
    (hog.pid(), ended)
}

#[test]
#[ignore = "needs root, to make a memcg"]
fn a_hook_is_told_once_and_another_shuts_the_victim_down() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let memcg = Memcg::new("hook-done", 256 * MIB).unwrap();
    let drain = "echo $JETTISON_HOOK $JETTISON_COMM $JETTISON_TARGET $JETTISON_POLICY >> $OUT; kill -INT $JETTISON_PID";
    let config = config(directory.path(), drain);
    let mut daemon = Daemon::start(&state, &["--scope", memcg.path(), "--config", &config]);
    daemon.says("is watching");
    let (pid, ended) = fill(&memcg);
    assert_eq!(ended.signal(), Some(2), "by the hook, and long before its wait is over");
    daemon.says("victim is gone");
    // Two programs beside each other: on a busy host the one that is told writes after the other.
    let out = wait_for("both hooks' lines", || {
        let out = fs::read_to_string(directory.path().join("out")).ok()?;
        (out.lines().count() >= 2).then_some(out)
    });
    let mut lines: Vec<&str> = out.lines().collect();
    lines.sort_unstable();
    let [drain, told] = lines[..] else { panic!("{out}") };
    assert_eq!(drain, "drain tail process gentle");
    assert!(told.starts_with("told ") && told.ends_with(" 268435456"), "{out}");
    let history = ask_json(&state, &["history"]);
    let past = &history["victims"][0];
    assert_eq!((past["pid"].as_u64(), past["killed"].as_bool()), (Some(pid.into()), Some(false)));
    let steps = serde_json::json!(["stop-unit failed: it belongs to no systemd unit", "hook drain"]);
    assert_eq!(past["steps"], steps);
    let (status, said) = daemon.stop();
    assert_eq!(status, Some(0), "{said}");
}

#[test]
#[ignore = "needs root, to make a memcg"]
fn where_every_step_fails_sigterm_stands_in() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let memcg = Memcg::new("hook-failed", 256 * MIB).unwrap();
    let config = config(directory.path(), "exit 3");
    let mut daemon = Daemon::start(&state, &["--scope", memcg.path(), "--config", &config]);
    daemon.says("is watching");
    let (_, ended) = fill(&memcg);
    assert_eq!(ended.signal(), Some(15), "and the waits of 50 s are not waited");
    daemon.says("victim is gone");
    let history = ask_json(&state, &["history"]);
    let failed = "hook drain failed: hook drain: exit status 3";
    let steps = serde_json::json!([
        "stop-unit failed: it belongs to no systemd unit",
        "hook drain",
        failed,
        "SIGTERM"
    ]);
    assert_eq!(history["victims"][0]["steps"], steps);
}

#[test]
#[ignore = "needs root, to make a memcg"]
fn a_dry_run_runs_no_hook() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let memcg = Memcg::new("hook-dry", 256 * MIB).unwrap();
    let config = config(directory.path(), "echo drain >> $OUT");
    let args = ["--dry-run", "--scope", memcg.path(), "--config", &config];
    let mut daemon = Daemon::start(&state, &args);
    daemon.says("is watching");
    let mut hog = Hog::new(&memcg, false).unwrap();
    hog.take_mib(240).unwrap();
    let line = daemon.says("notifying");
    assert!(line.contains("hook=\"told\"") && line.contains("dry_run=true"), "{line}");
    daemon.says("victim");
    assert_eq!(daemon.stop().0, Some(0));
    assert!(!directory.path().join("out").exists());
}

#[test]
#[ignore = "needs root, to make a memcg"]
fn that_nothing_is_worth_ending_is_told_once_with_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let memcg = Memcg::new("hook-worthless", 256 * MIB).unwrap();
    let out = directory.path().join("out");
    let told = script(
        directory.path(),
        "told",
        &format!(
            "echo $JETTISON_NEEDED_BYTES $JETTISON_REACHABLE_BYTES $JETTISON_REASON >> {}",
            out.display()
        ),
    );
    let text = format!(
        "[trigger]\npsi = []\n[guard]\nnever = [{{ comm = \"tail\" }}]\n[hooks.told]\ncommand = [\"{told}\"]\n[notify]\nnobody = [\"hook:told\"]\n"
    );
    let config = file(directory.path(), "jettison.toml", &text);
    let mut daemon = Daemon::start(&state, &["--scope", memcg.path(), "--config", &config]);
    daemon.says("is watching");
    let mut hog = Hog::new(&memcg, false).unwrap();
    hog.take_mib(238).unwrap();
    let line = daemon.says("no victim is named");
    assert!(line.contains("not-worth-it"), "{line}");
    let said =
        wait_for("the hook's line", || fs::read_to_string(&out).ok().filter(|said| said.ends_with('\n')));
    let words: Vec<&str> = said.splitn(3, ' ').collect();
    assert!(words[0].parse::<u64>().unwrap() > MIB && words[1] == "0", "{said}");
    assert!(words[2].starts_with("nothing is worth ending: 0 MiB within reach, of "), "{said}");
    let status = ask_json(&state, &["status"]);
    assert_eq!(status["outcome"], "not-worth-it", "{status}");
    assert!(status["idle"].as_str().unwrap().starts_with("nothing is worth ending: "), "{status}");
    let ticks = status["ticks"].as_u64().unwrap();
    wait_for("more ticks", || (ask_json(&state, &["status"])["ticks"].as_u64()? > ticks + 5).then_some(()));
    assert!(hog.ended().unwrap().is_none());
    let (_, log) = daemon.stop();
    assert_eq!(log.matches("no victim is named").count(), 1, "{log}");
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 1);
}
