//! The configured policies: loaded, or the fault that kept them from it; and what they say when consulted.
//!
//! ```text
//! PolicyConfig ─▶ loader (read, trust, compile, load) ─▶ Loaded ─▶ consult ─▶ Vote
//!                                                          └─▶ stats, quarantine
//! ```

mod loader;
mod seen;
mod stats;

use std::path::Path;

use jettison_model::{Fault, Needs, Snapshot, Vote};
use jettison_policy::{Limits, Policy};
use jettison_tick::clock::Clock;
use jettison_tick::{Consult, Consulted, LogLine};

use crate::config::{PolicyConfig, Registries};

pub(crate) use loader::{Loader, canned};
#[cfg(feature = "tools")]
pub(crate) use loader::{compile_builtin, compile_module};
pub(crate) use seen::{Seen, grants};
pub(crate) use stats::Stats;

/// One configured policy.
pub(crate) struct Loaded {
    pub(crate) config: PolicyConfig,
    pub(crate) policy: Result<Policy, Fault>,
    pub(crate) stats: Stats,
    /// Milliseconds since 1970.
    pub(crate) loaded_at_ms: u64,
    /// The fault that every consultation answers with while it is in quarantine.
    pub(crate) quarantine: Option<Fault>,
    /// What was wrong with the last consultation.
    pub(crate) last_fault: Option<Fault>,
}

impl Loaded {
    pub(crate) fn new(config: PolicyConfig, policy: Result<Policy, Fault>, loaded_at_ms: u64) -> Self {
        Self { config, policy, stats: Stats::default(), loaded_at_ms, quarantine: None, last_fault: None }
    }

    /// Asks it, unless it is in quarantine.
    fn consult(&mut self, snapshot: &Snapshot, faults_max: u32) -> (Vote, Consulted) {
        let stopwatch = Clock.stopwatch();
        let (answer, fuel, log) = match (&self.policy, &self.quarantine) {
            (_, Some(fault)) | (Err(fault), None) => (Err(fault.clone()), 0, Vec::new()),
            (Ok(policy), None) => {
                let consultation = policy.consult(snapshot);
                let us = stopwatch.us();
                self.stats.note(consultation.fuel, us, consultation.answer.is_ok());
                (consultation.answer, consultation.fuel, consultation.log)
            }
        };
        if let Err(fault) = &answer
            && self.stats.faults_in_a_row >= faults_max
            && self.quarantine.is_none()
        {
            let (faults, last) = (self.stats.faults_in_a_row, fault.to_string());
            self.quarantine = Some(Fault::Quarantined { faults, last });
        }
        self.last_fault = answer.as_ref().err().cloned();
        let PolicyConfig { name, weight, shadow, .. } = &self.config;
        let vote = Vote { policy: name.clone(), weight: *weight, shadow: *shadow, answer };
        let line = |line: jettison_policy::LogLine| LogLine { level: line.level, message: line.message };
        let log = log.into_iter().map(line).collect();
        (vote, Consulted { fuel, us: stopwatch.us(), log })
    }
}

/// All configured policies, in the order of the configuration.
pub(crate) struct Policies {
    pub(crate) loader: Loader,
    pub(crate) loaded: Vec<Loaded>,
    /// So many faults in a row put a module into quarantine: it is not consulted again until it changes or is
    /// lifted.
    pub(crate) quarantine_faults: u32,
}

impl Policies {
    /// Loads each. A policy that cannot be loaded is a fault in every tick, never the end of the daemon.
    pub(crate) fn load(configs: Vec<PolicyConfig>, loader: Loader) -> Self {
        let load = |config: PolicyConfig| {
            let policy = loader.load(&config);
            Loaded::new(config, policy, Clock.now().wall_ms)
        };
        let loaded = configs.into_iter().map(load).collect();
        Self { loader, loaded, quarantine_faults: u32::MAX }
    }

    /// For commands that answer once. With `is_wary` they refuse what `run` would.
    pub(crate) fn for_a_look(
        configs: Vec<PolicyConfig>,
        limits: Limits,
        hooks: Vec<String>,
        registries: Registries,
        cache: Option<&Path>,
        is_wary: bool,
    ) -> Self {
        let loader = Loader::new(limits, hooks, is_wary).with_registries(registries);
        Self::load(
            configs,
            match cache {
                Some(directory) => loader.with_cache(directory),
                None => loader,
            },
        )
    }

    /// Whether one could not be fetched from its registry.
    pub(crate) fn is_one_unfetched(&self) -> bool {
        self.loaded.iter().any(|loaded| matches!(loaded.policy, Err(Fault::Fetch { .. })))
    }

    /// Lets those in quarantine be consulted again. Returns how many there were.
    pub(crate) fn lift_quarantine(&mut self) -> usize {
        let mut lifted = 0;
        for loaded in self.loaded.iter_mut().filter(|loaded| loaded.quarantine.is_some()) {
            loaded.quarantine = None;
            loaded.stats.faults_in_a_row = 0;
            lifted += 1;
        }
        lifted
    }
}

impl Consult for Policies {
    fn needs(&self) -> Needs {
        let policies = self.loaded.iter().filter_map(|loaded| loaded.policy.as_ref().ok());
        policies.fold(Needs::default(), |needs, policy| needs.or(policy.needs()))
    }

    /// Each in a fresh instance.
    fn consult(&mut self, snapshot: &Snapshot) -> (Vec<Vote>, Vec<Consulted>) {
        let faults_max = self.quarantine_faults;
        self.loaded.iter_mut().map(|loaded| loaded.consult(snapshot, faults_max)).unzip()
    }

    fn would_differ(&mut self, at: usize) {
        if let Some(loaded) = self.loaded.get_mut(at) {
            loaded.stats.would_differ += 1;
        }
    }
}
