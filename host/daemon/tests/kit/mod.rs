//! A daemon under test, and what it is talked to with.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use jettison_tests::DEADLINE;
use rustix::process::{Pid, Signal, kill_process};

pub(crate) struct Daemon {
    pub(crate) child: Child,
    log: Receiver<String>,
    said: String,
}

impl Daemon {
    pub(crate) fn start(state: &Path, args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jettisond"));
        command.args(args);
        Self::spawn(command, state)
    }

    /// One that is started by a command of the test's own.
    pub(crate) fn spawn(mut command: Command, state: &Path) -> Self {
        let mut child = command.arg("--state-dir").arg(state).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, log) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, log, said: String::new() }
    }

    /// Waits for a line of its log with this in it.
    #[track_caller]
    pub(crate) fn says(&mut self, what: &str) -> String {
        while let Ok(line) = self.log.recv_timeout(DEADLINE) {
            self.said += &format!("{line}\n");
            if line.contains(what) {
                return line;
            }
        }
        panic!("it never said {what:?}:\n{}", self.said);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.child.id().try_into().unwrap()).unwrap(), signal).unwrap();
    }

    /// Asks it to end. Returns its status and all it said.
    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        self.signal(Signal::TERM);
        let rest: String = self.log.iter().map(|line| line + "\n").collect();
        (self.child.wait().unwrap().code(), std::mem::take(&mut self.said) + &rest)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(crate) fn file(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Runs a command that talks to the daemon of a state directory. Returns its status and what it printed.
pub(crate) fn ask(state: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
    let output = command.args(args).arg("--state-dir").arg(state).output().unwrap();
    let text = if output.status.success() { &output.stdout } else { &output.stderr };
    (output.status.code(), String::from_utf8_lossy(text).into_owned())
}

/// What it says as JSON.
#[track_caller]
pub(crate) fn ask_json(state: &Path, args: &[&str]) -> serde_json::Value {
    let (status, text) = ask(state, &[args, &["--json"]].concat());
    assert_eq!(status, Some(0), "{args:?}: {text}");
    serde_json::from_str(&text).unwrap()
}
