//! The tick, on one screen: [`Ticker::tick`].

mod views;

use std::sync::Arc;

use jettison_act::{Actuator, Helpers, Kernel, Ledger};
use jettison_decide::{InFlight, Signals};
use jettison_model::Cause;
use jettison_sense::{Memory, Now, Usual};

use crate::clock::Clock;
use crate::consult::Consult;
use crate::footprint::Footprint;
use crate::history::{History, Past};
use crate::homes::Homes;
use crate::kernel_kill::KernelKill;
use crate::live::Live;
use crate::log;
use crate::notify::{NotifiedHooks, Notifier};
use crate::pipeline::{Decision, MadeFrom, Pipeline};
use crate::rehearsal::Rehearsal;
use crate::report::Reporter;
use crate::samples::Samples;
use crate::schedule::{Observation, Pressing, Schedule};
use crate::shutdown::{Scene, Shutdowns};
use crate::tasks::{Moment, Tasks};
use jettison_sense::Sense;

/// While nothing moves policies are asked once in so long: they may go by the age of a process.
const STANDS_MS: u64 = 60_000;

/// What lasts from tick to tick. It is told the time, and owns what it senses, consults and acts through.
pub struct Ticker<S, P, K: Kernel> {
    schedule: Schedule,
    homes: Homes,
    pipeline: Pipeline<S, P>,
    notifier: Notifier,
    shutdowns: Shutdowns,
    rehearsal: Rehearsal,
    ledger: Ledger,
    actuator: Actuator<K>,
    tasks: Tasks,
    footprint: Footprint,
    reporter: Reporter,
    history: History,
    is_dry: bool,
    /// What has woken it, beside memory itself.
    signals: Signals,
    /// About the snapshot that the pipeline has.
    last: Option<Decision>,
    /// Until then it stands while nothing moves.
    stands_until_ms: u64,
    kernel_kills: u64,
    ticks: u64,
    tick_us: Samples,
    /// Whether the usual footprints have changed since they were stored.
    has_learned: bool,
}

impl<S: Sense, P: Consult, K: Kernel> Ticker<S, P, K> {
    /// Nothing is sensed yet, and the first tick is due. With `is_dry` no victim is shut down.
    pub fn new(
        sensor: S,
        policies: P,
        ledger: Ledger,
        actuator: Actuator<K>,
        helpers: Box<dyn Helpers>,
        live: Live,
        is_dry: bool,
    ) -> Self {
        let mut ticker = Self {
            schedule: Schedule::default(),
            homes: Homes::default(),
            shutdowns: Shutdowns::new(&live.settings),
            pipeline: Pipeline::new(sensor, policies, live.settings.clone()),
            notifier: Notifier::default(),
            rehearsal: Rehearsal::default(),
            ledger,
            actuator,
            tasks: Tasks::new(helpers),
            footprint: Footprint::default(),
            reporter: Reporter::default(),
            history: History::default(),
            is_dry,
            signals: Signals::default(),
            last: None,
            stands_until_ms: 0,
            kernel_kills: 0,
            ticks: 0,
            tick_us: Samples::default(),
            has_learned: false,
        };
        ticker.configure(live);
        ticker
    }

    /// Takes over a configuration. The next tick is due now, so that held values follow at once.
    pub fn configure(&mut self, live: Live) {
        let Live {
            settings,
            interval_ms,
            hooks,
            notify_warn: warn,
            notify_worthless: worthless,
            notify_ended: ended,
            notify_kernel: kernel,
        } = live;
        self.schedule.configure(interval_ms);
        self.stands_until_ms = 0;
        self.notifier.configure(NotifiedHooks { warn, worthless, ended, kernel });
        self.tasks.helpers_mut().set_hooks(hooks);
        self.shutdowns.configure(&settings);
        self.pipeline.configure(settings);
    }

    /// How long to wait for an event before [`Ticker::is_tick_due`] is asked again.
    pub fn wait_ms(&self, now_ms: u64) -> u64 {
        if self.shutdowns.is_empty() {
            let wait_ms = self.schedule.wait_ms(now_ms);
            return self.homes.wait_ms(now_ms).map_or(wait_ms, |look_ms| look_ms.min(wait_ms));
        }
        Schedule::wait_for_victims_ms(now_ms, self.shutdowns.next_deadline_ms())
    }

    /// Observes the levels, and whether a process is new where values are held. Returns whether a tick is
    /// due.
    pub fn is_tick_due(&mut self, now_ms: u64) -> bool {
        let thresholds = self.pipeline.settings().thresholds;
        let observation = Observation::of(self.pipeline.sensor_mut(), &thresholds);
        let pressing = Pressing::of(&self.signals, !self.shutdowns.is_empty());
        let is_due = self.schedule.is_due(now_ms, observation, pressing);
        let Self { homes, pipeline, .. } = self;
        is_due || homes.has_newcomer(now_ms, |is_home| pipeline.sensor_mut().has_newcomer(is_home))
    }

    /// One tick: sense, gate, consult, decide, act.
    pub fn tick(&mut self, now: Now) {
        let stopwatch = Clock.stopwatch();
        let depth = self.schedule.depth(!self.shutdowns.is_empty());
        let in_flight = self.in_flight();
        self.pipeline.look(now, depth, &in_flight, &self.signals);
        let in_flight = self.assume_gone(in_flight);
        // The column of `oom_score_adj` gets the values from before ours.
        self.ledger.originals(self.pipeline.snapshot_mut());
        let decision = self.standing(now).unwrap_or_else(|| self.decide(in_flight));
        self.notify(&decision);
        self.name_victims(&decision);
        self.shut_down(&decision);
        let reports = self.ledger.reconcile(&decision.plan.holds, &mut self.actuator);
        log::held(&reports);
        self.homes.note(self.pipeline.snapshot(), self.ledger.held());
        self.reporter.decision(self.pipeline.snapshot(), &decision);
        self.reporter.unexplained(self.pipeline.snapshot(), || self.pipeline.sensor().holders());
        self.has_learned |= self.pipeline.learn_usual(now);
        self.schedule.has_ticked(now.boot_ms);
        self.ticks += 1;
        self.tick_us.push(stopwatch.us());
        self.rehearsal.restore(self.pipeline.snapshot_mut());
        self.last = Some(decision);
        for &(id, adj) in self.ledger.seen() {
            self.pipeline.note_adj(id, adj);
        }
    }

    fn decide(&mut self, in_flight: Vec<InFlight>) -> Decision {
        let decision = self.pipeline.decide(in_flight);
        let snapshot = self.pipeline.snapshot();
        let stands = snapshot.request.cause == Cause::Routine
            && decision.in_flight.is_empty()
            && decision.votes.iter().all(|vote| vote.answer.is_ok());
        self.stands_until_ms = if stands { snapshot.now_ms.saturating_add(STANDS_MS) } else { 0 };
        decision
    }

    /// The last decision, where all that has changed since is the time.
    fn standing(&mut self, now: Now) -> Option<Decision> {
        let stands = self.pipeline.is_still() && now.boot_ms < self.stands_until_ms;
        let last = self.last.take_if(|_| stands)?;
        Some(Decision { consulted: Vec::new(), consult_us: 0, decide_us: 0, ..last })
    }

    fn in_flight(&self) -> Vec<InFlight> {
        if self.is_dry { self.rehearsal.in_flight() } else { self.shutdowns.in_flight() }
    }

    /// A dry run decides as if its victims had gone.
    fn assume_gone(&mut self, in_flight: Vec<InFlight>) -> Vec<InFlight> {
        if !self.is_dry {
            return in_flight;
        }
        let thresholds = self.pipeline.settings().thresholds;
        if self.rehearsal.assume(self.pipeline.snapshot_mut(), &thresholds) {
            self.pipeline.gate(&self.signals);
        }
        self.rehearsal.in_flight()
    }

    /// Tells the configured hooks that memory is short, or that nothing is worth ending.
    fn notify(&mut self, decision: &Decision) {
        let now = Moment::of(self.pipeline.snapshot());
        let thresholds = &self.pipeline.settings().thresholds;
        let due = self.notifier.due(self.pipeline.snapshot(), thresholds, decision.plan.idle);
        for notification in due {
            notification.start(&mut self.tasks, now, self.is_dry);
        }
    }

    /// Takes over the plan's victims; a dry run logs them, and goes on as if they had gone.
    fn name_victims(&mut self, decision: &Decision) {
        let Decision { plan, ranking, .. } = decision;
        self.pipeline.note(plan);
        if !self.is_dry {
            return self.shutdowns.begin(plan, self.pipeline.snapshot());
        }
        let caps = self.shutdowns.caps();
        for past in self.rehearsal.advance(plan, self.pipeline.snapshot(), ranking, &caps) {
            self.remember(past);
        }
    }

    /// Takes in what helpers are done with, moves every victim under way up by what is due, and remembers
    /// those that are gone.
    fn shut_down(&mut self, decision: &Decision) {
        self.tasks.collect(Moment::of(self.pipeline.snapshot()));
        let ended = self.tasks.take_ended();
        let (snapshot, settings) = (self.pipeline.snapshot(), self.pipeline.settings());
        self.footprint.tick(snapshot, settings, &ended, &mut self.tasks, self.is_dry);
        let scene = Scene { snapshot, ranking: &decision.ranking, thresholds: &settings.thresholds };
        for gone in self.shutdowns.advance(scene, &ended, &mut self.actuator, &mut self.tasks) {
            let available_bytes = self.pipeline.probe().map_or(0, |memory| memory.available_bytes);
            let now_ms = self.pipeline.snapshot().now_ms;
            let past = gone.past(now_ms, available_bytes);
            if gone.is_refused {
                log::refused(&past);
                self.pipeline.refuse(gone.members(), gone.key().1);
            } else if past.is_unanswered {
                log::unanswered(&past);
                self.pipeline.give_up(gone.members());
            } else {
                log::gone(&past);
                // Of a session among hundreds that grow nothing can be seen.
                if gone.victim().service.is_none() {
                    self.pipeline.learn(gone.memcg(), gone.fell_bytes_per_s(), &past, now_ms);
                }
            }
            self.remember(past);
        }
    }

    /// From now on decisions carry what they were made from, for [`Ticker::take_made_from`].
    pub fn be_recorded(&mut self) {
        self.pipeline.be_recorded();
    }

    /// A scan without a tick: growth is known from the second scan on.
    pub fn scan(&mut self, now: Now) {
        self.pipeline.scan(now);
        self.pipeline.watch_limits();
    }

    /// Lets stopped processes go on and puts back every held value. Returns how many.
    ///
    /// A scan before finds the children that have inherited a value since the last tick, and one after it
    /// those that were forked meanwhile.
    pub fn finish(&mut self, now: Now) -> usize {
        self.shutdowns.resume(&mut self.actuator);
        let mut reports = Vec::new();
        for _ in 0..2 {
            self.pipeline.scan(now);
            self.ledger.originals(self.pipeline.snapshot_mut());
            reports.extend(self.ledger.restore_all(&mut self.actuator));
        }
        log::held(&reports);
        reports.len()
    }

    /// A helper is done with a task: what it has gained is measured now, not at the next tick.
    pub fn note_tasks(&mut self, now: Now) {
        let available_bytes = self.pipeline.probe().map_or(0, |memory| memory.available_bytes);
        self.tasks.collect(Moment { now_ms: now.boot_ms, available_bytes });
    }

    /// The same without a look at what there is now.
    pub(crate) fn restore(&mut self) -> usize {
        self.shutdowns.resume(&mut self.actuator);
        let reports = self.ledger.restore_all(&mut self.actuator);
        log::held(&reports);
        reports.len()
    }

    /// Leaves the victims under way to others: stopped ones go on, and nothing more is done to any.
    pub fn stand_back(&mut self) {
        self.shutdowns.resume(&mut self.actuator);
        self.shutdowns = Shutdowns::new(self.pipeline.settings());
    }

    /// Reads how much memory is left.
    pub fn probe(&mut self) -> Option<Memory> {
        self.pipeline.probe()
    }

    /// Changes the policies, between two ticks.
    pub fn policies_mut(&mut self) -> &mut P {
        self.stands_until_ms = 0;
        self.pipeline.policies_mut()
    }

    /// What acts, for a drill.
    pub fn actuator_mut(&mut self) -> &mut Actuator<K> {
        &mut self.actuator
    }

    /// Forgets what policies said that are no longer configured; their holds go with the next tick.
    pub fn keep_policies(&mut self, is_configured: impl Fn(&str) -> bool) {
        self.pipeline.keep_policies(is_configured);
    }
}

impl<S, P, K: Kernel> Ticker<S, P, K> {
    /// A PSI trigger has fired: the host's, or that of a memcg.
    pub fn note_psi(&mut self, memcg: Option<Arc<str>>, now_ms: u64) {
        let Some(memcg) = memcg else {
            self.signals.psi_fired_at_ms = Some(now_ms);
            return;
        };
        let fired = &mut self.signals.memcg_psi_fired_at_ms;
        fired.retain(|(other, _)| *other != memcg);
        fired.push((memcg, now_ms));
    }

    /// Enters what has ended into the history, and tells the hooks of `[notify]`.
    fn remember(&mut self, past: Past) {
        let now = Moment::of(self.pipeline.snapshot());
        for notification in self.notifier.ended(self.pipeline.snapshot(), &past) {
            notification.start(&mut self.tasks, now, self.is_dry);
        }
        self.history.push(past);
    }

    /// The kernel's OOM killer took a process.
    pub fn note_kernel_kill(&mut self, kill: KernelKill, now: Now) {
        if let Some(past) = kill.note(self.pipeline.snapshot(), now) {
            self.kernel_kills += 1;
            self.remember(past);
        }
    }

    /// The host was suspended for so long: no victim could answer meanwhile.
    pub fn has_slept(&mut self, ms: u64) {
        self.shutdowns.have_slept(ms);
    }

    /// What the last decision was made from, once. To be taken before the next tick, which else needs new
    /// memory for every column.
    pub fn take_made_from(&mut self) -> Option<MadeFrom> {
        self.last.as_mut()?.made_from.take().map(|made_from| *made_from)
    }

    /// Starts with the victims that daemons before us have ended, the latest last.
    pub fn set_history(&mut self, pasts: impl IntoIterator<Item = Past>) {
        pasts.into_iter().for_each(|past| self.history.remember(past));
    }

    /// The victims since there were `total`, as far as they are remembered; and how many there are now.
    pub fn history_since(&self, total: u64) -> (u64, impl Iterator<Item = &Past>) {
        self.history.since(total)
    }

    /// Starts with what a daemon before us has learned of the usual footprints of units.
    pub fn set_usual(&mut self, usual: Usual) {
        self.pipeline.set_usual(usual);
    }

    /// The usual footprints, if there is more to store than the last time.
    pub fn take_learned(&mut self) -> Option<&Usual> {
        std::mem::take(&mut self.has_learned).then(|| self.pipeline.usual())
    }
}
