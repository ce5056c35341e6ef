//! The loop, and the tick on one screen.

use std::collections::{BTreeMap, VecDeque};

use jettison_act::{Actuator, Ledger, LiveKernel};
use jettison_decide::escalate::Settings as EscalateSettings;
use jettison_decide::{Level, Settings, Signals, gate};
use jettison_model::{Order, ProcessId, Victim};
use jettison_sense::{Left, PsiTrigger};
use tracing::{error, info, warn};

use super::events::{Event, Events};
use super::log;
use super::pace::{Fill, next_look_ms};
use super::reloading::Reloading;
use super::victims::Underway;
use crate::config::{Config, Mode};
use crate::control::Past;
use crate::pipeline::{Decision, Pipeline};
use crate::policies::Samples;
use crate::units::bytes;

/// Between ticks below `warn`, so that growth is known in time.
const WARN_TICK_MS: u64 = 1_000;
/// Between looks at victims underway and at a scope that is not there.
const UNDERWAY_LOOK_MS: u64 = 50;
/// Pidfds awaited for each victim; the others are found gone by the next look.
const WATCHES_PER_VICTIM: usize = 16;

/// Victims that `jettison history` knows.
const HISTORY_MAX: usize = 64;

/// The daemon between two events.
pub(super) struct Daemon {
    pub(super) pipeline: Pipeline,
    pub(super) ledger: Ledger,
    pub(super) actuator: Actuator<LiveKernel>,
    pub(super) events: Events,
    pub(super) escalate: EscalateSettings,
    pub(super) is_dry: bool,
    pub(super) interval_ms: u64,
    pub(super) underway: Vec<Underway>,
    pub(super) psi_fired_at_ms: Option<u64>,
    pub(super) last_tick_ms: u64,
    pub(super) fill: Fill,
    pub(super) look_ms: u64,
    /// Whom a dry run has named already, so that it says each once.
    pub(super) dry_named: Vec<ProcessId>,
    pub(super) last_faults: BTreeMap<String, &'static str>,
    pub(super) last_idle: Option<&'static str>,
    pub(super) is_scope_missing: bool,
    /// Milliseconds since 1970.
    pub(super) started_at_ms: u64,
    pub(super) ticks: u64,
    /// How late the loop's timer came at worst: a stalled host, or something of ours that blocks.
    pub(super) late_ms_max: u64,
    /// What the last ticks took.
    pub(super) tick_us: Samples,
    pub(super) psi_triggers: usize,
    /// The last decision, about the snapshot that the pipeline has.
    pub(super) last: Option<Decision>,
    /// The last victims that are gone, the latest last.
    pub(super) history: VecDeque<Past>,
    pub(super) reloading: Reloading,
}

impl Daemon {
    pub(super) fn new(
        pipeline: Pipeline,
        ledger: Ledger,
        actuator: Actuator<LiveKernel>,
        events: Events,
        config: &Config,
        reloading: Reloading,
    ) -> Self {
        let mut psi_triggers = 0;
        for spec in &config.psi {
            let armed = PsiTrigger::arm(pipeline.sensor.root(), spec).map_err(|error| error.to_string()).and_then(|trigger| {
                if trigger.re_armed {
                    warn!(stall_us = trigger.stall_us, window_us = trigger.window_us, "the PSI trigger is coarser than configured: windows that are no multiple of 2 s need CAP_SYS_RESOURCE");
                }
                events.listen(&trigger).map_err(|error| error.to_string())
            });
            psi_triggers += usize::from(armed.is_ok());
            if let Err(error) = armed {
                warn!(error, "no PSI trigger; the levels of available memory still wake us");
            }
        }
        let started_at_ms = pipeline.clock.now().wall_ms;
        let mut daemon = Self {
            escalate: EscalateSettings { grace_ms: 0, grace_max_ms: 0, critical_grace_ms: 0 },
            pipeline,
            ledger,
            actuator,
            events,
            is_dry: config.mode == Mode::DryRun,
            interval_ms: 0,
            underway: Vec::new(),
            psi_fired_at_ms: None,
            last_tick_ms: 0,
            fill: Fill::default(),
            look_ms: 0,
            dry_named: Vec::new(),
            last_faults: BTreeMap::new(),
            last_idle: None,
            is_scope_missing: false,
            started_at_ms,
            ticks: 0,
            late_ms_max: 0,
            tick_us: Samples::default(),
            psi_triggers,
            last: None,
            history: VecDeque::new(),
            reloading,
        };
        daemon.configure(config);
        daemon
    }

    /// Takes over the settings that may change while it runs.
    pub(super) fn configure(&mut self, config: &Config) {
        let settings = &config.settings;
        self.escalate = EscalateSettings {
            grace_ms: settings.grace_ms,
            grace_max_ms: settings.grace_max_ms,
            critical_grace_ms: settings.critical_grace_ms,
        };
        self.interval_ms = config.interval_ms;
        self.pipeline.policies.quarantine_faults = config.quarantine_faults;
        let own = &self.pipeline.settings;
        self.pipeline.settings =
            Settings { own_pid: own.own_pid, scope: own.scope.clone(), ..settings.clone() };
    }

    /// Until somebody stops us. Whatever we held is put back.
    pub(super) async fn run(mut self) {
        self.announce();
        // Growth is known from the second scan on.
        self.sense();
        loop {
            let (asked_at_ms, wait_ms) = (self.now_ms(), self.wait_ms());
            let event = self.events.next(wait_ms).await;
            if matches!(event, Event::Timer) {
                let late_ms = self.now_ms().saturating_sub(asked_at_ms).saturating_sub(wait_ms);
                self.late_ms_max = self.late_ms_max.max(late_ms);
            }
            match event {
                Event::Stop => break,
                Event::Psi => self.psi_fired_at_ms = Some(self.now_ms()),
                Event::Files => self.files_changed(),
                Event::Hangup => self.begin_reload(None),
                Event::Reloaded(prepared) => self.end_reload(*prepared),
                Event::Asked(asked) => self.answer(asked),
                Event::Timer | Event::Exited => {}
            }
            if self.is_tick_due() {
                self.tick();
            }
        }
        // A last look finds the children that have inherited a held value since the last tick.
        self.pipeline.sense();
        self.ledger.originals(&mut self.pipeline.snapshot);
        let reports = self.ledger.restore_all(&mut self.actuator);
        log::held(&reports);
        info!(restored = reports.len(), "stopped");
    }

    /// Sense, gate, consult, decide, act.
    fn tick(&mut self) {
        let stopwatch = self.pipeline.clock.stopwatch();
        self.sense();
        self.ledger.originals(&mut self.pipeline.snapshot);
        self.pipeline.state.in_flight = self.underway.iter().map(Underway::in_flight).collect();
        let signals = Signals { psi_fired_at_ms: self.psi_fired_at_ms, is_manual: false };
        let mut decision = self.pipeline.decide(signals);
        self.name_victims(&mut decision);
        self.escalate(&decision);
        let reports = self.ledger.reconcile(&decision.plan.holds, &mut self.actuator);
        log::held(&reports);
        self.report(&decision);
        self.last_tick_ms = self.pipeline.snapshot.now_ms;
        self.ticks += 1;
        self.tick_us.push(stopwatch.us());
        self.last = Some(decision);
    }

    fn sense(&mut self) {
        self.pipeline.sense();
        let Pipeline { sensor, snapshot, settings, .. } = &mut self.pipeline;
        sensor.watch_limits(&snapshot.memcgs, |path| gate::is_watched(path, settings));
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.pipeline.clock.now().boot_ms
    }

    fn wait_ms(&self) -> u64 {
        if !self.underway.is_empty() {
            let now = self.now_ms();
            let deadline = self.underway.iter().filter_map(|unit| unit.escalation.next_deadline_ms()).min();
            return deadline.map_or(UNDERWAY_LOOK_MS, |at| at.saturating_sub(now).clamp(1, UNDERWAY_LOOK_MS));
        }
        let routine = (self.last_tick_ms + self.interval_ms).saturating_sub(self.now_ms());
        self.look_ms.min(routine)
    }

    /// A cheap look at the levels. Sets when to look next.
    fn is_tick_due(&mut self) -> bool {
        if !self.is_scope_there() {
            self.look_ms = WARN_TICK_MS;
            return false;
        }
        let now = self.now_ms();
        let since_tick = now.saturating_sub(self.last_tick_ms);
        let Some(memory) = self.pipeline.sensor.probe() else {
            self.look_ms = WARN_TICK_MS;
            return since_tick >= self.interval_ms;
        };
        let thresholds = self.pipeline.settings.thresholds;
        let fastest = self.fill.saw(now, memory.available_bytes);
        let headroom = |total: u64, available: u64| available.saturating_sub(thresholds.act.of(total));
        let mut nearest = headroom(memory.total_bytes, memory.available_bytes);
        let mut level = gate::level(memory.total_bytes, memory.available_bytes, &thresholds);
        let level_of = |left: Left| gate::level(left.limit_bytes, left.left_bytes, &thresholds);
        if let Some(left) = self.pipeline.sensor.nearest_limit(|left| level_of(left) > Level::Calm) {
            nearest = nearest.min(headroom(left.limit_bytes, left.left_bytes));
            level = level.max(level_of(left));
        }
        self.look_ms = next_look_ms(nearest, fastest);
        let psi = self.psi_fired_at_ms.is_some_and(|at| now.saturating_sub(at) <= gate::PSI_FRESH_MS);
        if !self.underway.is_empty() {
            return true;
        }
        let soon_ms = WARN_TICK_MS.min(self.interval_ms);
        match level {
            Level::Act | Level::Critical => true,
            Level::Warn => psi || since_tick >= soon_ms,
            Level::Calm if self.fill.is_soon_gone(nearest) => since_tick >= soon_ms,
            Level::Calm => since_tick >= self.interval_ms,
        }
    }

    fn is_scope_there(&mut self) -> bool {
        let is_there = self.pipeline.sensor.scope_exists();
        match (is_there, self.is_scope_missing) {
            (false, false) => warn!("the scope's memcg is gone: waiting for it to come back"),
            (true, true) => info!("the scope's memcg is back"),
            _ => {}
        }
        self.is_scope_missing = !is_there;
        is_there
    }

    /// Starts to shut down whom the plan names.
    fn name_victims(&mut self, decision: &mut Decision) {
        if self.is_dry {
            let victims = &decision.plan.victims;
            for victim in victims.iter().filter(|victim| !self.dry_named.contains(&victim.root)) {
                log::victim(&self.pipeline.snapshot, victim, true);
            }
            self.dry_named = victims.iter().map(|victim| victim.root).collect();
            return;
        }
        let now_ms = self.pipeline.snapshot.now_ms;
        self.pipeline.state.note(&decision.plan, now_ms);
        for victim in std::mem::take(&mut decision.plan.victims) {
            self.begin(victim);
        }
    }

    fn begin(&mut self, victim: Victim) {
        log::victim(&self.pipeline.snapshot, &victim, false);
        let mut unit = Underway::new(victim, &self.escalate, &self.pipeline.snapshot);
        for &member in unit.members.iter().take(WATCHES_PER_VICTIM) {
            if let Some(pidfd) = self.actuator.watch(member) {
                match self.events.watch(pidfd) {
                    Ok(watch) => unit.watches.push(watch),
                    Err(error) => {
                        warn!(pid = member.pid, %error, "its exit cannot be awaited; the next look finds it")
                    }
                }
            }
        }
        self.underway.push(unit);
    }

    /// Moves every victim underway up by what is due, and takes leave of those that are gone.
    fn escalate(&mut self, decision: &Decision) {
        let snapshot = &self.pipeline.snapshot;
        let is_critical = gate::is_critical(snapshot, &self.pipeline.settings.thresholds);
        let mut underway = std::mem::take(&mut self.underway);
        underway.retain_mut(|unit| {
            unit.rescan(snapshot, &decision.ranking);
            let alive = self.actuator.alive(&unit.members);
            for order in unit.escalation.advance(snapshot.now_ms, &alive, is_critical) {
                unit.was_killed |= matches!(order, Order::Kill { .. });
                let report = self.actuator.execute(&order);
                log::order(&order, report.outcome);
            }
            let is_over = unit.escalation.is_over();
            if is_over {
                let now_ms = self.pipeline.clock.now().boot_ms;
                let available = self.pipeline.sensor.probe().map_or(0, |memory| memory.available_bytes);
                let relief = available.saturating_sub(unit.available_before_bytes);
                let took_ms = now_ms.saturating_sub(unit.named_at_ms);
                log::gone(&unit.victim, took_ms, relief, unit.was_killed);
                if self.history.len() == HISTORY_MAX {
                    self.history.pop_front();
                }
                self.history.push_back(unit.past(took_ms, relief));
                unit.members.iter().for_each(|&member| self.actuator.forget(member));
            }
            !is_over
        });
        self.underway = underway;
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

    fn announce(&mut self) {
        let memory = self.pipeline.sensor.probe();
        info!(
            mode = if self.is_dry { "dry-run" } else { "enforce" },
            available = memory.map_or_else(|| "unknown".into(), |memory| bytes(memory.available_bytes)),
            total = memory.map_or_else(|| "unknown".into(), |memory| bytes(memory.total_bytes)),
            policies = self.pipeline.policies.loaded.len(),
            "jettison is watching"
        );
    }
}
