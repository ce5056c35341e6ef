//! The machine before anything runs in it. File systems are mounted by the init script.

use std::fs::write;

use anyhow::{Context, Result};
use jettison_vm_guest::{Memcg, Scenario};
use rustix::fs::{XattrFlags, setxattr};
use rustix::mm::{MlockAllFlags, mlockall};

/// Where cgroup v2 is.
pub(crate) const CGROUPS: &str = "/sys/fs/cgroup";

/// Locks us in memory, so that nothing we measure waits for our own pages, and makes the scenario's memcgs.
pub(crate) fn set_up(scenario: &Scenario) -> Result<()> {
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE).context("mlockall")?;
    write("/proc/self/oom_score_adj", "-1000").context("our oom_score_adj")?;
    let control = format!("{CGROUPS}/cgroup.subtree_control");
    write(&control, "+memory").context(control)?;
    scenario.memcg.iter().try_for_each(make)
}

fn make(memcg: &Memcg) -> Result<()> {
    let directory = format!("{CGROUPS}/{}", memcg.name);
    std::fs::create_dir(&directory).with_context(|| directory.clone())?;
    if let Some(max_mib) = memcg.max_mib {
        let limit = (max_mib << 20).to_string();
        write(format!("{directory}/memory.max"), limit).with_context(|| directory.clone())?;
    }
    if let Some(preference) = &memcg.oom_preference {
        let attribute = format!("user.oomd_{preference}");
        setxattr(&directory, &attribute, b"1", XattrFlags::empty())
            .with_context(|| format!("{attribute} of {directory}"))?;
    }
    Ok(())
}

/// Removes an empty one, and makes it anew.
pub(crate) fn make_again(memcg: &Memcg) -> Result<()> {
    let directory = format!("{CGROUPS}/{}", memcg.name);
    std::fs::remove_dir(&directory).with_context(|| directory.clone())?;
    make(memcg)
}

/// A number of `/proc/meminfo`, MiB.
pub(crate) fn meminfo_mib(key: &str) -> Result<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").context("/proc/meminfo")?;
    number_after(&text, key).map(|kib| kib >> 10).with_context(|| format!("/proc/meminfo has no {key}"))
}

/// The number behind a key at the beginning of a line.
pub(crate) fn number_after(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    rest.split_whitespace().next()?.parse().ok()
}
