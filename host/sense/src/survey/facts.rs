//! All facts of one machine.

use jettison_model::SenseFault;
use jettison_model::column::UNLIMITED_U64;
use procfs::{CGroupControllers, FromBufRead};

use super::capabilities::{self, Capabilities};
use super::kernel::{self, Feature, Release};
use super::processes::{self, Rival, Sight};
use super::read::Files;
use super::swap::{self, SwapDevice};
use crate::io::root::Root;
use crate::memcg::hierarchy::Hierarchy;
use crate::parse::text::Malformed;
use crate::parse::value::limit;
use crate::parse::version::Version;

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
    /// The limit of its root, bytes: what is visible as the root of a container has one.
    pub root_limit_bytes: Option<u64>,
    /// The controllers of that hierarchy (v2) or those that the kernel has enabled (v1), as the kernel names
    /// them.
    pub controllers: Vec<String>,
    /// The swap areas, in the kernel's order.
    pub swap: Vec<SwapDevice>,
    /// Whether pages are compressed in memory before they go to swap
    /// (Documentation/admin-guide/mm/zswap.rst).
    pub has_zswap: bool,
    /// `vm.overcommit_memory` (Documentation/admin-guide/sysctl/vm.rst): 0 heuristic, 1 always, 2 never.
    pub overcommit_memory: Option<u64>,
    /// `vm.panic_on_oom`: anything but 0 panics instead of choosing a process.
    pub panic_on_oom: Option<u64>,
    /// `vm.oom_kill_allocating_task`: anything but 0 kills the task that allocates, whatever its
    /// `oom_score_adj`.
    pub oom_kill_allocating_task: Option<u64>,
    /// Our own effective capabilities.
    pub capabilities: Option<Capabilities>,
    /// Which processes are visible.
    pub sight: Sight,
    /// Other daemons that end processes when memory is short, and run now.
    pub rivals: Vec<Rival>,
    /// `pidfd_open` and `pidfd_send_signal` (pidfd_open(2)).
    pub pidfd: Feature,
    /// `process_mrelease` (process_mrelease(2)).
    pub mrelease: Feature,
    /// The file `cgroup.kill` (Documentation/admin-guide/cgroup-v2.rst).
    pub cgroup_kill: Feature,
    /// Whether systemd is the init system, by its folder `/run/systemd/system` (sd_booted(3)).
    pub has_systemd: bool,
    /// Whether systemd has its own socket.
    pub has_systemd_socket: bool,
    /// Whether the system bus has its socket.
    pub has_system_bus: bool,
    /// Files that exist but cannot be read or parsed. Their facts are unknown.
    pub faults: Vec<SenseFault>,
}

impl Survey {
    /// Surveys a machine. Takes some milliseconds for each thousand processes.
    #[must_use]
    pub fn of(root: &Root) -> Self {
        let hierarchy = Hierarchy::find(root);
        let mut files = Files::default();
        let release = kernel::release(root, &mut files);
        let mut sysctl = |name: &str| files.number(&root.proc.join("sys/vm").join(name));
        let [overcommit_memory, panic_on_oom, oom_kill_allocating_task] =
            ["overcommit_memory", "panic_on_oom", "oom_kill_allocating_task"].map(&mut sysctl);
        let pressure = files.read(&root.proc.join("pressure/memory"));
        Self {
            is_live: root.is_live(),
            has_systemd: root.run.join("systemd/system").is_dir(),
            has_systemd_socket: root.systemd_socket().exists(),
            has_system_bus: root.system_bus_socket().exists(),
            has_psi: pressure.is_some_and(|text| text.starts_with(b"some ")),
            controllers: controllers(root, hierarchy.as_ref(), &mut files),
            swap: swap::devices(root, &mut files),
            has_zswap: swap::has_zswap(root, &mut files),
            overcommit_memory,
            panic_on_oom,
            oom_kill_allocating_task,
            sight: processes::sight(root, &mut files),
            rivals: processes::rivals(root),
            pidfd: kernel::pidfd(root, release.as_ref()),
            mrelease: kernel::since(release.as_ref(), (5, 15)),
            cgroup_kill: kernel::cgroup_kill(hierarchy.as_ref(), release.as_ref()),
            root_limit_bytes: hierarchy.as_ref().and_then(|found| root_limit_bytes(found, &mut files)),
            hierarchy,
            release,
            capabilities: capabilities::own(root, &mut files),
            faults: files.faults,
        }
    }
}

/// `memory.max`, or `memory.limit_in_bytes` of v1. The root of a host has none, or one beyond all memory.
fn root_limit_bytes(hierarchy: &Hierarchy, files: &mut Files) -> Option<u64> {
    let name = match hierarchy.version {
        Version::V1 => "memory.limit_in_bytes",
        Version::V2 => "memory.max",
    };
    let text = files.read(&hierarchy.mount.join(name))?;
    limit(&text).filter(|&bytes| bytes < UNLIMITED_U64)
}

/// Of v2 the file `cgroup.controllers`, of v1 `/proc/cgroups` (cgroups(7)).
///
/// ```text
/// cpuset cpu io memory pids                                     v2
/// #subsys_name    hierarchy    num_cgroups    enabled           v1
/// memory          4            70             1
/// ```
fn controllers(root: &Root, hierarchy: Option<&Hierarchy>, files: &mut Files) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match hierarchy {
        Some(Hierarchy { version: Version::V2, mount, .. }) => {
            let listed = files.read(&mount.join("cgroup.controllers")).unwrap_or_default();
            listed.split(u8::is_ascii_whitespace).filter(|name| !name.is_empty()).map(text).collect()
        }
        Some(Hierarchy { version: Version::V1, .. }) | None => {
            let path = root.proc.join("cgroups");
            let listed = files.parsed(&path, |text| {
                let found = CGroupControllers::from_buf_read(text).ok();
                found.ok_or(Malformed("a line is not `name hierarchy num_cgroups enabled`"))
            });
            let listed = listed.map(|listed| listed.0).unwrap_or_default();
            listed.into_iter().filter(|one| one.enabled).map(|one| one.name).collect()
        }
    }
}
