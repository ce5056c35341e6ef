//! The daemon without its event loop: all that happens in a tick, on one screen.
//!
//! ```text
//! look ─▶ is one due? ─▶ tick: sense ─▶ gate, consult, decide ─▶ name victims ─▶ escalate ─▶ hold
//! ```
//!
//! It is told the time, and what it senses, asks and acts through is given to it: the loop in `run` gives it the live
//! machine, a simulation a scripted one.

mod facts;
mod kernel_kill;
pub(crate) mod log;
mod look;
mod notify;
mod shutdown;
mod underway;

use std::collections::{BTreeMap, VecDeque};

use jettison_act::{Actuator, Helpers, HoldReport, Kernel, Ledger};
use jettison_decide::escalate::Settings as EscalateSettings;
use jettison_decide::{Settings, Signals, gate};
use jettison_model::ProcessId;
use jettison_sense::Now;
use tracing::{error, info};

use crate::clock::Clock;
use crate::config::Config;
use crate::control::Past;
use crate::pipeline::{Consult, Decision, Pipeline, Sense};
use crate::policies::Samples;
pub(crate) use kernel_kill::KernelKill;
use look::Look;
use notify::Episode;
pub(crate) use underway::Underway;

/// Victims that `jettison history` knows.
const HISTORY_MAX: usize = 64;

/// What lasts from tick to tick.
pub(crate) struct Core<S, P, K: Kernel> {
    pub(crate) pipeline: Pipeline<S, P>,
    pub(crate) ledger: Ledger,
    pub(crate) actuator: Actuator<K>,
    pub(crate) helpers: Box<dyn Helpers>,
    /// How many they have been given.
    tasks: u64,
    episode: Episode,
    /// Hooks that are run when memory gets short.
    notify_warn: Vec<String>,
    pub(crate) is_dry: bool,
    pub(crate) underway: Vec<Underway>,
    pub(crate) look: Look,
    /// By the boot clock.
    pub(crate) psi_fired_at_ms: Option<u64>,
    /// The last decision, about the snapshot that the pipeline has.
    pub(crate) last: Option<Decision>,
    /// The last victims that are gone, the latest last.
    pub(crate) history: VecDeque<Past>,
    /// Whom the kernel's OOM killer took since the start.
    pub(crate) kernel_kills: u64,
    pub(crate) ticks: u64,
    /// What the last ticks took.
    pub(crate) tick_us: Samples,
    interval_ms: u64,
    escalate: EscalateSettings,
    /// Whom a dry run has named already, so that it says each once.
    dry_named: Vec<ProcessId>,
    last_faults: BTreeMap<String, &'static str>,
    last_idle: Option<&'static str>,
}

impl<S: Sense, P: Consult, K: Kernel> Core<S, P, K> {
    pub(crate) fn new(
        pipeline: Pipeline<S, P>,
        ledger: Ledger,
        actuator: Actuator<K>,
        helpers: Box<dyn Helpers>,
        config: &Config,
        is_dry: bool,
    ) -> Self {
        let mut core = Self {
            pipeline,
            ledger,
            actuator,
            helpers,
            tasks: 0,
            episode: Episode::default(),
            notify_warn: Vec::new(),
            is_dry,
            underway: Vec::new(),
            look: Look::default(),
            psi_fired_at_ms: None,
            last: None,
            history: VecDeque::new(),
            kernel_kills: 0,
            ticks: 0,
            tick_us: Samples::default(),
            interval_ms: 0,
            escalate: EscalateSettings { grace_ms: 0, grace_max_ms: 0, critical_grace_ms: 0 },
            dry_named: Vec::new(),
            last_faults: BTreeMap::new(),
            last_idle: None,
        };
        core.configure(config);
        core
    }

    /// Takes over the settings that may change while it runs.
    pub(crate) fn configure(&mut self, config: &Config) {
        let settings = &config.settings;
        self.escalate = EscalateSettings {
            grace_ms: settings.grace_ms,
            grace_max_ms: settings.grace_max_ms,
            critical_grace_ms: settings.critical_grace_ms,
        };
        self.interval_ms = config.interval_ms;
        self.notify_warn.clone_from(&config.notify_warn);
        self.helpers.set_hooks(config.hooks.clone());
        let own = &self.pipeline.settings;
        self.pipeline.settings =
            Settings { own_pid: own.own_pid, scope: own.scope.clone(), ..settings.clone() };
    }

    /// Sense, gate, consult, decide, act.
    pub(crate) fn tick(&mut self, now: Now) {
        let stopwatch = Clock.stopwatch();
        let signals = Signals { psi_fired_at_ms: self.psi_fired_at_ms, is_manual: false };
        // Whoever may have to go is looked at whole.
        let may_glance = self.look.is_calm() && self.underway.is_empty();
        if !(may_glance && self.pipeline.glance(now, signals)) {
            self.pipeline.sense(now);
        }
        self.watch_limits();
        self.ledger.originals(&mut self.pipeline.snapshot);
        self.pipeline.state.in_flight = self.underway.iter().map(Underway::in_flight).collect();
        let mut decision = self.pipeline.decide(signals);
        self.notify();
        self.name_victims(&mut decision);
        self.escalate(&decision);
        let reports = self.ledger.reconcile(&decision.plan.holds, &mut self.actuator);
        log::held(&reports);
        self.report(&decision);
        self.look.has_ticked(now.boot_ms);
        self.ticks += 1;
        self.tick_us.push(stopwatch.us());
        self.last = Some(decision);
    }

    /// A scan for its own sake: growth is known from the second one on.
    pub(crate) fn sense(&mut self, now: Now) {
        self.pipeline.sense(now);
        self.watch_limits();
    }

    fn watch_limits(&mut self) {
        let Pipeline { sensor, snapshot, settings, .. } = &mut self.pipeline;
        sensor.watch_limits(&snapshot.memcgs, |path| gate::is_watched(path, settings));
    }

    /// Lets whoever is stopped go on, and puts back whatever is held. A look before finds the children that have inherited since the last tick, and one
    /// after it those that were forked meanwhile.
    pub(crate) fn finish(&mut self, now: Now) -> Vec<HoldReport> {
        self.resume();
        let mut reports = Vec::new();
        for _ in 0..2 {
            self.pipeline.sense(now);
            self.ledger.originals(&mut self.pipeline.snapshot);
            reports.extend(self.ledger.restore_all(&mut self.actuator));
        }
        reports
    }

    /// Starts to shut down whom the plan names.
    fn name_victims(&mut self, decision: &mut Decision) {
        let snapshot = &self.pipeline.snapshot;
        if self.is_dry {
            let victims = &decision.plan.victims;
            for victim in victims.iter().filter(|victim| !self.dry_named.contains(&victim.root)) {
                log::victim(snapshot, victim, true);
            }
            self.dry_named = victims.iter().map(|victim| victim.root).collect();
            return;
        }
        self.pipeline.state.note(&decision.plan, snapshot.now_ms);
        for victim in std::mem::take(&mut decision.plan.victims) {
            log::victim(snapshot, &victim, false);
            self.underway.push(Underway::new(victim, &self.escalate, snapshot));
        }
    }

    /// Says what changed: faults that came or went, and why an armed tick names nobody.
    fn report(&mut self, decision: &Decision) {
        for (vote, consulted) in decision.votes.iter().zip(&decision.consulted) {
            for line in &consulted.log {
                info!(policy = %vote.policy, level = line.level, message = %line.message, "policy says");
            }
            let kind = vote.answer.as_ref().err().map(|fault| fault.kind());
            let before = match kind {
                Some(kind) => self.last_faults.insert(vote.policy.clone(), kind),
                None => self.last_faults.remove(&vote.policy),
            };
            match (&vote.answer, before) {
                (Err(fault), before) if before != kind => {
                    error!(policy = %vote.policy, fault = fault.kind(), is_builtin = decision.ranking.is_builtin, "policy {fault}");
                }
                (Ok(_), Some(_)) => info!(policy = %vote.policy, "policy is well again"),
                _ => {}
            }
        }
        let idle = decision.plan.idle;
        if let Some(reason) = idle.filter(|_| idle != self.last_idle) {
            info!(cause = self.pipeline.snapshot.request.cause.as_str(), reason, "nobody has to go");
        }
        self.last_idle = idle;
    }
}

fn remember(history: &mut VecDeque<Past>, past: Past) {
    if history.len() == HISTORY_MAX {
        history.pop_front();
    }
    history.push_back(past);
}
