//! Sense, gate, consult, decide: the part of a tick that changes nothing, shared by `run` and `explain`.

use jettison_decide::{Settings, Signals, State, exclusions, gate, mark, plan};
use jettison_model::{Exclusion, Plan, Ranking, Snapshot, Vote};
use jettison_sense::Sensor;

use crate::clock::Clock;
use crate::policies::{Consulted, Policies};

/// What a decision is made from, kept from tick to tick. With `()` for a sensor there is only the snapshot that it is given.
pub(crate) struct Pipeline<S = Sensor> {
    pub(crate) clock: Clock,
    pub(crate) sensor: S,
    pub(crate) policies: Policies,
    pub(crate) settings: Settings,
    pub(crate) snapshot: Snapshot,
    pub(crate) state: State,
}

/// One decision, with all that explains it.
pub(crate) struct Decision {
    pub(crate) plan: Plan,
    pub(crate) ranking: Ranking,
    pub(crate) votes: Vec<Vote>,
    pub(crate) consulted: Vec<Consulted>,
    pub(crate) consult_us: u64,
    pub(crate) decide_us: u64,
}

impl Pipeline {
    /// Stage 1. Returns microseconds.
    pub(crate) fn sense(&mut self) -> u64 {
        let stopwatch = self.clock.stopwatch();
        self.sensor.sense(self.policies.needs(), self.clock.now(), &mut self.snapshot);
        stopwatch.us()
    }
}

impl<S> Pipeline<S> {
    pub(crate) fn new(clock: Clock, sensor: S, policies: Policies, settings: Settings) -> Self {
        Self { clock, sensor, policies, settings, snapshot: Snapshot::default(), state: State::default() }
    }

    /// Stages 2 and 3, on what was sensed last.
    pub(crate) fn decide(&mut self, signals: Signals) -> Decision {
        self.snapshot.request = gate(&self.snapshot, signals, &self.settings);
        let excluded = exclusions(&self.snapshot, &self.settings);
        mark(&mut self.snapshot, &excluded);
        let stopwatch = self.clock.stopwatch();
        let (votes, consulted) = self.policies.consult(&self.snapshot, self.clock);
        let consult_us = stopwatch.us();
        let stopwatch = self.clock.stopwatch();
        let state = std::mem::take(&mut self.state);
        let before = self.policies.has_shadows().then(|| (excluded.clone(), state.clone()));
        let (plan, ranking, state) = plan(&self.snapshot, excluded, &votes, state, &self.settings);
        self.state = state;
        if let Some((excluded, state)) = before.filter(|_| self.snapshot.request.cause.is_armed()) {
            self.compare_shadows(&excluded, &state, &votes, &plan);
        }
        Decision { plan, ranking, votes, consulted, consult_us, decide_us: stopwatch.us() }
    }

    /// Counts for each shadow policy whether, asked alone, it would have chosen another first victim.
    fn compare_shadows(
        &mut self,
        excluded: &[(u32, Exclusion)],
        state: &State,
        votes: &[Vote],
        chosen: &Plan,
    ) {
        let first = |plan: &Plan| plan.victims.first().map(|victim| victim.root);
        for (loaded, vote) in self.policies.loaded.iter_mut().zip(votes) {
            if vote.shadow && vote.answer.is_ok() {
                let alone = [Vote { shadow: false, ..vote.clone() }];
                let (other, _, _) =
                    plan(&self.snapshot, excluded.to_vec(), &alone, state.clone(), &self.settings);
                loaded.stats.would_differ += u64::from(first(&other) != first(chosen));
            }
        }
    }
}
