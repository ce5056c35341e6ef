//! Sense, gate, consult, decide: the part of a tick that changes nothing, shared by `run` and `explain`.

use jettison_decide::{Settings, Signals, State, exclusions, gate, mark, plan};
use jettison_model::{Cause, Exclusion, Memcgs, Needs, Plan, Ranking, Snapshot, Vote};
use jettison_sense::{Left, Memory, Now, Sensor};

use crate::clock::Clock;
use crate::policies::{Consulted, Policies};

/// Stage 1, as the other stages see it: the files of a machine, or a scripted one.
pub(crate) trait Sense {
    /// As [`Sensor::sense`].
    fn sense(&mut self, needs: Needs, now: Now, into: &mut Snapshot);
    /// As [`Sensor::glance`].
    fn glance(&mut self, needs: Needs, now: Now, into: &mut Snapshot);
    /// As [`Sensor::probe`].
    fn probe(&mut self) -> Option<Memory>;
    /// As [`Sensor::watch_limits`].
    fn watch_limits(&mut self, memcgs: &Memcgs, is_watched: impl Fn(&[u8]) -> bool);
    /// As [`Sensor::nearest_limit`].
    fn nearest_limit(&mut self, is_near: impl Fn(Left) -> bool) -> Option<Left>;
    /// As [`Sensor::scope_exists`].
    fn scope_exists(&self) -> bool;
}

impl Sense for Sensor {
    fn sense(&mut self, needs: Needs, now: Now, into: &mut Snapshot) {
        Sensor::sense(self, needs, now, into);
    }

    fn glance(&mut self, needs: Needs, now: Now, into: &mut Snapshot) {
        Sensor::glance(self, needs, now, into);
    }

    fn probe(&mut self) -> Option<Memory> {
        Sensor::probe(self)
    }

    fn watch_limits(&mut self, memcgs: &Memcgs, is_watched: impl Fn(&[u8]) -> bool) {
        Sensor::watch_limits(self, memcgs, is_watched);
    }

    fn nearest_limit(&mut self, is_near: impl Fn(Left) -> bool) -> Option<Left> {
        Sensor::nearest_limit(self, is_near)
    }

    fn scope_exists(&self) -> bool {
        Sensor::scope_exists(self)
    }
}

/// Stage 2, as the other stages see it: loaded policies, or scripted ones.
pub(crate) trait Consult {
    /// What the sensor must read for them beyond what the host itself needs.
    fn needs(&self) -> Needs;
    /// Asks each: a vote for each, in the order of the configuration, and what it cost.
    fn consult(&mut self, snapshot: &Snapshot) -> (Vec<Vote>, Vec<Consulted>);
    /// A shadow policy, by its place in the order, would have chosen another first victim.
    fn would_differ(&mut self, at: usize);
}

/// What a decision is made from, kept from tick to tick. With `()` for a sensor there is only the snapshot that it is given.
pub(crate) struct Pipeline<S = Sensor, P = Policies> {
    pub(crate) sensor: S,
    pub(crate) policies: P,
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

impl<S: Sense, P: Consult> Pipeline<S, P> {
    /// Stage 1. Returns microseconds.
    pub(crate) fn sense(&mut self, now: Now) -> u64 {
        let stopwatch = Clock.stopwatch();
        self.sensor.sense(self.needs(), now, &mut self.snapshot);
        stopwatch.us()
    }

    /// Stage 1 of a routine tick, for less. Whether it has turned out to be one.
    pub(crate) fn glance(&mut self, now: Now, signals: Signals) -> bool {
        self.sensor.glance(self.needs(), now, &mut self.snapshot);
        gate(&self.snapshot, signals, &self.settings).cause == Cause::Routine
    }

    fn needs(&self) -> Needs {
        self.policies.needs().or(self.settings.needs())
    }
}

impl<S, P: Consult> Pipeline<S, P> {
    pub(crate) fn new(sensor: S, policies: P, settings: Settings) -> Self {
        Self { sensor, policies, settings, snapshot: Snapshot::default(), state: State::default() }
    }

    /// Stages 2 and 3, on what was sensed last.
    pub(crate) fn decide(&mut self, signals: Signals) -> Decision {
        self.snapshot.request = gate(&self.snapshot, signals, &self.settings);
        let excluded = exclusions(&self.snapshot, &self.settings);
        mark(&mut self.snapshot, &excluded);
        let stopwatch = Clock.stopwatch();
        let (votes, consulted) = self.policies.consult(&self.snapshot);
        let consult_us = stopwatch.us();
        let stopwatch = Clock.stopwatch();
        let state = std::mem::take(&mut self.state);
        let has_shadows = votes.iter().any(|vote| vote.shadow);
        let before = has_shadows.then(|| (excluded.clone(), state.clone()));
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
        for (at, vote) in votes.iter().enumerate().filter(|(_, vote)| vote.shadow && vote.answer.is_ok()) {
            let alone = [Vote { shadow: false, ..vote.clone() }];
            let (other, _, _) =
                plan(&self.snapshot, excluded.to_vec(), &alone, state.clone(), &self.settings);
            if first(&other) != first(chosen) {
                self.policies.would_differ(at);
            }
        }
    }
}
