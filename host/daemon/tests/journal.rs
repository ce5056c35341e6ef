//! The journal from outside: what a daemon recorded is there for the next one, is decided again to the byte,
//! and makes a page.

mod kit;

use std::path::Path;
use std::process::Command;

use jettison_tests::{Hog, Memcg, wait_for};
use kit::{Daemon, ask, ask_json, file};

const MIB: u64 = 1 << 20;

/// Runs a command. Returns its status and all that it printed.
fn run(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_jettison")).args(args).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// A daemon whose scope a hog fills, until it says this.
fn filled(state: &Path, memcg: &Memcg, args: &[&str], says: &str) -> (Daemon, Hog) {
    let config = file(state, "jettison.toml", "[trigger]\npsi = []\n");
    let mut daemon = Daemon::start(state, &[&["--scope", memcg.path(), "--config", &config], args].concat());
    daemon.says("is watching");
    let mut hog = Hog::new(memcg, false).unwrap();
    hog.take_mib(242).unwrap();
    daemon.says(says);
    (daemon, hog)
}

#[test]
#[ignore = "needs root, to make a memcg"]
fn a_victim_is_known_to_the_next_daemon_replayed_to_the_byte_and_drawn() {
    let state = tempfile::tempdir().unwrap();
    let memcg = Memcg::new("journal", 256 * MIB).unwrap();
    let (daemon, hog) = filled(state.path(), &memcg, &[], "victim is gone");
    let (status, metrics) = ask(state.path(), &["metrics"]);
    assert_eq!(status, Some(0), "{metrics}");
    assert!(metrics.contains("jettison_victims_total{policy=\"balanced\""), "{metrics}");
    promtool(&metrics);
    assert_eq!(daemon.stop().0, Some(0));
    let journal = state.path().join("journal").display().to_string();
    let cache = state.path().join("compiled").display().to_string();
    let (status, said) = run(&["replay", &journal, "--cache", &cache]);
    assert_eq!(status, Some(0), "{said}");
    assert!(
        said.contains("are the same, by the recorded ballots") && said.contains("policy    balanced:"),
        "{said}"
    );
    let (status, said) = run(&["diff", "builtin:balanced", "builtin:balanced", &journal, "--cache", &cache]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("0 decisions would be others"), "{said}");
    let (status, said) = run(&["diff", "builtin:balanced", "no-such-file.wasm", &journal]);
    assert_eq!(status, Some(2), "{said}");
    let (status, said) = run(&["history", "--since", "1h", "--journal", &journal]);
    assert_eq!(status, Some(0), "{said}");
    for part in [&format!("pid {}", hog.pid()), "went by", "saved by", memcg.path()] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let page = state.path().join("page.html").display().to_string();
    let (status, said) = run(&["report", &journal, "-o", &page]);
    assert_eq!(status, Some(0), "{said}");
    let html = std::fs::read_to_string(&page).unwrap();
    assert_eq!(html.matches("</svg>").count(), 3, "{html}");
    assert!(html.contains("class=\"victim\"") && !html.contains("<script"));
    let mut next = Daemon::start(state.path(), &["--scope", memcg.path(), "--dry-run"]);
    next.says("is watching");
    let told = wait_for("an answer", || Some(ask_json(state.path(), &["history"])));
    assert_eq!(told["victims"][0]["pid"], hog.pid());
    assert_eq!(told["victims"][0]["memcg"], memcg.path());
}

/// Has Prometheus' own checker read it.
fn promtool(metrics: &str) {
    use std::io::Write;
    use std::process::Stdio;
    let mut checker = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("promtool starts (Debian: prometheus)");
    checker.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = checker.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{metrics}", String::from_utf8_lossy(&output.stdout));
}

#[test]
#[ignore = "needs root, to make a memcg"]
#[expect(clippy::disallowed_methods, reason = "nothing happens, for so long")]
fn a_dry_run_names_a_victim_once_and_goes_on_as_if_it_had_gone() {
    let state = tempfile::tempdir().unwrap();
    let memcg = Memcg::new("journal-dry", 256 * MIB).unwrap();
    let (daemon, hog) = filled(state.path(), &memcg, &["--dry-run"], "dry_run=true");
    // More than ten armed ticks, if it still were short.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let dry = ask_json(state.path(), &["history", "--dry"]);
    let victims = dry["victims"].as_array().unwrap();
    assert_eq!(victims.len(), 1, "{dry}");
    assert_eq!((&victims[0]["pid"], &victims[0]["by"]), (&hog.pid().into(), &"dry-run".into()));
    let real = ask_json(state.path(), &["history"]);
    assert_eq!(real["victims"].as_array().map(Vec::len), Some(0), "{real}");
    let (_, said) = daemon.stop();
    assert_eq!(said.matches("dry_run=true").count(), 1, "it was named again: {said}");
}

#[test]
fn what_is_no_journal_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = file(folder.path(), "x", "hello");
    let (status, said) = run(&["replay", &foreign]);
    assert_eq!(status, Some(2));
    assert!(said.contains("is no journal: its first line is not `jettison.journal/1`"), "{said}");
    let empty = file(folder.path(), "000000000001.journal", "jettison.journal/1\n\u{7f}junk");
    let (status, said) = run(&["replay", &empty]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("left out") && said.contains("no tick is recorded"), "{said}");
    let (status, said) = run(&["report", &empty, "-o", "/nowhere/x.html"]);
    assert_eq!((status, said.contains("no tick is recorded")), (Some(1), true), "{said}");
    let (status, said) = run(&["history", "--since", "soon"]);
    assert_eq!(status, Some(2));
    assert!(said.contains("such as 90s, 30m, 1h or 2d"), "{said}");
}

/// Journals that were recorded on a kernel, each with a line on what is special about it. What decides
/// otherwise than it did then must be meant: then record them anew.
#[test]
fn kept_journals_are_decided_again_to_the_byte() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/journals");
    let cache = tempfile::tempdir().unwrap();
    let mut journals = 0;
    for entry in std::fs::read_dir(kept).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            continue;
        }
        journals += 1;
        let (journal, cache) = (path.display().to_string(), cache.path().display().to_string());
        let (status, said) = run(&["replay", &journal, "--cache", &cache]);
        assert_eq!(status, Some(0), "{journal}: {said}");
        assert!(!said.contains("left out") && !said.contains(" 0 with victims"), "{journal}: {said}");
    }
    assert!(journals >= 12, "{journals} journals");
}
