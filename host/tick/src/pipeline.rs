//! Sense, gate, consult, decide: the part of a tick that changes nothing, shared by `run` and `explain`.

use std::ops::RangeInclusive;
use std::sync::Arc;

use jettison_decide::{
    InFlight, Passed, Relief, Settings, Signals, State, exclusions, fall_bytes_per_s, gate, mark, passed,
    plan,
};
use jettison_model::column::{NONE_U32, row};
use jettison_model::{Cause, Exclusion, Needs, Plan, ProcessId, Ranking, Request, Snapshot, Vote};
use jettison_sense::{Memory, Now};

use crate::clock::Clock;
use crate::consult::{Consult, Consulted};
use crate::history::Past;
use jettison_sense::{Sense, Usual};

/// PSI `some avg10` of memory, hundredths of a percent, from which a tick is not quiet.
const QUIET_SOME_AVG10: u32 = 100;

/// While memory is getting short all processes are looked at so often, or once in so many times what that
/// takes if that is longer, within bounds.
const WHOLE_MS: RangeInclusive<u64> = 2_000..=15_000;
const WHOLE_EVERY: u64 = 10;

/// How much of the machine a look reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What changes from one routine tick to the next.
    Glance,
    /// What can change a decision while memory is getting short, and everything if that was long ago.
    Focus,
}

/// The last look at all processes.
#[derive(Clone, Copy, Debug)]
struct Whole {
    at_ms: u64,
    took_us: u64,
}

impl Whole {
    /// Whether the rows of processes that are not read may be kept. Looks at all processes then take at most
    /// a tenth of the time, however many there are.
    fn is_fresh(self, now: Now) -> bool {
        let most_ms = (self.took_us / 1_000).saturating_mul(WHOLE_EVERY);
        let most_ms = most_ms.clamp(*WHOLE_MS.start(), *WHOLE_MS.end());
        now.boot_ms.saturating_sub(self.at_ms) < most_ms
    }
}

/// What decisions are made from, and what they remember. With `()` for a sensor there is only the given
/// snapshot.
pub struct Pipeline<S, P> {
    sensor: S,
    policies: P,
    settings: Settings,
    snapshot: Snapshot,
    state: State,
    usual: Usual,
    whole: Option<Whole>,
    /// Nothing has moved since the look before.
    is_still: bool,
    /// Decisions carry what they were made from.
    is_recorded: bool,
}

/// One decision, with all that explains it.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Values to hold, and victims if the tick is armed.
    pub plan: Plan,
    /// The order that the plan follows.
    pub ranking: Ranking,
    /// What each policy answered, in the order of the configuration.
    pub votes: Arc<Vec<Vote>>,
    /// What each answer cost.
    pub consulted: Vec<Consulted>,
    /// The victims that were under way before.
    pub in_flight: Vec<InFlight>,
    /// Microseconds of all consultations.
    pub consult_us: u64,
    /// Microseconds of tally and plan.
    pub decide_us: u64,
    /// If it is recorded.
    pub made_from: Option<Box<MadeFrom>>,
}

/// What a decision was made from beside votes and settings, for the journal.
#[derive(Clone, Debug)]
pub struct MadeFrom {
    /// As the policies saw it. Its columns are shared, so it should not be kept until the next tick.
    pub snapshot: Snapshot,
    /// Before the decision.
    pub state: State,
}

impl<S: Sense, P: Consult> Pipeline<S, P> {
    /// Stage 1: reads everything. Returns microseconds.
    pub fn scan(&mut self, now: Now) -> u64 {
        self.look_at_all(now, |sensor, needs, into| sensor.sense(needs, now, into))
    }

    fn look_at_all(&mut self, now: Now, look: impl FnOnce(&mut S, Needs, &mut Snapshot)) -> u64 {
        let (stopwatch, needs) = (Clock.stopwatch(), self.needs());
        look(&mut self.sensor, needs, &mut self.snapshot);
        self.complete();
        let took_us = stopwatch.us();
        self.whole = Some(Whole { at_ms: now.boot_ms, took_us });
        took_us
    }

    /// Stage 1 and the gate. Where a glance finds cause for more than a routine tick, a look in focus
    /// follows. In focus the members of `in_flight` are read in any case.
    pub fn look(&mut self, now: Now, depth: Depth, in_flight: &[InFlight], signals: &Signals) -> Request {
        self.is_still = depth == Depth::Glance && self.glance(now);
        if depth == Depth::Focus || self.gate(signals).cause != Cause::Routine {
            self.is_still = false;
            self.focus(now, in_flight);
        }
        self.watch_limits();
        self.gate(signals)
    }

    fn glance(&mut self, now: Now) -> bool {
        let stopwatch = Clock.stopwatch();
        let is_still = self.sensor.glance(self.needs(), now, &mut self.snapshot);
        self.complete();
        // One that finds nothing moved takes next to nothing, and says nothing of what the next one takes.
        let took_us = stopwatch.us().max(self.whole.map_or(0, |whole| whole.took_us));
        self.whole = Some(Whole { at_ms: now.boot_ms, took_us });
        is_still
    }

    fn focus(&mut self, now: Now, in_flight: &[InFlight]) {
        let members = in_flight.iter().flat_map(|victim| &victim.members);
        let on: Vec<ProcessId> = members.copied().collect();
        if !self.whole.is_some_and(|whole| whole.is_fresh(now)) {
            self.look_at_all(now, |sensor, needs, into| sensor.whole(needs, now, &on, into));
            return;
        }
        let stopwatch = Clock.stopwatch();
        let was_scan = self.sensor.focus(self.needs(), now, &on, &mut self.snapshot);
        self.complete();
        if was_scan {
            self.whole = Some(Whole { at_ms: now.boot_ms, took_us: stopwatch.us() });
        }
    }

    /// Fills what follows from the past and the levels.
    fn complete(&mut self) {
        let warn_bytes = self.settings.thresholds.warn.of(self.snapshot.host.memory_total_bytes);
        self.sensor.blame(warn_bytes, &mut self.snapshot);
        self.usual.fill(&mut self.snapshot.memcgs);
    }

    /// Has the sensor watch the memcgs whose own limit is watched.
    pub(crate) fn watch_limits(&mut self) {
        let Self { sensor, snapshot, settings, .. } = self;
        sensor.watch_limits(&snapshot.memcgs, |path| gate::is_watched(path, settings));
    }

    /// Learns what units usually hold, from a tick that is quiet: routine, above `warn`, and without pressure
    /// on memory. Returns whether it has learned.
    pub(crate) fn learn_usual(&mut self, now: Now) -> bool {
        let Snapshot { host, request, memcgs, .. } = &self.snapshot;
        let is_pressing = host.memory_pressure_some_avg10 != NONE_U32
            && host.memory_pressure_some_avg10 >= QUIET_SOME_AVG10;
        let is_quiet = request.cause == Cause::Routine && host.eased_ms_ago == 0 && !is_pressing;
        is_quiet && self.usual.learn(now, memcgs)
    }

    /// A process has this `oom_score_adj` by now.
    pub(crate) fn note_adj(&mut self, id: ProcessId, adj: i16) {
        self.sensor.note_adj(id, adj, &mut self.snapshot);
    }

    /// Reads how much memory is left, and nothing else.
    pub fn probe(&mut self) -> Option<Memory> {
        self.sensor.probe()
    }

    fn needs(&self) -> Needs {
        self.policies.needs().or(self.settings.needs())
    }
}

impl<S, P: Consult> Pipeline<S, P> {
    /// Nothing is sensed yet.
    pub fn new(sensor: S, policies: P, settings: Settings) -> Self {
        Self {
            sensor,
            policies,
            settings,
            snapshot: Snapshot::default(),
            state: State::default(),
            usual: Usual::default(),
            whole: None,
            is_still: false,
            is_recorded: false,
        }
    }

    /// The same with a snapshot that was taken elsewhere.
    #[must_use]
    pub fn with_snapshot(self, snapshot: Snapshot) -> Self {
        Self { snapshot, ..self }
    }

    /// Why this tick happens. [`Pipeline::decide`] goes by it.
    pub fn gate(&mut self, signals: &Signals) -> Request {
        self.snapshot.request = gate(&self.snapshot, signals, &self.settings, &self.state);
        self.snapshot.request
    }

    /// Whether the last look was routine and found nothing moved.
    pub(crate) fn is_still(&self) -> bool {
        self.is_still
    }

    /// Stages 2 and 3, on the last snapshot and its request. `in_flight` are the victims under way.
    pub fn decide(&mut self, in_flight: Vec<InFlight>) -> Decision {
        self.state.keep_living(&self.snapshot);
        let excluded = exclusions(&self.snapshot, &self.settings, &self.state.refused);
        mark(&mut self.snapshot, &excluded);
        let stopwatch = Clock.stopwatch();
        let (votes, consulted) = self.policies.consult(&self.snapshot);
        let consult_us = stopwatch.us();
        let stopwatch = Clock.stopwatch();
        let state = std::mem::take(&mut self.state);
        let made_from = self
            .is_recorded
            .then(|| Box::new(MadeFrom { snapshot: self.snapshot.clone(), state: state.clone() }));
        let has_shadows = votes.iter().any(|vote| vote.shadow);
        let before = has_shadows.then(|| (excluded.clone(), state.clone()));
        let (plan, ranking, state) =
            plan(&self.snapshot, excluded, &votes, &in_flight, state, &self.settings);
        self.state = state;
        self.note_passed(&plan);
        if let Some((excluded, state)) = before.filter(|_| self.snapshot.request.cause.is_armed()) {
            self.compare_shadows(&excluded, (&in_flight, &state), &votes, &plan);
        }
        let decide_us = stopwatch.us();
        let votes = Arc::new(votes);
        Decision { plan, ranking, votes, consulted, in_flight, consult_us, decide_us, made_from }
    }

    /// Lets memcgs at their limits come first for a while if this domain has no victim.
    fn note_passed(&mut self, plan: &Plan) {
        let Snapshot { request, memcgs, now_ms, .. } = &self.snapshot;
        let domain = match request.cause {
            Cause::MemcgLimit => row(request.cause_memcg).map(|memcg| memcgs.paths.get(memcg)),
            Cause::Pressure => Some(State::HOST),
            Cause::Routine | Cause::Warning | Cause::Critical | Cause::Manual => None,
        };
        if let Some(domain) = domain.filter(|_| plan.victims.is_empty()) {
            self.state.pass_memcg(domain, *now_ms);
        }
    }

    /// Counts for each shadow policy whether, consulted alone, it would have chosen another first victim.
    fn compare_shadows(
        &mut self,
        excluded: &[(u32, Exclusion)],
        (in_flight, state): (&[InFlight], &State),
        votes: &[Vote],
        chosen: &Plan,
    ) {
        let first = |plan: &Plan| plan.victims.first().map(|victim| victim.root);
        for (at, vote) in votes.iter().enumerate().filter(|(_, vote)| vote.shadow && vote.answer.is_ok()) {
            let alone = [Vote { shadow: false, ..vote.clone() }];
            let (other, _, _) =
                plan(&self.snapshot, excluded.to_vec(), &alone, in_flight, state.clone(), &self.settings);
            if first(&other) != first(chosen) {
                self.policies.would_differ(at);
            }
        }
    }

    /// From now on decisions carry what they were made from.
    pub(crate) fn be_recorded(&mut self) {
        self.is_recorded = true;
    }

    /// Counts the victims of a plan that is being carried out: they bound the next ones.
    pub(crate) fn note(&mut self, plan: &Plan) {
        self.state.note(plan, self.snapshot.request.cause, self.snapshot.now_ms);
    }

    /// Excludes a victim that the kernel lets us send no signal to.
    pub(crate) fn refuse(&mut self, members: &[ProcessId], named_at_ms: u64) {
        self.state.refuse(members);
        self.state.withdraw(named_at_ms);
    }

    /// Passes over parts of a service that did not answer.
    pub(crate) fn give_up(&mut self, members: &[ProcessId]) {
        self.state.give_up(members);
    }

    /// Learns what the end of a victim in a memcg gave back. Memory fell at that rate when it was named; now
    /// it may have risen by the relief.
    pub(crate) fn learn(&mut self, memcg: &[u8], fell_bytes_per_s: u64, past: &Past, now_ms: u64) {
        let fall_bytes_per_s = fall_bytes_per_s(&self.snapshot).max(fell_bytes_per_s);
        let relief = Relief {
            predicted_bytes: past.predicted_relief_bytes,
            measured_bytes: past.measured_relief_bytes,
            taken_meanwhile_bytes: fall_bytes_per_s.saturating_mul(past.took_ms) / 1000,
        };
        self.state.learn(memcg, relief, now_ms);
    }

    /// Forgets what policies said that are no longer configured.
    pub(crate) fn keep_policies(&mut self, is_configured: impl Fn(&str) -> bool) {
        self.state.keep_policies(is_configured);
    }
}

impl<S, P> Pipeline<S, P> {
    /// What senses.
    pub fn sensor(&self) -> &S {
        &self.sensor
    }

    pub(crate) fn sensor_mut(&mut self) -> &mut S {
        &mut self.sensor
    }

    /// What is consulted.
    pub fn policies(&self) -> &P {
        &self.policies
    }

    pub(crate) fn policies_mut(&mut self) -> &mut P {
        &mut self.policies
    }

    /// What the last look at all processes took, milliseconds; 0 before there was one.
    pub fn whole_look_ms(&self) -> u64 {
        self.whole.map_or(0, |whole| whole.took_us / 1_000)
    }

    /// What decisions depend on beside the snapshot.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What units usually hold.
    pub(crate) fn usual(&self) -> &Usual {
        &self.usual
    }

    pub(crate) fn set_usual(&mut self, usual: Usual) {
        self.usual = usual;
    }

    pub(crate) fn configure(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// The last snapshot, as it was decided on, but for `oom_score_adjs_now`: what was written since is
    /// there.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    pub(crate) fn snapshot_mut(&mut self) -> &mut Snapshot {
        &mut self.snapshot
    }

    /// What past decisions have left for the next one.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether protections or held values of a policy's last good ballot are still in force.
    pub fn has_last_good(&self, policy: &str) -> bool {
        self.state.last_good.iter().any(|good| good.policy == policy && !good.kept.is_empty())
    }

    /// Why each ranked process stays that goes with no victim of the last decision, by row.
    #[must_use]
    pub fn passed(&self, decision: &Decision) -> Vec<(u32, Passed)> {
        let mut state = self.state.clone();
        // Victims of this very decision have been entered since.
        state.named_at_ms.retain(|&at| at < self.snapshot.now_ms);
        state.part_named_at_ms = state.part_named_at_ms.filter(|&at| at < self.snapshot.now_ms);
        let Decision { ranking, votes, in_flight, .. } = decision;
        passed(&self.snapshot, votes, ranking, in_flight, &state, &self.settings)
    }

    /// What is left when nothing more is to be decided.
    pub fn into_parts(self) -> (Snapshot, P) {
        (self.snapshot, self.policies)
    }
}
