//! Tries a package without installing it: unpacked, its programs run from there, in a dry run.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::{call, remove, target_dir, text_of};

/// What a package has to have, below the root.
const FILES: [&str; 11] = [
    "usr/bin/jettison",
    "usr/bin/jettisond",
    "usr/lib/systemd/system/jettison.service",
    "usr/lib/jettison/compiled",
    "usr/lib/systemd/catalog/jettison.catalog",
    "etc/jettison/jettison.toml",
    "etc/jettison/policies.d/README",
    "usr/share/man/man1/jettison-run.1.gz",
    "usr/share/bash-completion/completions/jettison",
    "usr/share/doc/jettison/copyright",
    "usr/share/doc/jettison/changelog.Debian.gz",
];
/// What it says once it has started.
const WATCHES: &str = "jettison is watching";
/// For so long it has to run then.
const RUNS: Duration = Duration::from_secs(2);

pub(super) fn of(package: &Path) -> Result<()> {
    let folder = target_dir().join("unpacked");
    remove(&folder)?;
    call("dpkg-deb", &["--extract", text_of(package)?, text_of(&folder)?])?;
    for file in FILES {
        ensure!(folder.join(file).exists(), "the package has no {file}");
    }
    let (programs, config) = (folder.join("usr/bin"), folder.join("etc/jettison/jettison.toml"));
    call(text_of(&programs.join("jettison"))?, &["check", "--config", text_of(&config)?])?;
    runs(&programs.join("jettisond"), &config, &folder.join("run"))
}

/// Whether it watches, goes on to, and ends well when it is told to.
fn runs(program: &Path, config: &Path, state: &Path) -> Result<()> {
    let mut command = Command::new(program);
    command.args(["--dry-run", "--config"]).arg(config).arg("--state-dir").arg(state);
    let mut daemon = command.stderr(Stdio::piped()).spawn().context("the packaged daemon")?;
    let log = BufReader::new(daemon.stderr.take().context("its log")?);
    // To the end, if it ends before that.
    let mut lines = log.lines().map_while(Result::ok);
    let said: Vec<String> = lines.by_ref().take_while(|line| !line.contains(WATCHES)).collect();
    std::thread::sleep(RUNS);
    let pid = i32::try_from(daemon.id()).ok().and_then(Pid::from_raw).context("a pid")?;
    // Fails if it has ended, which its status tells.
    kill_process(pid, Signal::TERM).ok();
    let rest: Vec<String> = lines.collect();
    let status = daemon.wait()?;
    ensure!(
        status.success(),
        "the packaged daemon does not run ({status}):\n{}",
        [said, rest].concat().join("\n")
    );
    Ok(())
}
