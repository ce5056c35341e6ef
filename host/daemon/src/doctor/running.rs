//! The daemon that runs here: whether it has what its unit gives it, and whether it sees everything.

use std::path::Path;

use procfs::process::{LimitValue, Process, Status as Kernels};

use super::check::Check;
use crate::control::{Answer, Ask, Status, client};
use crate::failure::Failure;

/// Below that a value protects the daemon from no other process that was told to be the last.
const OOM_SCORE_ADJ_MAX: i16 = -999;
/// Files that are few for a daemon which keeps one open for each process.
const FILES_MIN: u64 = 4_096;
/// Bits of `CapEff` (capabilities(7)), and what the unit gives them for.
const CAPABILITIES: [(u32, &str); 5] = [
    (1, "CAP_DAC_OVERRIDE"),
    (5, "CAP_KILL"),
    (19, "CAP_SYS_PTRACE"),
    (24, "CAP_SYS_RESOURCE"),
    (34, "CAP_SYSLOG"),
];

/// What the daemon with this state directory says, and what the kernel says of it.
pub(super) fn checks(state_dir: &Path) -> Vec<Check> {
    let status = match client::call(state_dir, Ask::Status) {
        Ok(Answer::Status(status)) => status,
        Ok(_) => return vec![silent("its answer is no status".into())],
        Err(Failure::Failed(why)) => return vec![silent(why)],
        Err(_) => return vec![silent("no daemon answers".into())],
    };
    let process = i32::try_from(status.pid).ok().and_then(|pid| Process::new(pid).ok());
    let kernels = process.as_ref().and_then(|process| process.status().ok());
    let is_dry = status.mode == "dry-run";
    let mut checks = vec![service(&status), sight(&status, process.as_ref())];
    if !is_dry {
        checks.extend([watchdog(&status, process.as_ref()), drill(&status)]);
        let adj = process.as_ref().and_then(|process| process.oom_score_adj().ok());
        checks.extend([
            memory(kernels.as_ref(), adj),
            priority(process.as_ref()),
            capabilities(kernels.as_ref()),
        ]);
    }
    checks.push(sandbox(kernels.as_ref()));
    checks
}

fn silent(why: String) -> Check {
    let advice = "Nothing looks after this host. Start it: systemctl enable --now jettison. As root, since the socket is root's.";
    Check::lacking("service", why, advice)
}

fn service(status: &Status) -> Check {
    let faults = status.policies.iter().filter_map(|policy| {
        let is_down = !matches!(policy.state.as_str(), "active" | "shadow");
        is_down.then(|| format!("{}: {}", policy.name, policy.fault.as_deref().unwrap_or(&policy.state)))
    });
    let faults: Vec<String> = faults.collect();
    let is = format!("pid {}, {}, {} policies", status.pid, status.mode, status.policies.len());
    if !faults.is_empty() {
        let advice = "The others decide meanwhile, or the built-in ranking. `jettison status` has more; mend the module or its [policy.config], then `jettison reload`.";
        return Check::lacking("service", format!("{is}; {}", faults.join("; ")), advice);
    }
    if status.mode == "dry-run" {
        let advice = "It only says what it would do. `jettison history --dry` shows it; to have it act set mode = \"enforce\".";
        return Check::lacking("service", is, advice);
    }
    Check::ok("service", is)
}

/// Whether anything is hidden from it.
fn sight(status: &Status, process: Option<&Process>) -> Check {
    let mut lacks = Vec::new();
    if status.psi_triggers == 0 {
        lacks.push("no PSI trigger wakes it".to_owned());
    }
    if !status.has_kernel_log {
        lacks.push("the kernel's log, which has the kills of the kernel, cannot be read".into());
    }
    if status.memcgs_left_out > 0 {
        lacks.push(format!("{} empty memcgs are left out of each look", status.memcgs_left_out));
    }
    if status.log_lines_lost > 0 {
        lacks.push(format!("{} lines of its log are lost", status.log_lines_lost));
    }
    if status.journal_records_lost > 0 {
        lacks.push(format!("{} records of its journal are lost", status.journal_records_lost));
    }
    let files =
        process.and_then(|process| process.limits().ok()).map(|limits| limits.max_open_files.soft_limit);
    if let Some(LimitValue::Value(files)) = files
        && files < FILES_MIN
    {
        lacks.push(format!("it may open {files} files, and keeps one for each process"));
    }
    if lacks.is_empty() {
        return Check::ok("service-sight", "it is woken by pressure, and misses nothing");
    }
    let advice = "What it does not see it cannot judge. Give it CAP_SYSLOG and CAP_SYS_RESOURCE, LimitNOFILE=524288, room on its disk, and a log that is read; the unit of the package has all of this.";
    Check::lacking("service-sight", lacks.join("; "), advice)
}

fn watchdog(status: &Status, process: Option<&Process>) -> Check {
    let Some(takeovers) = status.takeovers else {
        let advice = "Nothing acts while its event loop hangs. Its log says at the start why the thread could not be made.";
        return Check::lacking("service-watchdog", "its watchdog thread is not there", advice);
    };
    let environment = process.and_then(|process| process.environ().ok());
    let of_unit = environment.map(|variables| variables.contains_key(std::ffi::OsStr::new("WATCHDOG_USEC")));
    if of_unit == Some(false) {
        let advice = "A daemon that hangs is not started again, and what it holds stays. Run it by its unit, with WatchdogSec=60s.";
        return Check::lacking("service-watchdog", "the service manager does not watch it", advice);
    }
    if takeovers > 0 {
        let advice = "The event loop hung while memory was critical, and the built-in ranking acted. `jettison history` has what it did.";
        return Check::lacking("service-watchdog", format!("it had to act {takeovers} times"), advice);
    }
    Check::ok("service-watchdog", "a thread acts while the loop hangs; it never had to")
}

fn drill(status: &Status) -> Check {
    match &status.drill {
        None => Check::ok("service-drill", "at its start it has shut down a process of its own"),
        Some(problem) => {
            let advice = "The way of a victim could not be walked at the start, so its first victim may be slow, or impossible to signal. A seccomp filter that refuses pidfd_send_signal is a usual cause.";
            Check::lacking("service-drill", problem.clone(), advice)
        }
    }
}

fn memory(kernels: Option<&Kernels>, adj: Option<i16>) -> Check {
    let (Some(kernels), Some(adj)) = (kernels, adj) else { return unknown("service-memory") };
    let mut lacks = Vec::new();
    if kernels.vmlck.unwrap_or(0) == 0 {
        lacks.push("its memory is not locked".to_owned());
    }
    if adj > OOM_SCORE_ADJ_MAX {
        lacks.push(format!("its oom_score_adj is {adj}"));
    }
    if lacks.is_empty() {
        return Check::ok("service-memory", "locked, and the last that the kernel would take");
    }
    let advice = "It may be swapped out, or taken by the kernel, when it is needed most. Give it LimitMEMLOCK=infinity and OOMScoreAdjust=-1000.";
    Check::lacking("service-memory", lacks.join("; "), advice)
}

fn priority(process: Option<&Process>) -> Check {
    match process.and_then(|process| process.stat().ok()).map(|stat| stat.nice) {
        None => unknown("service-priority"),
        Some(nice) if nice < 0 => Check::ok("service-priority", format!("its niceness is {nice}")),
        Some(nice) => {
            let advice = "Among hundreds of processes that want the processor its ticks come late. Give it LimitNICE=-20, or CAP_SYS_NICE.";
            Check::lacking("service-priority", format!("its niceness is {nice}"), advice)
        }
    }
}

fn capabilities(kernels: Option<&Kernels>) -> Check {
    let Some(kernels) = kernels else { return unknown("service-capabilities") };
    let missing = CAPABILITIES.iter().filter(|(bit, _)| kernels.capeff >> bit & 1 == 0);
    let missing: Vec<&str> = missing.map(|(_, name)| *name).collect();
    if missing.is_empty() {
        return Check::ok("service-capabilities", "it has those that its unit gives it");
    }
    let advice = "Processes of other users cannot be ended, held or read without them. See CapabilityBoundingSet= in jettison.service, which has a reason for each.";
    Check::lacking("service-capabilities", format!("it lacks {}", missing.join(", ")), advice)
}

fn sandbox(kernels: Option<&Kernels>) -> Check {
    let Some(kernels) = kernels else { return unknown("service-sandbox") };
    let mut lacks = Vec::new();
    if kernels.seccomp != Some(2) {
        lacks.push("no system call is filtered");
    }
    if kernels.nonewprivs != Some(1) {
        lacks.push("it may gain privileges");
    }
    if lacks.is_empty() {
        return Check::ok("service-sandbox", "system calls are filtered, and no privileges can be gained");
    }
    let advice = "It works without. jettison.service has SystemCallFilter= and NoNewPrivileges=; `systemd-analyze security jettison` shows the rest.";
    Check::lacking("service-sandbox", lacks.join("; "), advice)
}

fn unknown(name: &'static str) -> Check {
    Check::lacking(
        name,
        "not known",
        "Its files below /proc cannot be read: run this as root, in its pid namespace.",
    )
}
