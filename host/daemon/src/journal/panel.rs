//! The policies that recorded ticks are shown to again.

use std::path::Path;
use std::sync::Arc;

use jettison_model::{Fault, Snapshot, Vote};
use jettison_policy::{Policy, digest};
use jettison_record::{PolicySetup, Setup};

use super::setup::limits;
use crate::config::{Grants, PolicyConfig};
use crate::policies::Loader;

/// Policies, each loaded as a setup has it, or the reason why it cannot be asked.
pub(crate) struct Panel {
    pub(crate) seats: Vec<Seat>,
}

pub(crate) struct Seat {
    pub(crate) config: PolicyConfig,
    pub(crate) policy: Result<Policy, String>,
}

impl Panel {
    /// The policies of a setup: built-in ones and files, if they are still the same to the digest.
    pub(crate) fn of_setup(setup: &Setup, cache: Option<&Path>) -> Self {
        let loader = loader(setup, cache);
        let seats = setup.policies.iter().map(|recorded| {
            let config = as_recorded(recorded);
            let policy = same_module(&loader, &config, recorded)
                .and_then(|module| loader.load_read(&config, &module).map_err(|fault| fault.to_string()));
            Seat { config, policy }
        });
        Self { seats: seats.collect() }
    }

    /// These modules in place of them. Each has the configuration and the weight of the recorded policy of
    /// its name, if there is one.
    pub(crate) fn of_modules(modules: &[String], setup: &Setup, cache: Option<&Path>) -> Self {
        let loader = loader(setup, cache);
        let seats = modules.iter().map(|module| {
            let mut config = PolicyConfig::of_module(module);
            if let Some(recorded) = setup.policies.iter().find(|recorded| recorded.name == config.name) {
                config.config.clone_from(&recorded.config);
                config.weight = recorded.weight;
            }
            let policy = loader.load(&config).map_err(|fault| fault.to_string());
            Seat { config, policy }
        });
        Self { seats: seats.collect() }
    }

    /// The first that cannot be asked, and why.
    pub(crate) fn missing(&self) -> Option<String> {
        let missing = |seat: &Seat| {
            let why = seat.policy.as_ref().err()?;
            Some(format!("{}: {why}", seat.config.source))
        };
        self.seats.iter().find_map(missing)
    }

    /// Asks all of them.
    pub(crate) fn votes(&self, snapshot: &Snapshot) -> Vec<Vote> {
        self.seats.iter().map(|seat| seat.vote(snapshot)).collect()
    }
}

impl Seat {
    pub(crate) fn vote(&self, snapshot: &Snapshot) -> Vote {
        let answer = match &self.policy {
            Ok(policy) => policy.consult(snapshot).answer,
            Err(why) => Err(Fault::Missing { error: why.clone() }),
        };
        let PolicyConfig { name, weight, shadow, .. } = &self.config;
        Vote { policy: name.clone(), weight: *weight, shadow: *shadow, answer }
    }
}

/// Loads the policies of each setup once.
#[derive(Default)]
pub(crate) struct Panels(Vec<(Arc<Setup>, Panel)>);

impl Panels {
    pub(crate) fn of(&mut self, setup: &Arc<Setup>, make: impl FnOnce() -> Panel) -> &Panel {
        let is_same = |other: &Setup| {
            (&other.policies, &other.hooks, &other.limits) == (&setup.policies, &setup.hooks, &setup.limits)
        };
        let known = self.0.iter().position(|(other, _)| is_same(other));
        let at = known.unwrap_or_else(|| {
            self.0.push((Arc::clone(setup), make()));
            self.0.len() - 1
        });
        &self.0[at].1
    }
}

fn loader(setup: &Setup, cache: Option<&Path>) -> Loader {
    let loader = Loader::new(limits(&setup.limits), setup.hooks.clone(), false);
    match cache {
        Some(directory) => loader.with_cache(directory),
        None => loader,
    }
}

fn as_recorded(recorded: &PolicySetup) -> PolicyConfig {
    PolicyConfig {
        name: recorded.name.clone(),
        weight: recorded.weight,
        shadow: recorded.shadow,
        grants: recorded.grants.clone().map_or(Grants::All, Grants::Listed),
        config: recorded.config.clone(),
        ..PolicyConfig::of_module(&recorded.source)
    }
}

/// The module as it is now, if it is the one that was recorded.
fn same_module(loader: &Loader, config: &PolicyConfig, recorded: &PolicySetup) -> Result<Vec<u8>, String> {
    let Some(then) = &recorded.digest else { return Err("it could not be loaded then".into()) };
    let module = loader.module(&config.source).map_err(|fault| fault.to_string())?;
    let now = digest(&module);
    if now == *then {
        return Ok(module);
    }
    let [then, now] = [then, &now].map(|digest| digest.get(..12).unwrap_or(digest).to_owned());
    Err(format!("it is another module now ({now}, then {then})"))
}
