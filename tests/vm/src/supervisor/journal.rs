//! What the daemon recorded: handed to the host on a disk, as an archive.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::stage::STATE;

/// The machine's only disk (the harness attaches it).
const DISK: &str = "/dev/nvme0n1";
/// For the daemon to write down what it has, and to end.
const END: Duration = Duration::from_secs(20);

/// How many records it dropped, by its own account.
pub(crate) fn lost() -> Result<u64> {
    let mut command = Command::new("/bin/jettison");
    let output = command.args(["status", "--json", "--state-dir", STATE]).output().context("the status")?;
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).context("its JSON")?;
    status["journal_records_lost"].as_u64().context("no count of lost records")
}

/// Ends the daemon, which writes down the last, and packs its journal.
pub(crate) fn keep(daemon: &mut Child) -> Result<()> {
    let pid = i32::try_from(daemon.id()).ok().and_then(Pid::from_raw).context("its pid")?;
    kill_process(pid, Signal::TERM).context("the daemon cannot be signalled")?;
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
