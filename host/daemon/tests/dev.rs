//! `jettison dev`: a project that is edited while it is watched.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// The first build has all that the SDK depends on in it.
const BUILD: Duration = Duration::from_secs(560);

struct Dev {
    child: Child,
    lines: Receiver<String>,
}

fn forward(from: impl Read + Send + 'static, to: Sender<String>) {
    let lines = BufReader::new(from).lines();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| to.send(line)));
}

impl Dev {
    fn start(project: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET"] {
            command.env_remove(name);
        }
        command.args(["dev", "--top", "3"]).arg(project).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        forward(child.stdout.take().unwrap(), sender.clone());
        forward(child.stderr.take().unwrap(), sender);
        Self { child, lines }
    }

    /// All that it says until it waits.
    #[track_caller]
    fn round(&self) -> String {
        let mut said = String::new();
        loop {
            match self.lines.recv_timeout(BUILD) {
                Ok(line) => said += &format!("{line}\n"),
                Err(error) => panic!("{error}:\n{said}"),
            }
            if said.ends_with("waiting for a change; Ctrl-C ends\n") {
                break;
            }
        }
        // Standard error has another way.
        while let Ok(line) = self.lines.recv_timeout(Duration::from_millis(500)) {
            said += &format!("{line}\n");
        }
        said
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[track_caller]
fn says(said: &str, expected: &[&str]) {
    for expected in expected {
        assert!(said.contains(expected), "{expected}:\n{said}");
    }
}

#[test]
fn each_change_is_built_tested_and_explained_and_what_is_wrong_changes_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let mut new = Command::new(env!("CARGO_BIN_EXE_jettison"));
    assert!(new.args(["new", "ci"]).current_dir(&scratch).output().unwrap().status.success());
    let project = scratch.path().join("ci");
    let code = project.join("src/lib.rs");
    let good = fs::read_to_string(&code).unwrap();
    let mut dev = Dev::start(&project);
    let order = ["policy    ci 0.1.0 from", "WHY\n   1 "];
    says(&dev.round(), &["first goes the tree of pytest", "1 of 1 machines as expected", order[0], order[1]]);

    fs::write(&code, good.replace("for tests in", "is no Rust")).unwrap();
    let said = dev.round();
    says(
        &said,
        &["does not build: cargo has said why", "the last module that was built", order[0], order[1]],
    );
    assert!(!said.contains("machines as expected"), "{said}");

    fs::write(&code, good.replace("tests can be run again", "another reason")).unwrap();
    says(&dev.round(), &["5 processes, 3.5 GiB: another reason", "0 of 1 machines as expected", order[0]]);

    let machine = project.join("machines/tests-run-away.toml");
    let text = fs::read_to_string(&machine).unwrap();
    fs::write(&machine, text.replace("reason = \"tests\"", "reason = \"another\"")).unwrap();
    says(&dev.round(), &["1 of 1 machines as expected", order[0]]);

    kill_process(Pid::from_raw(dev.child.id().try_into().unwrap()).unwrap(), Signal::INT).unwrap();
    assert_eq!(dev.child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_is_no_project_is_said() {
    let scratch = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
    let output = command.arg("dev").arg(scratch.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    says(&String::from_utf8_lossy(&output.stderr), &["`jettison new NAME` makes a project"]);
}
