//! What others could have written is not read by a daemon that is root: it would have them choose what ends,
//! and what runs as root.

mod kit;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jettison_tests::wait_for;
use kit::{Daemon, ask_json, file};
use serde_json::Value;
use tempfile::TempDir;

/// A user without rights: `nobody` on Debian.
const OTHER_USER: u32 = 65_534;

/// A configuration with a drop-in and a hook, all of them root's.
struct Site(TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        for directory in ["etc/policies.d", "bin", "links"] {
            fs::create_dir_all(site.path(directory)).unwrap();
        }
        file(&site.path("bin"), "drain", "#!/bin/sh\n");
        let hook = format!("[hooks.drain]\ncommand = [\"{}\"]\n", site.path("bin/drain").display());
        file(&site.path("etc"), "jettison.toml", &hook);
        let drop_in = "[[policy]]\nname = \"site\"\nsource = \"builtin:balanced\"\nshadow = true\n";
        file(&site.path("etc/policies.d"), "site.toml", drop_in);
        for (path, mode) in [("etc", 0o755), ("bin", 0o755), ("etc/policies.d", 0o755), ("bin/drain", 0o755)]
        {
            site.mode(path, mode);
        }
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self) -> String {
        self.path("etc/jettison.toml").display().to_string()
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    fn jettison(&self, args: &[&str]) -> Output {
        let config = self.config();
        let args = [args, &["--config", &config]].concat();
        Command::new(env!("CARGO_BIN_EXE_jettison")).args(args).output().unwrap()
    }

    /// Its status and what it says on standard error.
    fn said(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = self.jettison(args);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    fn doctors_word(&self) -> Value {
        let report: Value = serde_json::from_slice(&self.jettison(&["doctor", "--json"]).stdout).unwrap();
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == "trust").unwrap().clone()
    }
}

/// The command in a message, between its last two backticks.
fn command_in(message: &str) -> &str {
    message.rsplit('`').nth(1).unwrap()
}

#[test]
#[ignore = "needs root, to give a file away"]
fn each_is_refused_at_the_start_and_the_message_has_the_command_that_mends_it() {
    let open =
        |site: &Site, name: &str| site.mode(name, 0o666 | fs::metadata(site.path(name)).unwrap().mode_x());
    let give = |site: &Site, name: &str| chown(site.path(name), Some(OTHER_USER), None).unwrap();
    let files =
        ["etc/jettison.toml", "etc", "etc/policies.d/site.toml", "etc/policies.d", "bin/drain", "bin"];
    for name in files {
        for (damage, why) in [(&open as &dyn Fn(&Site, &str), "others may write to"), (&give, "belongs to")] {
            let site = Site::new();
            assert_eq!(site.doctors_word()["status"], "ok", "{name}");
            damage(&site, name);
            let state = site.path("state").display().to_string();
            let (status, said) = site.said(&["run", "--dry-run", "--state-dir", &state]);
            let path = site.path(name).display().to_string();
            let is_named = said.contains("is not trusted: ") && said.contains(why) && said.contains(&path);
            assert!(status == Some(2) && is_named, "{name}: {status:?} {said}");
            assert_eq!(site.said(&["check"]), (Some(2), said.clone()), "{name}");
            let doctor = site.doctors_word();
            assert!(
                doctor["status"] == "lacking" && doctor["found"].as_str().unwrap().contains(&path),
                "{doctor}"
            );
            let mended = Command::new("sh").args(["-c", command_in(said.lines().next().unwrap())]).status();
            assert!(mended.unwrap().success(), "{said}");
            assert_eq!(site.doctors_word()["status"], "ok", "{name}");
        }
    }
}

/// The executable bits, to be kept.
trait ModeX {
    fn mode_x(&self) -> u32;
}

impl ModeX for fs::Metadata {
    fn mode_x(&self) -> u32 {
        self.permissions().mode() & 0o111
    }
}

#[test]
#[ignore = "needs root, since only then the daemon is wary"]
fn a_reload_of_what_others_may_write_changes_nothing() {
    let site = Site::new();
    let state = site.path("state");
    let mut daemon = Daemon::start(&state, &["--dry-run", "--config", &site.config()]);
    daemon.says("is watching");
    let last_reload = || ask_json(&state, &["status"])["last_reload"].clone();
    let policies = || ask_json(&state, &["status"])["policies"].as_array().unwrap().len();
    assert_eq!(policies(), 3);
    site.mode("etc/policies.d/site.toml", 0o666);
    let why = wait_for("a refused reload", || {
        Some(last_reload()["problems"].as_array()?.first()?.as_str()?.to_owned())
    });
    assert!(why.contains("site.toml: is not trusted: others may write to"), "{why}");
    assert_eq!(policies(), 3, "what was good stays");
    site.mode("etc/policies.d/site.toml", 0o644);
    wait_for("a good reload", || last_reload()["problems"].as_array()?.is_empty().then_some(()));
    assert_eq!(daemon.stop().0, Some(0));
}

#[test]
#[ignore = "needs root, to become another user"]
fn one_who_is_not_root_reads_what_others_may_write() {
    let site = Site::new();
    site.mode("etc/jettison.toml", 0o666);
    fs::set_permissions(site.0.path(), Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
    command.args(["check", "--config", &site.config()]).uid(OTHER_USER).gid(OTHER_USER);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// How Kubernetes mounts a ConfigMap: open to all by its mode, on a mount that is read-only.
#[test]
#[ignore = "needs root, to mount"]
fn a_read_only_mount_is_trusted_whatever_the_modes_say() {
    let site = Site::new();
    site.mode("etc", 0o777);
    site.mode("etc/jettison.toml", 0o666);
    assert_eq!(site.said(&["check"]).0, Some(2));
    let script = r#"mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" check --config "$1/jettison.toml""#;
    let etc = site.path("etc");
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(&etc)
        .arg(Path::new(env!("CARGO_BIN_EXE_jettison")));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
