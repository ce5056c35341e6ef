//! Where policies are pushed, pulled and configured.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use jettison_policy::{builtin, component, digest};
use jettison_tests::wait_for;
use serde_json::Value;
use tempfile::TempDir;

use crate::kit::{Daemon, ask, ask_json, file};

/// Reads nothing that is private.
pub(crate) const FIRST: &str = "balanced";
/// Reads command lines and executables.
pub(crate) const SECOND: &str = "services";

/// A folder with both modules, in which commands are typed.
pub(crate) struct Desk(pub(crate) TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        for name in [FIRST, SECOND] {
            fs::write(desk.path(&format!("{name}.wasm")), builtin(name).unwrap()).unwrap();
        }
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
        command.args(args).current_dir(self.0.path()).env("DOCKER_CONFIG", self.path("docker"));
        command
    }

    /// What it prints if all is well.
    #[track_caller]
    pub(crate) fn does(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it says if not.
    #[track_caller]
    pub(crate) fn fails(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Pushes a built-in policy, and returns the source that pins it.
    #[track_caller]
    pub(crate) fn push(&self, name: &str, reference: &str) -> String {
        source(&self.does(&["push", &format!("{name}.wasm"), reference]))
    }

    pub(crate) fn configure(&self, source: &str, grants: &str) {
        let text = format!(
            "[adjust]\ninterval_ms = 1000\n[[policy]]\nname = \"site\"\nsource = \"{source}\"\ngrants = [{grants}]\n"
        );
        file(self.0.path(), "jettison.toml", &text);
    }

    pub(crate) fn daemon(&self) -> Daemon {
        let config = self.path("jettison.toml").display().to_string();
        let mut daemon = Daemon::start(&self.state(), &["--dry-run", "--config", &config]);
        daemon.says("is watching");
        daemon
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    pub(crate) fn status(&self) -> Value {
        ask_json(&self.state(), &["status"])
    }

    /// Why the daemon refuses a reload.
    #[track_caller]
    pub(crate) fn refuses(&self) -> String {
        assert_eq!(ask(&self.state(), &["reload"]).0, Some(1));
        self.status()["last_reload"]["problems"][0].as_str().unwrap().to_owned()
    }

    /// Waits until this built-in policy runs, as the component that was pushed.
    #[track_caller]
    pub(crate) fn is_live(&self, name: &str) {
        let expected = digest(&component(builtin(name).unwrap()).unwrap());
        wait_for(name, || (self.status()["policies"][0]["digest"] == expected).then_some(()));
    }
}

/// The source of the line that `push` and `pull` print first.
#[track_caller]
pub(crate) fn source(said: &str) -> String {
    let line = said.lines().next().unwrap();
    line.strip_prefix("source = \"").unwrap().strip_suffix('"').unwrap().to_owned()
}
