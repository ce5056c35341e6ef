//! What a hook is told, as environment variables (docs/hooks.md).

use jettison_model::Snapshot;
use jettison_model::column::row;

use super::Underway;

/// Names and values.
pub(super) type Facts = Vec<(&'static str, Vec<u8>)>;

/// What is the matter: of a notification, and of a step.
pub(super) fn of_host(snapshot: &Snapshot) -> Facts {
    vec![
        ("JETTISON_CAUSE", snapshot.request.cause.as_str().into()),
        ("JETTISON_AVAILABLE_BYTES", number(snapshot.host.memory_available_bytes)),
        ("JETTISON_TOTAL_BYTES", number(snapshot.host.memory_total_bytes)),
    ]
}

/// The victim that the step is about.
pub(super) fn of(snapshot: &Snapshot, unit: &Underway) -> Facts {
    let (processes, memcgs, victim) = (&snapshot.processes, &snapshot.memcgs, &unit.victim);
    let memcg = processes.row_of(victim.root).and_then(|at| processes.memcgs.get(at).copied().and_then(row));
    let of_memcg =
        |column: &jettison_model::TextColumn| memcg.map_or_else(Vec::new, |at| column.get(at).into());
    let mut facts = of_host(snapshot);
    facts.extend([
        ("JETTISON_PID", number(u64::from(victim.root.pid))),
        ("JETTISON_COMM", victim.comm.clone()),
        ("JETTISON_TARGET", victim.unit.kind().into()),
        ("JETTISON_MEMBERS", number(unit.members.len() as u64)),
        ("JETTISON_MEMCG", of_memcg(&memcgs.paths)),
        ("JETTISON_SYSTEMD_UNIT", of_memcg(&memcgs.units)),
        ("JETTISON_POLICY", victim.policy.clone().into_bytes()),
        ("JETTISON_REASON", victim.reason.clone().into_bytes()),
        ("JETTISON_PREDICTED_RELIEF_BYTES", number(victim.predicted_relief_bytes)),
    ]);
    facts
}

fn number(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}
