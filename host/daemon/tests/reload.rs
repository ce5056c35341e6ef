//! Policies and settings that change under a running daemon: either everything new is live, or nothing has
//! changed.

mod kit;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use jettison_policy::digest;
use jettison_tests::wait_for;
use kit::{Daemon, ask, ask_json, file};
use serde_json::Value;
use tempfile::TempDir;

/// A user without rights: `nobody` on Debian.
const OTHER_USER: u32 = 65_534;

#[path = "../../policy/build/guest.rs"]
mod guest;

/// The policy that does as its configuration says, with a section that makes it this edition of it.
fn module(edition: &str) -> Vec<u8> {
    static MODULE: OnceLock<Vec<u8>> = OnceLock::new();
    let module = MODULE.get_or_init(|| {
        let root = guest::workspace_root(Path::new(env!("CARGO_MANIFEST_DIR")));
        let built = guest::build(&root.join("tests/misbehaving"), &root.join("target/guests")).unwrap();
        fs::read(built).unwrap()
    });
    let name = [&[7], b"edition".as_slice()].concat();
    let length = u8::try_from(name.len() + edition.len()).unwrap();
    [module.as_slice(), &[0, length], &name, edition.as_bytes()].concat()
}

/// A dry-run daemon with one policy, `site`.
struct Site {
    directory: TempDir,
    daemon: Daemon,
}

impl Site {
    /// The first edition, at `source` below the directory, told to do something.
    fn start(source: &str, to_do: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(source);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, module("1")).unwrap();
        Self::over(directory, &path, to_do)
    }

    fn over(directory: TempDir, source: &Path, to_do: &str) -> Self {
        let config = file(directory.path(), "jettison.toml", &Self::config(source, to_do));
        let mut daemon = Daemon::start(&directory.path().join("state"), &["--dry-run", "--config", &config]);
        daemon.says("is watching");
        Self { directory, daemon }
    }

    fn config(source: &Path, to_do: &str) -> String {
        format!(
            r#"
[adjust]
interval_ms = 1000

[hooks.drain]
command = ["/bin/true"]

[[policy]]
name = "site"
source = "{}"
grants = ["cmdlines", "exes", "pss-bytes"]
[policy.config]
do = "{to_do}"
"#,
            source.display()
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn state(&self) -> PathBuf {
        self.path("state")
    }

    fn status(&self) -> Value {
        ask_json(&self.state(), &["status"])
    }

    fn digest(&self) -> Option<String> {
        Some(self.status()["policies"][0]["digest"].as_str()?.to_owned())
    }

    #[track_caller]
    fn is_live(&self, edition: &str) {
        let expected = digest(&module(edition));
        wait_for("the new digest", || (self.digest()? == expected).then_some(()));
    }

    /// Waits until a reload has been refused, and returns why.
    #[track_caller]
    fn is_refused(&self) -> String {
        wait_for("a refused reload", || {
            let status = self.status();
            Some(status["last_reload"]["problems"].as_array()?.first()?.as_str()?.to_owned())
        })
    }
}

#[test]
fn a_module_that_is_copied_in_is_live_and_a_broken_one_changes_nothing() {
    let site = Site::start("site.wasm", "good");
    site.is_live("1");
    fs::write(site.path("site.wasm"), module("2")).unwrap();
    site.is_live("2");
    fs::write(site.path("next"), module("3")).unwrap();
    fs::rename(site.path("next"), site.path("site.wasm")).unwrap();
    site.is_live("3");
    fs::write(site.path("site.wasm"), "broken").unwrap();
    let why = site.is_refused();
    assert!(why.contains("site.wasm: is not a WebAssembly policy"), "{why}");
    site.is_live("3");
    fs::remove_file(site.path("site.wasm")).unwrap();
    wait_for("a reload without the file", || site.is_refused().contains("No such file").then_some(()));
    site.is_live("3");
    assert_eq!(site.daemon.stop().0, Some(0));
}

#[test]
fn one_who_writes_slowly_is_waited_for() {
    let site = Site::start("site.wasm", "good");
    let whole = module("2");
    let (first, second) = whole.split_at(whole.len() / 2);
    let mut half = fs::File::create(site.path("site.wasm")).unwrap();
    half.write_all(first).unwrap();
    // Time for it to fall for the half.
    let mut looks = 0;
    wait_for("some time", || {
        looks += 1;
        (looks > 60).then_some(())
    });
    assert_eq!(site.status()["last_reload"], Value::Null);
    half.write_all(second).unwrap();
    drop(half);
    site.is_live("2");
    assert_eq!(site.status()["last_reload"]["problems"], Value::Array(Vec::new()));
}

#[test]
fn other_files_in_the_same_directory_delay_nothing() {
    let site = Site::start("site.wasm", "good");
    let (mut log, is_seen) = (fs::File::create(site.path("some.log")).unwrap(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        // Every 10 ms, more often than what counts as quiet.
        scope.spawn(|| {
            wait_for("the end of the test", || {
                log.write_all(b"still being written\n").unwrap();
                is_seen.load(Ordering::Relaxed).then_some(())
            });
        });
        fs::write(site.path("site.wasm"), module("2")).unwrap();
        site.is_live("2");
        is_seen.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_link_that_is_swapped_as_kubernetes_does_it_is_seen() {
    let directory = tempfile::tempdir().unwrap();
    let mounted = directory.path().join("mounted");
    for edition in ["1", "2"] {
        let version = mounted.join(format!("..{edition}"));
        fs::create_dir_all(&version).unwrap();
        fs::write(version.join("site.wasm"), module(edition)).unwrap();
    }
    symlink("..1", mounted.join("..data")).unwrap();
    symlink("..data/site.wasm", mounted.join("site.wasm")).unwrap();
    let site = Site::over(directory, &mounted.join("site.wasm"), "good");
    site.is_live("1");
    symlink("..2", mounted.join("..next")).unwrap();
    fs::rename(mounted.join("..next"), mounted.join("..data")).unwrap();
    site.is_live("2");
}

#[test]
fn a_directory_that_is_deleted_and_comes_back_is_watched_again() {
    let site = Site::start("policies/site.wasm", "good");
    site.is_live("1");
    fs::remove_dir_all(site.path("policies")).unwrap();
    assert!(site.is_refused().contains("No such file"));
    site.is_live("1");
    fs::create_dir(site.path("policies")).unwrap();
    fs::write(site.path("policies/site.wasm"), module("2")).unwrap();
    site.is_live("2");
    fs::write(site.path("policies/site.wasm"), module("3")).unwrap();
    site.is_live("3");
}

#[test]
fn one_that_loops_on_trial_is_not_let_in() {
    let site = Site::start("site.wasm", "good");
    let config = Site::config(&site.path("site.wasm"), "loop");
    file(site.directory.path(), "jettison.toml", &config);
    assert!(site.is_refused().contains("fuel"), "{}", site.is_refused());
    let status = site.status();
    assert_eq!(status["policies"][0]["state"], "active");
    assert_eq!(status["quarantined"][0]["digest"], digest(&module("1")));
    assert!(ask(&site.state(), &["status"]).1.contains("for site, which goes on as before"));
    let (status, said) = ask(&site.state(), &["reload"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("nothing has changed"), "{said}");
}

#[test]
fn one_that_keeps_faulting_goes_into_quarantine_until_it_changes_or_is_lifted() {
    let mut site = Site::start("site.wasm", "refuse");
    wait_for("the quarantine", || (site.status()["policies"][0]["state"] == "quarantined").then_some(()));
    let line = site.daemon.says("is in quarantine");
    assert!(line.contains("after 3 faults in a row") && line.contains("is_builtin=true"), "{line}");
    assert_eq!(site.status()["policies"][0]["consultations"], 3);
    let mut other = Command::new("sleep").arg("600").spawn().unwrap();
    let pid = other.id().to_string();
    let why = wait_for("a tick that sees it", || {
        let (status, why) = ask(&site.state(), &["why", &pid, "--json"]);
        (status == Some(0)).then_some(why)
    });
    other.kill().unwrap();
    other.wait().unwrap();
    let why: Value = serde_json::from_str(&why).unwrap();
    assert_eq!(why["ranked"]["reasons"][0]["policy"], "built-in", "{why}");
    assert!(why["uid"].is_u64() && why["ranked"]["uid"] == why["uid"], "{why}");
    assert_eq!((why["uid"] == 0, &why["ranked"]["user"]), (why["user"] == "root", &why["user"]), "{why}");
    assert_eq!(ask(&site.state(), &["reload", "--lift"]).0, Some(0));
    wait_for("another three", || (site.status()["policies"][0]["consultations"] == 6).then_some(()));
    file(site.directory.path(), "jettison.toml", &Site::config(&site.path("site.wasm"), "good"));
    wait_for("the mended one", || (site.status()["policies"][0]["state"] == "active").then_some(()));
}

#[test]
fn a_configuration_that_stops_parsing_leaves_the_old_one() {
    let site = Site::start("site.wasm", "good");
    let config = site.path("jettison.toml");
    let good = fs::read_to_string(&config).unwrap();
    fs::write(&config, "[act]\ngrace = 1\n").unwrap();
    let why = site.is_refused();
    assert!(why.contains("jettison.toml:2: unknown key `act.grace`"), "{why}");
    site.is_live("1");
    fs::write(&config, good.replace("[[policy]]", "[act]\nmode = \"dry-run\"\n\n[[policy]]")).unwrap();
    wait_for("the mended one", || {
        let status = site.status();
        status["last_reload"]["problems"].as_array()?.is_empty().then_some(())
    });
    site.daemon.signal(rustix::process::Signal::HUP);
    fs::write(&config, "").unwrap();
    wait_for("the default", || (site.status()["policies"][0]["name"] == "services").then_some(()));
}

#[test]
fn a_drop_in_adds_a_policy_and_takes_it_away() {
    let site = Site::start("site.wasm", "good");
    let drop_ins = site.path("policies.d");
    fs::create_dir(&drop_ins).unwrap();
    let text = "[[policy]]\nname = \"second\"\nsource = \"builtin:balanced\"\nshadow = true\n";
    let names = || -> Vec<String> {
        let status = site.status();
        let policies = status["policies"].as_array().unwrap().clone();
        policies.iter().map(|policy| format!("{} {}", policy["name"], policy["state"])).collect()
    };
    file(&drop_ins, "second.toml", text);
    wait_for("the second", || (names().len() == 2).then_some(()));
    assert_eq!(names()[1], "\"second\" \"shadow\"");
    file(&drop_ins, "third.toml", text);
    assert!(site.is_refused().contains("there is already a policy named `second`"), "{}", site.is_refused());
    fs::remove_file(drop_ins.join("third.toml")).unwrap();
    fs::remove_file(drop_ins.join("second.toml")).unwrap();
    wait_for("the first alone", || (names().len() == 1).then_some(()));
}

#[test]
fn a_module_that_others_could_have_written_is_refused() {
    let site = Site::start("site.wasm", "good");
    fs::write(site.path("next"), module("2")).unwrap();
    fs::set_permissions(site.path("next"), fs::Permissions::from_mode(0o666)).unwrap();
    fs::rename(site.path("next"), site.path("site.wasm")).unwrap();
    let why = site.is_refused();
    assert!(why.contains("is not trusted: others may write to"), "{why}");
    site.is_live("1");
}

#[test]
#[ignore = "needs root, to give a file away"]
fn a_module_of_another_user_is_refused() {
    let site = Site::start("site.wasm", "good");
    fs::write(site.path("next"), module("2")).unwrap();
    std::os::unix::fs::chown(site.path("next"), Some(OTHER_USER), None).unwrap();
    fs::rename(site.path("next"), site.path("site.wasm")).unwrap();
    let why = site.is_refused();
    assert!(why.contains("belongs to user 65534: `chown root "), "{why}");
    site.is_live("1");
}

#[test]
#[ignore = "needs root, to become another user"]
fn another_user_may_not_ask() {
    let site = Site::start("site.wasm", "good");
    // All the way to the socket, and onto it: then it is the daemon that refuses.
    for path in [site.directory.path().to_path_buf(), site.state()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let ask_as_another_user = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_jettison"));
        let output = command
            .args(["status", "--state-dir"])
            .arg(site.state())
            .uid(OTHER_USER)
            .gid(OTHER_USER)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (status, said) = ask_as_another_user();
    assert!(status == Some(1) && said.contains("Permission denied"), "{said}");
    let socket = site.state().join("control.sock");
    fs::set_permissions(socket, fs::Permissions::from_mode(0o666)).unwrap();
    let (status, said) = ask_as_another_user();
    assert!(status == Some(1) && said.contains("user 65534 may not talk to this daemon"), "{said}");
}

#[test]
fn nonsense_on_the_socket_does_no_harm() {
    let site = Site::start("site.wasm", "good");
    let socket = site.state().join("control.sock");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
    let say = |line: &[u8]| {
        let mut stream = UnixStream::connect(&socket).unwrap();
        // Fails if the test has ended.
        stream.write_all(line).ok();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok();
        answer
    };
    for line in [b"\n".as_slice(), b"{", b"{\"version\":1}", b"\xff\xfe\n", &[b'x'; 100_000]] {
        let answer = say(line);
        assert!(answer.is_empty() || answer.contains("that is no request"), "{answer}");
    }
    assert!(say(b"{\"version\":2,\"ask\":\"status\"}\n").contains("this daemon knows 1"));
    // Silent clients hold places for a while, not for ever.
    let silent: Vec<UnixStream> = (0..64).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    wait_for("a place", || (ask(&site.state(), &["status"]).0 == Some(0)).then_some(()));
    drop(silent);
    assert_eq!(site.daemon.stop().0, Some(0));
}

#[test]
fn without_a_daemon_one_is_told_so() {
    let directory = tempfile::tempdir().unwrap();
    let (status, said) = ask(directory.path(), &["status"]);
    assert_eq!(status, Some(1));
    assert!(said.contains("no daemon answers") && said.contains("--state-dir"), "{said}");
}

#[test]
fn the_last_tick_says_what_it_thought_of_a_process() {
    let site = Site::start("site.wasm", "good");
    let why = |pid: &str| {
        wait_for("a tick", || {
            let (status, said) = ask(&site.state(), &["why", pid]);
            (!said.contains("no tick yet")).then_some((status, said))
        })
    };
    let (status, said) = why("1");
    assert!(status == Some(0) && said.starts_with("never: init\nuser "), "{said}");
    let (status, said) = why("999999999");
    assert_eq!(status, Some(1));
    assert!(said.contains("the last tick saw no process 999999999"), "{said}");
    assert_eq!(ask_json(&site.state(), &["history"])["victims"], Value::Array(Vec::new()));
    assert!(ask(&site.state(), &["status"]).1.contains("POLICY"));
}
