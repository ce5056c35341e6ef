//! The daemon's log: one structured line for each decision and each outcome.

use std::io::IsTerminal;

use jettison_act::{Ended, HoldReport, TaskId};
use jettison_model::text::Escaped;
use jettison_model::{Order, Outcome, Snapshot, Victim};
use tracing::{Level, debug, info, warn};

/// Sends the log to standard error: time, level, event, `key=value`.
pub(crate) fn start() {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(Level::INFO)
        .with_target(false)
        .init();
}

/// What the last daemon had left behind and was put back.
pub(crate) fn recovered(restored: &[HoldReport]) {
    if !restored.is_empty() {
        info!(
            processes = restored.len(),
            "put back the oom_score_adj values that a daemon before us had left"
        );
    }
}

/// A unit was named.
pub(super) fn victim(snapshot: &Snapshot, victim: &Victim, is_dry: bool) {
    info!(
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
pub(super) fn order(order: &Order, outcome: Outcome) {
    let pid = order.id().pid;
    let (what, signal) = match order {
        Order::Signal { number, .. } => ("signal", Some(*number)),
        Order::Stop { .. } => ("stop", None),
        Order::Resume { .. } => ("resume", None),
        Order::Kill { .. } => ("kill", None),
        Order::KillMemcg { .. } => ("cgroup.kill", None),
        Order::Reap { .. } => ("reap", None),
    };
    match outcome {
        Outcome::Done | Outcome::Dry => info!(pid, signal, "{what}"),
        Outcome::Gone => debug!(pid, signal, "{what}: it is gone already"),
        Outcome::Refused => warn!(pid, signal, "{what}: permission denied"),
        Outcome::Capped(_) => {}
        Outcome::Failed(errno) => warn!(pid, signal, errno, "{what} failed"),
    }
}

/// A hook has run, or a unit is being stopped; or it came to nothing. Without a pid it was a notification.
pub(super) fn ended(pid: Option<u32>, ended: &Ended) {
    let Ended { id: TaskId(task), result } = ended;
    match result {
        Ok(()) => debug!(pid, task, "helped"),
        Err(why) => warn!(pid, task, why, "a step came to nothing, and is not waited for"),
    }
}

/// A unit is gone.
pub(super) fn gone(victim: &Victim, took_ms: u64, measured_relief_bytes: u64, was_killed: bool) {
    info!(
        pid = victim.root.pid,
        comm = %Escaped(&victim.comm),
        predicted_relief_bytes = victim.predicted_relief_bytes,
        measured_relief_bytes,
        took_ms,
        killed = was_killed,
        "victim is gone"
    );
}

/// What holding values came to. Success is a matter for debugging, everything else is said once.
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
