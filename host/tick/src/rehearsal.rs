//! A dry run goes on as if its victims had gone.
//!
//! ```text
//!                named ─▶ assumed gone ─┬─▶ all its processes have really ended
//!                                       └─▶ memory is at ease, and nothing is at its limit
//! ```
//!
//! While a victim is assumed gone, what its living processes hold counts as available, in the domain and in
//! their memcgs, and none of them is a candidate. So the same levels, cool-downs and numbers per minute hold
//! as where victims are shut down, and the next victim is the next one that would be needed. When memory is
//! at ease by itself all are forgotten: what was shut down would have been started again.

use std::sync::Arc;

use jettison_decide::escalate::Settings as EscalateSettings;
use jettison_decide::{InFlight, Level, Thresholds, gate};
use jettison_model::column::{known_u64, row as row_of};
use jettison_model::{Cause, Column, Plan, Ranking, Snapshot};

use crate::history::{By, Past};
use crate::log;
use crate::underway::Underway;

/// The victims of a dry run.
#[derive(Debug, Default)]
pub(crate) struct Rehearsal {
    gone: Vec<Underway>,
    /// Before the last time that they held less.
    before: Option<Held>,
    /// What was sensed, while the snapshot has what is assumed.
    sensed: Option<Sensed>,
}

/// For so long what ended processes held may be missing: they vanish first, and their memory comes back then.
const RETURN_MS: u64 = 2_000;

/// What victims held, and what was available beside it.
#[derive(Clone, Copy, Debug)]
struct Held {
    at_ms: u64,
    bytes: u64,
    available_bytes: u64,
}

impl Held {
    /// What has vanished since then, and has not come back yet.
    fn missing_bytes(self, now: Self) -> u64 {
        let came_back = now.available_bytes.saturating_sub(self.available_bytes);
        self.bytes.saturating_sub(now.bytes).saturating_sub(came_back)
    }
}

#[derive(Debug)]
struct Sensed {
    available_bytes: u64,
    current_bytes: Column<u64>,
}

impl Rehearsal {
    /// What the next decision must know: they are on their way, and what they give back is there already.
    pub(crate) fn in_flight(&self) -> Vec<InFlight> {
        let assumed = |victim: &Underway| InFlight { predicted_relief_bytes: 0, ..victim.in_flight() };
        self.gone.iter().map(assumed).collect()
    }

    /// Puts into a snapshot, after a look, what would be if the victims had gone. Returns whether anything
    /// has changed.
    pub(crate) fn assume(&mut self, snapshot: &mut Snapshot, thresholds: &Thresholds) -> bool {
        let host = &snapshot.host;
        let level = gate::level(host.memory_total_bytes, host.memory_available_bytes, thresholds);
        if level == Level::Calm && snapshot.request.cause == Cause::Routine {
            self.gone.clear();
            self.before = None;
        }
        for victim in &mut self.gone {
            victim.members.retain(|member| snapshot.processes.row_of(*member).is_some());
        }
        self.gone.retain(|victim| !victim.members.is_empty());
        if self.gone.is_empty() && self.before.is_none() {
            return false;
        }
        self.sensed = Some(Sensed {
            available_bytes: snapshot.host.memory_available_bytes,
            current_bytes: snapshot.memcgs.current_bytes.clone(),
        });
        let bytes = self.gone.iter().map(|victim| give_back(snapshot, victim)).sum();
        let missing_bytes = self.missing_bytes(snapshot.now_ms, bytes);
        let host = &mut snapshot.host;
        let available_bytes = host.memory_available_bytes.saturating_add(bytes).saturating_add(missing_bytes);
        host.memory_available_bytes = available_bytes.min(host.memory_total_bytes);
        true
    }

    /// What processes that have ended of late held, and what has not come back of it.
    fn missing_bytes(&mut self, at_ms: u64, bytes: u64) -> u64 {
        let available_bytes = self.sensed.as_ref().map_or(0, |sensed| sensed.available_bytes);
        let now = Held { at_ms, bytes, available_bytes };
        match self.before {
            Some(before) if bytes < before.bytes && at_ms.saturating_sub(before.at_ms) <= RETURN_MS => {
                before.missing_bytes(now)
            }
            _ => {
                self.before = (!self.gone.is_empty()).then_some(now);
                0
            }
        }
    }

    /// Puts back what was sensed.
    pub(crate) fn restore(&mut self, snapshot: &mut Snapshot) {
        if let Some(Sensed { available_bytes, current_bytes }) = self.sensed.take() {
            snapshot.host.memory_available_bytes = available_bytes;
            snapshot.memcgs.current_bytes = current_bytes;
        }
    }

    /// Takes in the processes that have joined one, and the victims of a plan. Returns what to remember of
    /// those.
    pub(crate) fn advance(
        &mut self,
        plan: &Plan,
        snapshot: &Snapshot,
        ranking: &Ranking,
        caps: &EscalateSettings,
    ) -> Vec<Past> {
        for victim in &mut self.gone {
            victim.rescan(snapshot, ranking);
        }
        let mut named = Vec::new();
        for victim in &plan.victims {
            log::victim(snapshot, victim, true);
            let gone = Underway::new(victim.clone(), caps, snapshot);
            named.push(Past { by: By::DryRun, measured_relief_bytes: 0, ..gone.past(snapshot.now_ms, 0) });
            self.gone.push(gone);
        }
        named
    }
}

/// Takes what the living processes of a victim hold off their memcgs. Returns it as a plan predicts it: all
/// anonymous memory and swap, and the largest shared memory.
fn give_back(snapshot: &mut Snapshot, victim: &Underway) -> u64 {
    let processes = &snapshot.processes;
    let mut shmem_bytes = 0;
    let mut all_bytes = 0_u64;
    let current_bytes = Arc::make_mut(&mut snapshot.memcgs.current_bytes);
    for row in victim.members().iter().filter_map(|member| processes.row_of(*member)) {
        let bytes = processes.anon_and_swap_bytes(row);
        all_bytes = all_bytes.saturating_add(bytes);
        shmem_bytes = processes.shmem_bytes(row).max(shmem_bytes);
        let mut memcg = processes.memcgs.get(row).copied().and_then(row_of);
        // A path has fewer parts than there are memcgs.
        for _ in 0..current_bytes.len() {
            let Some(at) = memcg else { break };
            if let Some(current) = current_bytes.get_mut(at).filter(|current| known_u64(**current).is_some())
            {
                *current = current.saturating_sub(bytes);
            }
            memcg = snapshot.memcgs.parents.get(at).copied().and_then(row_of);
        }
    }
    all_bytes.saturating_add(shmem_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(at_ms: u64, bytes: u64, available_bytes: u64) -> Held {
        Held { at_ms, bytes, available_bytes }
    }

    #[test]
    fn what_has_vanished_counts_until_it_has_come_back() {
        let before = held(0, 100, 10);
        assert_eq!(before.missing_bytes(held(1, 100, 10)), 0);
        assert_eq!(before.missing_bytes(held(1, 0, 10)), 100, "it has ended just now");
        assert_eq!(before.missing_bytes(held(1, 0, 50)), 60);
        assert_eq!(before.missing_bytes(held(1, 0, 200)), 0);
        assert_eq!(before.missing_bytes(held(1, 70, 10)), 30, "one of several");
    }
}
