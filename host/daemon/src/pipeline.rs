//! Sense, gate, consult, decide: the part of a tick that changes nothing, shared by `run` and `explain`.

use jettison_decide::{Settings, Signals, State, exclusions, gate, mark, plan};
use jettison_model::{Plan, Ranking, Snapshot, Vote};
use jettison_sense::Sensor;

use crate::clock::Clock;
use crate::policies::{Consulted, Policies};

/// What a decision is made from, kept from tick to tick.
pub(crate) struct Pipeline {
    pub(crate) clock: Clock,
    pub(crate) sensor: Sensor,
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
    pub(crate) fn new(clock: Clock, sensor: Sensor, policies: Policies, settings: Settings) -> Self {
        Self { clock, sensor, policies, settings, snapshot: Snapshot::default(), state: State::default() }
    }

    /// Stage 1. Returns microseconds.
    pub(crate) fn sense(&mut self) -> u64 {
        let stopwatch = self.clock.stopwatch();
        self.sensor.sense(self.policies.needs(), self.clock.now(), &mut self.snapshot);
        stopwatch.us()
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
        let (plan, ranking, state) = plan(&self.snapshot, excluded, &votes, state, &self.settings);
        self.state = state;
        Decision { plan, ranking, votes, consulted, consult_us, decide_us: stopwatch.us() }
    }
}
