//! Decides again, with something changed: the policies are asked once more, and nothing is estimated.

use jettison_decide::{Passed, Settings, Signals, State, exclusions, gate, mark, passed, plan};
use jettison_model::{Exclusion, Plan, Ranking, Snapshot, Vote};
use jettison_tick::Consult;

use crate::policies::Policies;

/// One more decision, and what it was made from.
pub(super) struct Again {
    pub(super) snapshot: Snapshot,
    pub(super) votes: Vec<Vote>,
    pub(super) plan: Plan,
    pub(super) ranking: Ranking,
}

/// What is different beside the snapshot.
#[derive(Default)]
pub(super) struct Change {
    /// A policy more.
    pub(super) vote: Option<Vote>,
    /// A row that `[guard]` keeps.
    pub(super) guarded: Option<u32>,
}

impl Again {
    pub(super) fn with(
        policies: &mut Policies,
        settings: &Settings,
        mut snapshot: Snapshot,
        change: Change,
    ) -> Self {
        let signals = Signals { is_manual: true, ..Signals::default() };
        snapshot.request = gate(&snapshot, &signals, settings, &State::default());
        let mut excluded = exclusions(&snapshot, settings, &[]);
        if let Some(row) = change.guarded
            && let Err(place) = excluded.binary_search_by_key(&row, |&(row, _)| row)
        {
            excluded.insert(place, (row, Exclusion::Guard));
        }
        mark(&mut snapshot, &excluded);
        let (mut votes, _) = policies.consult(&snapshot);
        votes.extend(change.vote);
        let (plan, ranking, _) = plan(&snapshot, excluded, &votes, &[], State::default(), settings);
        Self { snapshot, votes, plan, ranking }
    }

    /// Why each ranked process stays that goes with no victim, by row.
    pub(super) fn passed(&self, settings: &Settings) -> Vec<(u32, Passed)> {
        passed(&self.snapshot, &self.votes, &self.ranking, &[], &State::default(), settings)
    }
}

/// The same machine, with as little available as makes the host act. What holds it stays as it is.
pub(super) fn short(snapshot: &Snapshot, settings: &Settings) -> Snapshot {
    let (mut snapshot, thresholds) = (snapshot.clone(), &settings.thresholds);
    snapshot.host.memory_available_bytes = thresholds.act.of(snapshot.host.memory_total_bytes);
    if thresholds.swap_free_percent.is_some() {
        snapshot.host.swap_free_bytes = 0;
    }
    snapshot
}
