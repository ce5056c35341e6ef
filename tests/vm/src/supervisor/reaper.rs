//! Processes that ended, and how. The first process inherits every orphan.

use std::collections::BTreeMap;

use jettison_vm_guest::How;
use rustix::process::{WaitId, WaitIdOptions, WaitOptions, WaitStatus, wait, waitid};

/// A process that has ended.
pub(crate) struct Ended {
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) how: How,
}

/// All that have ended since the last call.
pub(crate) fn ended() -> Vec<Ended> {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    if !matches!(waitid(WaitId::All, look), Ok(Some(_))) {
        return Vec::new();
    }
    // Names are gone with the zombies.
    let mut names = zombies();
    let mut all = Vec::new();
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        let pid = u32::try_from(pid.as_raw_nonzero().get()).unwrap_or_default();
        if let Some(how) = how(status) {
            let name = names.remove(&pid).unwrap_or_else(|| "?".into());
            all.push(Ended { pid, name, how });
        }
    }
    all
}

fn how(status: WaitStatus) -> Option<How> {
    let signal = status.terminating_signal().map(How::Signal);
    signal.or_else(|| status.exit_status().map(How::Status))
}

/// The names of all zombies, by pid.
fn zombies() -> BTreeMap<u32, String> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return BTreeMap::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (before, after) = stat.rsplit_once(')')?;
        let name = before.split_once('(')?.1;
        after.starts_with(" Z").then(|| (pid, name.to_owned()))
    })
    .collect()
}
