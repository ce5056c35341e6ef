//! Memory, cgroups, rights and neighbours: facts into what they mean.

use jettison_sense::Survey;
use jettison_sense::Version;
use jettison_sense::survey::{Capability, SwapKind};

use super::check::Check;
use crate::layout::bytes;

pub(super) const ALL: &[fn(&Survey) -> Check] = &[
    psi,
    cgroup,
    controllers,
    swap,
    overcommit,
    oom_settings,
    processes,
    cap_kill,
    cap_sys_resource,
    cap_ipc_lock,
    other_daemons,
    service_manager,
];

/// Only where there is something to report: a file that exists but cannot be read or parsed.
pub(super) fn files(survey: &Survey) -> Option<Check> {
    let faults: Vec<String> =
        survey.faults.iter().map(|fault| format!("{}: {}", fault.path, fault.what)).collect();
    let advice = "What these files would tell is not known, and the checks that need them may be wrong.";
    (!faults.is_empty()).then(|| Check::lacking("files", faults.join("; "), advice))
}

fn psi(survey: &Survey) -> Check {
    if survey.has_psi {
        return Check::ok("psi", "the kernel measures memory pressure and can wake the daemon by it");
    }
    let advice = "Without it the daemon goes by available memory alone. Boot with psi=1, or use a kernel with CONFIG_PSI.";
    Check::lacking("psi", "no memory pressure (PSI) in this kernel", advice)
}

fn cgroup(survey: &Survey) -> Check {
    match &survey.hierarchy {
        Some(found) if found.version == Version::V2 => {
            let limited = survey.root_limit_bytes.map_or_else(String::new, |limit| {
                format!("; its root has a limit of {}, within which memory is looked after", bytes(limit))
            });
            Check::ok("cgroup", format!("v2 at {}{limited}", found.mount.display()))
        }
        Some(found) => Check::lacking(
            "cgroup",
            format!("v1 at {}", found.mount.display()),
            "Works, without pressure of single memcgs and without memory.min and low. Boot with systemd.unified_cgroup_hierarchy=1 for v2.",
        ),
        None => Check::lacking(
            "cgroup",
            "no hierarchy with the memory controller is mounted",
            "The host as a whole is looked after; --scope, memcg limits and units are not known. Mount cgroup2 with the memory controller.",
        ),
    }
}

fn controllers(survey: &Survey) -> Check {
    let list = survey.controllers.join(" ");
    if survey.controllers.iter().any(|name| name == "memory") {
        return Check::ok("controllers", list);
    }
    let found = if list.is_empty() { "none".into() } else { list };
    let advice =
        "The memory controller is off. Boot with cgroup_enable=memory, without cgroup_disable=memory.";
    Check::lacking("controllers", found, advice)
}

fn swap(survey: &Survey) -> Check {
    let size_of = |kind| {
        let of_kind = survey.swap.iter().filter(move |device| device.kind == kind);
        of_kind.map(|device| device.size_bytes).reduce(u64::saturating_add)
    };
    let (disk, zram) = (size_of(SwapKind::Disk), size_of(SwapKind::Zram));
    let mut kinds = Vec::new();
    kinds.extend(disk.map(|size| format!("disk, {}", bytes(size))));
    kinds.extend(zram.map(|size| format!("zram, {} before compression", bytes(size))));
    if survey.has_zswap && disk.is_some() {
        kinds.push("zswap before it".into());
    }
    if !kinds.is_empty() {
        return Check::ok("swap", kinds.join("; "));
    }
    let advice = "Without swap memory runs out within moments and pressure tells late. Some swap, or zram, gives a grace period time to work.";
    Check::lacking("swap", "none", advice)
}

fn overcommit(survey: &Survey) -> Check {
    match survey.overcommit_memory {
        Some(0) => Check::ok("overcommit", "0: heuristic, the kernel's default"),
        Some(1) => Check::ok("overcommit", "1: always"),
        Some(2) => Check::lacking(
            "overcommit",
            "2: never",
            "Allocations fail at the commit limit while memory may still be available, so programs may fail before the daemon sees a shortage. Set vm.overcommit_memory=0 unless this is meant.",
        ),
        Some(other) => {
            Check::lacking("overcommit", format!("{other}"), "An unknown mode: see vm.overcommit_memory.")
        }
        None => Check::lacking("overcommit", "not known", "vm.overcommit_memory cannot be read."),
    }
}

/// Settings with which the kernel does not choose by `oom_score_adj`.
fn oom_settings(survey: &Survey) -> Check {
    match (survey.panic_on_oom, survey.oom_kill_allocating_task) {
        (None, None) => Check::lacking(
            "oom-settings",
            "not known",
            "vm.panic_on_oom and vm.oom_kill_allocating_task cannot be read.",
        ),
        (Some(0) | None, Some(0) | None) => {
            Check::ok("oom-settings", "the kernel's own OOM killer goes by oom_score_adj")
        }
        (Some(0) | None, Some(_)) => Check::lacking(
            "oom-settings",
            "vm.oom_kill_allocating_task is on",
            "The kernel's OOM killer takes the process that allocates, whatever values the daemon holds. Set it to 0.",
        ),
        (Some(mode), _) => Check::lacking(
            "oom-settings",
            format!("vm.panic_on_oom is {mode}"),
            "Where the daemon is too late the kernel panics. Set it to 0 unless this is meant.",
        ),
    }
}

fn processes(survey: &Survey) -> Check {
    let may_look = survey.capabilities.is_some_and(|own| own.has(Capability::SysPtrace));
    if survey.sight.is_hidden && !may_look {
        return Check::blocking(
            "processes",
            "/proc is mounted with hidepid and hides other users' processes",
            "What is not seen cannot be ranked. Run with CAP_SYS_PTRACE, or mount /proc with gid= of the daemon's group.",
        );
    }
    if !survey.sight.has_kernel_threads {
        return Check::lacking(
            "processes",
            "no kernel threads are seen: this is a container's pid namespace",
            "Only processes of this container are seen. Run it in the host's pid namespace to look after the host.",
        );
    }
    Check::ok("processes", "all are seen")
}

fn cap_kill(survey: &Survey) -> Check {
    let advice = "Processes of other users cannot be shut down. Run as root with CAP_KILL (systemd: CapabilityBoundingSet=).";
    match survey.capabilities {
        Some(own) if own.has(Capability::Kill) => Check::ok("cap-kill", "CAP_KILL is there"),
        Some(_) => Check::blocking("cap-kill", "CAP_KILL is missing", advice),
        None => Check::blocking("cap-kill", "not known: /proc/self/status has no CapEff", advice),
    }
}

fn cap_sys_resource(survey: &Survey) -> Check {
    let advice = "Without it oom_score_adj can be raised, not lowered, so protection against the kernel's own OOM killer does not work; and PSI windows are multiples of 2 s.";
    capability(survey, Capability::SysResource, "cap-sys-resource", "CAP_SYS_RESOURCE", advice)
}

fn cap_ipc_lock(survey: &Survey) -> Check {
    let advice = "The daemon's own memory may be swapped out when it is needed most. Give it CAP_IPC_LOCK, or LimitMEMLOCK=infinity.";
    capability(survey, Capability::IpcLock, "cap-ipc-lock", "CAP_IPC_LOCK", advice)
}

fn capability(
    survey: &Survey,
    wanted: Capability,
    name: &'static str,
    kernels: &str,
    advice: &'static str,
) -> Check {
    match survey.capabilities {
        Some(own) if own.has(wanted) => Check::ok(name, format!("{kernels} is there")),
        Some(_) => Check::lacking(name, format!("{kernels} is missing"), advice),
        None => Check::lacking(name, "not known: /proc/self/status has no CapEff", advice),
    }
}

fn other_daemons(survey: &Survey) -> Check {
    if survey.rivals.is_empty() {
        return Check::ok("other-daemons", "no other daemon that ends processes is running");
    }
    let names: Vec<String> =
        survey.rivals.iter().map(|rival| format!("{} ({})", rival.name, rival.pid)).collect();
    let advice = "Two that choose by different rules end more than one would. Stop and disable the other one, e.g. systemctl disable --now earlyoom.";
    Check::lacking("other-daemons", format!("{} is running", names.join(", ")), advice)
}

/// The service manager, which stops service units where a policy asks for that.
fn service_manager(survey: &Survey) -> Check {
    let name = "service-manager";
    match (survey.has_systemd, survey.has_systemd_socket, survey.has_system_bus) {
        (false, ..) => Check::lacking(
            name,
            "systemd is not the init system here",
            "Works without: a step that stops a unit is skipped, and its processes get SIGTERM. In a container mount the host's /run/systemd.",
        ),
        (true, true, _) => Check::ok(name, "systemd, on its own socket"),
        (true, false, true) => Check::ok(name, "systemd, on the system bus"),
        (true, false, false) => Check::lacking(
            name,
            "systemd has neither its own socket nor a system bus",
            "Units cannot be stopped: such a step is skipped. Start dbus.socket, or run systemctl daemon-reexec.",
        ),
    }
}
