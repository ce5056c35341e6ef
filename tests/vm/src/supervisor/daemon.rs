//! What the daemon is told and asked, and what it recorded: that is handed to the host on a disk.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// Its state directory, which is where its commands look, too.
pub(crate) const STATE: &str = "/run/jettison";
/// The machine's only disk (the harness attaches it).
const DISK: &str = "/dev/nvme0n1";
/// For the daemon to write down what it has, and to end.
const END: Duration = Duration::from_secs(20);

pub(crate) fn send(daemon: &Child, signal: Signal) -> Result<()> {
    kill_process(Pid::from_child(daemon), signal).context("the daemon cannot be signalled")
}

/// The answer to `jettison COMMAND --json`.
pub(crate) fn ask(command: &str) -> Result<serde_json::Value> {
    let output = Command::new("/bin/jettison").args([command, "--json"]).output();
    let output = output.with_context(|| format!("jettison {command}"))?;
    serde_json::from_slice(&output.stdout).with_context(|| format!("the JSON of jettison {command}"))
}

/// How many records it dropped, by its own account.
pub(crate) fn records_lost() -> Result<u64> {
    ask("status")?["journal_records_lost"].as_u64().context("no count of lost records")
}

/// Ends it, so that it writes down the last, and packs its journal.
pub(crate) fn keep_journal(daemon: &mut Child) -> Result<()> {
    send(daemon, Signal::TERM)?;
    let asked = Instant::now();
    while daemon.try_wait().context("its end")?.is_none() {
        ensure!(asked.elapsed() < END, "the daemon did not end within {} s", END.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
    let packed = Command::new("/bin/busybox").args(["tar", "-cf", DISK, "-C", STATE, "journal"]).status();
    let packed = packed.context("tar")?;
    ensure!(packed.success(), "tar: {packed}");
    Ok(())
}
