//! Victims underway: named, not yet gone.

use jettison_decide::InFlight;
use jettison_decide::escalate::{Escalation, Settings as EscalateSettings};
use jettison_model::column::row as row_of;
use jettison_model::snapshot::flags;
use jettison_model::{Cause, ProcessId, Ranking, Snapshot, Target, Tier, Victim};

use crate::control::Past;

/// One unit on its way.
pub(crate) struct Underway {
    pub(super) victim: Victim,
    pub(super) escalation: Escalation,
    /// Everybody that goes: those that were named, and whom they forked since.
    pub(crate) members: Vec<ProcessId>,
    pub(super) cause: Cause,
    pub(super) named_at_ms: u64,
    /// Milliseconds since 1970.
    pub(super) named_at_wall_ms: u64,
    pub(super) available_before_bytes: u64,
    pub(super) was_killed: bool,
}

impl Underway {
    pub(super) fn new(victim: Victim, settings: &EscalateSettings, snapshot: &Snapshot) -> Self {
        Self {
            escalation: Escalation::new(&victim, settings, snapshot.now_ms),
            members: victim.members.clone(),
            cause: snapshot.request.cause,
            named_at_ms: snapshot.now_ms,
            named_at_wall_ms: snapshot.taken_at_ms,
            available_before_bytes: snapshot.host.memory_available_bytes,
            was_killed: false,
            victim,
        }
    }

    /// What the next decision must know of it.
    pub(super) fn in_flight(&self) -> InFlight {
        InFlight {
            members: self.members.clone(),
            predicted_relief_bytes: self.victim.predicted_relief_bytes,
            is_overdue: self.escalation.is_overdue(),
        }
    }

    /// What is remembered of it once it is gone.
    pub(super) fn past(&self, took_ms: u64, measured_relief_bytes: u64) -> Past {
        let victim = &self.victim;
        Past {
            at: self.named_at_wall_ms,
            by: "jettison".into(),
            pid: victim.root.pid,
            comm: String::from_utf8_lossy(&victim.comm).into_owned(),
            cause: self.cause.as_str().into(),
            unit: victim.unit.kind().into(),
            members: self.members.len(),
            policy: victim.policy.clone(),
            reason: victim.reason.clone(),
            killed: self.was_killed,
            took_ms,
            predicted_relief_bytes: victim.predicted_relief_bytes,
            measured_relief_bytes,
        }
    }

    /// Takes in the members that a tree has forked, or that have entered a memcg, since the last scan.
    /// Whoever is excluded, never or protected by now stays out.
    pub(super) fn rescan(&mut self, snapshot: &Snapshot, ranking: &Ranking) {
        let processes = &snapshot.processes;
        let mut is_spared = vec![false; processes.len()];
        for ranked in &ranking.order {
            if let Some(spared) = is_spared.get_mut(ranked.row as usize) {
                *spared = matches!(ranked.tier, Tier::Never | Tier::Protected(_));
            }
        }
        let mut is_member = vec![false; processes.len()];
        for member in &self.members {
            if let Some(slot) = processes.row_of(*member).and_then(|row| is_member.get_mut(row)) {
                *slot = true;
            }
        }
        let may_join = |row: usize| !is_spared[row] && !processes.has(row, flags::EXCLUDED);
        // A child usually has a higher pid than its parent; where pids have wrapped, the next scan finds it.
        for row in 0..processes.len() {
            let belongs = match self.victim.unit {
                Target::Process(_) => false,
                Target::Tree(_) => {
                    let parent = processes.parents.get(row).copied().and_then(row_of);
                    parent.and_then(|parent| is_member.get(parent)).copied().unwrap_or(false)
                }
                Target::Memcg(_) => {
                    let memcg = processes.memcgs.get(row).copied().and_then(row_of);
                    memcg.is_some_and(|memcg| {
                        jettison_decide::eligible::is_below(
                            snapshot.memcgs.paths.get(memcg),
                            &self.victim.memcg,
                        )
                    })
                }
            };
            if belongs && !is_member[row] && may_join(row) {
                is_member[row] = true;
                self.members.extend(processes.id(row));
            }
        }
    }
}
