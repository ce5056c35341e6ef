//! What a hook is told, as environment variables (docs/hooks.md).

use jettison_model::{Idle, Snapshot, Victim};

use crate::history::{Past, Place};

/// Names and values.
pub(crate) type Facts = Vec<(&'static str, Vec<u8>)>;

/// The state of the host: for each hook.
pub(crate) fn of_host(snapshot: &Snapshot) -> Facts {
    vec![
        ("JETTISON_CAUSE", snapshot.request.cause.as_str().into()),
        ("JETTISON_AVAILABLE_BYTES", number(snapshot.host.memory_available_bytes)),
        ("JETTISON_TOTAL_BYTES", number(snapshot.host.memory_total_bytes)),
    ]
}

/// The same where nothing is worth ending. `None` if the plan is idle for another reason.
pub(crate) fn of_idle(snapshot: &Snapshot, idle: Idle) -> Option<Facts> {
    let Idle::NotWorthIt { reachable_bytes, needed_bytes, .. } = idle else { return None };
    let mut facts = of_host(snapshot);
    facts.extend([
        ("JETTISON_NEEDED_BYTES", number(needed_bytes)),
        ("JETTISON_REACHABLE_BYTES", number(reachable_bytes)),
        ("JETTISON_REASON", idle.to_string().into_bytes()),
    ]);
    Some(facts)
}

/// The same with the victim that a step is about, which has `members` processes by now.
pub(crate) fn of_victim(snapshot: &Snapshot, victim: &Victim, members: usize) -> Facts {
    let row = snapshot.processes.row_of(victim.root);
    let place = row.map(|row| Place::of(snapshot, row)).unwrap_or_default();
    let mut facts = of_host(snapshot);
    facts.extend([
        ("JETTISON_PID", number(u64::from(victim.root.pid))),
        ("JETTISON_COMM", victim.comm.clone()),
        ("JETTISON_TARGET", victim.unit.kind().into()),
        ("JETTISON_MEMBERS", number(members as u64)),
        ("JETTISON_MEMCG", place.memcg),
        ("JETTISON_SYSTEMD_UNIT", place.service_unit),
        ("JETTISON_POLICY", victim.policy.clone().into_bytes()),
        ("JETTISON_REASON", victim.reason.clone().into_bytes()),
        ("JETTISON_PREDICTED_RELIEF_BYTES", number(victim.predicted_relief_bytes)),
    ]);
    facts
}

/// The same with a victim that is gone, or a process that the kernel's OOM killer took.
pub(crate) fn of_past(snapshot: &Snapshot, past: &Past) -> Facts {
    let outcome = match (past.is_refused, past.is_unanswered, past.was_killed) {
        (true, _, _) => "refused",
        (_, true, _) => "unanswered",
        (_, _, true) => "killed",
        _ => "ended",
    };
    let mut facts = of_host(snapshot);
    // Why it was named, and not why the tick of its end happened.
    facts.retain(|(name, _)| *name != "JETTISON_CAUSE");
    facts.extend([
        ("JETTISON_CAUSE", past.cause.as_str().into()),
        ("JETTISON_BY", past.by.as_str().into()),
        ("JETTISON_OUTCOME", outcome.into()),
        ("JETTISON_PID", number(u64::from(past.pid))),
        ("JETTISON_COMM", past.comm.clone().into_bytes()),
        ("JETTISON_UID", past.uid.map_or_else(Vec::new, |uid| number(uid.into()))),
        ("JETTISON_TARGET", past.target.into()),
        ("JETTISON_MEMBERS", number(past.members as u64)),
        ("JETTISON_MEMCG", past.place.memcg.clone()),
        ("JETTISON_SYSTEMD_UNIT", past.place.service_unit.clone()),
        ("JETTISON_CONTAINER", past.place.container.clone()),
        ("JETTISON_POLICY", past.policy.clone().into_bytes()),
        ("JETTISON_REASON", past.reason.clone().into_bytes()),
        ("JETTISON_PREDICTED_RELIEF_BYTES", number(past.predicted_relief_bytes)),
        ("JETTISON_MEASURED_RELIEF_BYTES", number(past.measured_relief_bytes)),
        ("JETTISON_TOOK_MS", number(past.took_ms)),
    ]);
    facts
}

fn number(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}
