//! What a machine offers to somebody who looks after its memory, looked at once: for `jettison doctor`.
//!
//! Every fact is an option or a list: what cannot be read is not known, and that is all. Nothing here is kept open.

mod capabilities;
mod kernel;
mod processes;
mod swap;

use std::fs::File;
use std::io::Read;
use std::path::Path;

pub use capabilities::{Capabilities, Capability};
pub use kernel::{Feature, Release};
pub use processes::{Rival, Sight};
pub use swap::{SwapDevice, SwapKind};

use crate::hierarchy::{Hierarchy, Version};
use crate::parse::{lines, number};
use crate::root::Root;

/// How much of a file is looked at; all of these are far shorter.
const SURVEYED_BYTES_MAX: u64 = 1 << 20;

/// The facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Whether these are the facts of the machine that we run on.
    pub is_live: bool,
    /// The kernel's release.
    pub release: Option<Release>,
    /// Whether the kernel measures pressure on memory (Documentation/accounting/psi.rst).
    pub has_psi: bool,
    /// The memory hierarchy.
    pub hierarchy: Option<Hierarchy>,
    /// The controllers of that hierarchy (v2) or those that the kernel has enabled (v1), as the kernel names them.
    pub controllers: Vec<String>,
    /// What is swapped to, in the kernel's order.
    pub swap: Vec<SwapDevice>,
    /// Whether pages are compressed in memory before they go to swap (Documentation/admin-guide/mm/zswap.rst).
    pub has_zswap: bool,
    /// `vm.overcommit_memory` (Documentation/admin-guide/sysctl/vm.rst): 0 heuristic, 1 always, 2 never.
    pub overcommit_memory: Option<u64>,
    /// `vm.panic_on_oom`: anything but 0 panics instead of choosing a process.
    pub panic_on_oom: Option<u64>,
    /// `vm.oom_kill_allocating_task`: anything but 0 takes whoever allocates, whatever its `oom_score_adj`.
    pub oom_kill_allocating_task: Option<u64>,
    /// Our own effective capabilities.
    pub capabilities: Option<Capabilities>,
    /// Which processes we see.
    pub sight: Sight,
    /// Other daemons that end processes when memory is short, and run now.
    pub rivals: Vec<Rival>,
    /// `pidfd_open` and `pidfd_send_signal` (pidfd_open(2)).
    pub pidfd: Feature,
    /// `process_mrelease` (process_mrelease(2)).
    pub mrelease: Feature,
    /// The file `cgroup.kill` (Documentation/admin-guide/cgroup-v2.rst).
    pub cgroup_kill: Feature,
    /// Whether systemd is the init system: it makes this folder first of all (sd_booted(3)).
    pub has_systemd: bool,
    /// Whether systemd has its own socket.
    pub has_systemd_socket: bool,
    /// Whether the system bus has its socket.
    pub has_system_bus: bool,
}

impl Survey {
    /// Looks at a machine. Takes some milliseconds for each thousand processes.
    #[must_use]
    pub fn of(root: &Root) -> Self {
        let hierarchy = Hierarchy::find(root);
        let release = kernel::release(root);
        let sysctl = |name: &str| number(read(&root.proc.join("sys/vm").join(name))?.trim_ascii());
        let capabilities = capabilities::own(root);
        Self {
            is_live: root.is_live(),
            has_systemd: root.run.join("systemd/system").is_dir(),
            has_systemd_socket: root.systemd_socket().exists(),
            has_system_bus: root.system_bus_socket().exists(),
            has_psi: read(&root.proc.join("pressure/memory")).is_some_and(|text| text.starts_with(b"some ")),
            controllers: controllers(root, hierarchy.as_ref()),
            swap: swap::devices(root),
            has_zswap: swap::has_zswap(root),
            overcommit_memory: sysctl("overcommit_memory"),
            panic_on_oom: sysctl("panic_on_oom"),
            oom_kill_allocating_task: sysctl("oom_kill_allocating_task"),
            sight: processes::sight(root),
            rivals: processes::rivals(root),
            pidfd: kernel::pidfd(root, release.as_ref()),
            mrelease: kernel::since(release.as_ref(), (5, 15)),
            cgroup_kill: kernel::cgroup_kill(hierarchy.as_ref(), release.as_ref()),
            hierarchy,
            release,
            capabilities,
        }
    }
}

/// v2: one line of names. v1: `/proc/cgroups`, a line for each with its name first and 0 or 1 last (cgroups(7)).
fn controllers(root: &Root, hierarchy: Option<&Hierarchy>) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match hierarchy {
        Some(Hierarchy { version: Version::V2, mount, .. }) => {
            let listed = read(&mount.join("cgroup.controllers")).unwrap_or_default();
            listed.split(u8::is_ascii_whitespace).filter(|name| !name.is_empty()).map(text).collect()
        }
        Some(Hierarchy { version: Version::V1, .. }) | None => {
            let listed = read(&root.proc.join("cgroups")).unwrap_or_default();
            let enabled = lines(&listed).filter_map(|line| line.strip_suffix(b"\t1"));
            enabled.filter_map(|line| line.split(|&byte| byte == b'\t').next()).map(text).collect()
        }
    }
}

/// A file from its start, or `None`.
fn read(path: &Path) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(SURVEYED_BYTES_MAX).read_to_end(&mut text).ok()?;
    Some(text)
}
