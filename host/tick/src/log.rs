//! What a tick logs: one structured line for each decision and each outcome.

use std::os::unix::ffi::OsStrExt;

use jettison_act::{Ended, HoldReport};
use jettison_model::text::Escaped;
use jettison_model::{Command, Host, Outcome, Snapshot, Victim};
use tracing::{debug, info, warn};

use jettison_sense::survey::Holder;

use crate::events;
use crate::history::Past;

/// A victim was named.
pub(crate) fn victim(snapshot: &Snapshot, victim: &Victim, is_dry: bool) {
    info!(
        name: events::VICTIM_NAMED,
        cause = snapshot.request.cause.as_str(),
        pid = victim.root.pid,
        comm = %Escaped(&victim.comm),
        unit = victim.unit.kind(),
        members = victim.members.len(),
        policy = %victim.policy,
        reason = %Escaped(victim.reason.as_bytes()),
        predicted_relief_bytes = victim.predicted_relief_bytes,
        available_bytes = snapshot.host.memory_available_bytes,
        dry_run = is_dry,
        "victim"
    );
}

/// A signal was sent, or could not be.
pub(crate) fn command(command: &Command, outcome: Outcome) {
    let pid = command.id().pid;
    let (what, signal) = match command {
        Command::Signal { number, .. } => ("signal", Some(*number)),
        Command::Stop { .. } => ("stop", None),
        Command::Resume { .. } => ("resume", None),
        Command::Kill { .. } => ("kill", None),
        Command::KillMemcg { .. } => ("cgroup.kill", None),
        Command::Reap { .. } => ("reap", None),
    };
    match outcome {
        Outcome::Done | Outcome::Dry if is_to_end(command) => {
            info!(name: events::VICTIM_SIGNALLED, pid, signal, "{what}");
        }
        Outcome::Done | Outcome::Dry => info!(pid, signal, "{what}"),
        Outcome::Gone => debug!(pid, signal, "{what}: it is gone already"),
        Outcome::Refused => warn!(pid, signal, "{what}: permission denied"),
        Outcome::Capped(_) => {}
        Outcome::Failed(errno) => warn!(pid, signal, errno, "{what} failed"),
    }
}

/// Whether a command is to end a process, and not a part of that.
fn is_to_end(command: &Command) -> bool {
    match command {
        Command::Signal { .. } | Command::Kill { .. } | Command::KillMemcg { .. } => true,
        Command::Stop { .. } | Command::Resume { .. } | Command::Reap { .. } => false,
    }
}

/// A hook has run, a bite was taken, or systemd stops a service unit; or that failed.
pub(crate) fn ended(what: &str, took_ms: u64, gained_bytes: i64, ended: &Ended) {
    let freed_bytes = Some(ended.freed_bytes).filter(|&bytes| bytes > 0);
    match &ended.result {
        Ok(()) => info!(took_ms, gained_bytes, freed_bytes, "{what} is done"),
        Err(why) => warn!(took_ms, why, "{what} failed, and is not waited for"),
    }
}

/// The kernel refused every signal to a victim.
pub(crate) fn refused(past: &Past) {
    let comm = Escaped(past.comm.as_bytes());
    warn!(
        name: events::VICTIM_GIVEN_UP,
        pid = past.pid,
        %comm,
        "the daemon may not signal this victim (EPERM): it is excluded from now on"
    );
}

/// A part of a service went through all its steps and is still there.
pub(crate) fn unanswered(past: &Past) {
    warn!(
        name: events::VICTIM_GIVEN_UP,
        pid = past.pid,
        comm = %Escaped(past.comm.as_bytes()),
        took_ms = past.took_ms,
        "this victim did not answer; it is a part of a service, which SIGKILL would take down: it is given up on"
    );
}

/// No process has taken what is missing.
pub(crate) fn unexplained(host: &Host, holders: &[Holder]) {
    let name = |holder: &Holder| {
        let place = holder.mount.as_ref().map(|mount| format!(" {}", Escaped(mount.as_os_str().as_bytes())));
        let size = holder.size_bytes.map(|bytes| format!(" of {} MiB", bytes >> 20));
        let (place, size) = (place.unwrap_or_default(), size.unwrap_or_default());
        format!("{}{place}: {} MiB{size}", holder.what, holder.used_bytes >> 20)
    };
    let holders = holders.iter().map(name).collect::<Vec<_>>().join("; ");
    warn!(
        taken_bytes = host.taken_bytes,
        taken_by_nobody_bytes = host.taken_by_nobody_bytes,
        holders,
        "no process has taken most of what is missing: see what holds it"
    );
}

/// A victim is gone.
pub(crate) fn gone(past: &Past) {
    info!(
        name: events::VICTIM_ENDED,
        pid = past.pid,
        comm = %Escaped(past.comm.as_bytes()),
        predicted_relief_bytes = past.predicted_relief_bytes,
        measured_relief_bytes = past.measured_relief_bytes,
        took_ms = past.took_ms,
        killed = past.was_killed,
        "victim is gone"
    );
}

/// What holding values came to. Success is logged at debug level, everything else once.
pub(crate) fn held(reports: &[HoldReport]) {
    for report in reports {
        let (pid, wanted) = (report.id.pid, report.wanted);
        match report.outcome {
            Outcome::Done => debug!(pid, wanted, "oom_score_adj is held"),
            Outcome::Gone | Outcome::Dry => {}
            Outcome::Capped(value) => warn!(
                pid,
                wanted,
                value,
                "oom_score_adj is held at the lowest value that the kernel permits; lower ones need CAP_SYS_RESOURCE"
            ),
            Outcome::Refused => warn!(pid, wanted, "oom_score_adj cannot be held: permission denied"),
            Outcome::Failed(errno) => warn!(pid, wanted, errno, "oom_score_adj cannot be held"),
        }
    }
}
