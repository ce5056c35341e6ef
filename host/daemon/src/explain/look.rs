//! What is looked at: this machine, a folder or a file, and the policies that are asked about it.

use std::path::Path;

use jettison_decide::Settings;
use jettison_model::Snapshot;
use jettison_sense::{Root, Sensor};
use jettison_tick::clock::Clock;
use jettison_tick::{Live, Pipeline};

use crate::cli;
use crate::config::{Config, Overrides, Own, PolicyConfig};
use crate::failure::Failure;
use crate::policies::Policies;
use crate::snapshot::{self, BETWEEN_SCANS};
use crate::users::Users;

/// All that a decision is made from.
pub(super) struct Looked {
    pub(super) snapshot: Snapshot,
    pub(super) policies: Policies,
    pub(super) settings: Settings,
    pub(super) users: Users,
    pub(super) sense_us: u64,
    pub(super) sense_faults: u64,
}

impl Looked {
    pub(super) fn of(look: &cli::Look) -> Result<Self, Failure> {
        let config = Config::read(look.config.as_deref(), false).map_err(Failure::Config)?;
        match &look.snapshot {
            Some(file) => Self::of_file(file, look, config),
            None => Self::of_machine(look, config),
        }
    }

    fn of_machine(look: &cli::Look, config: Config) -> Result<Self, Failure> {
        let root = look.root.as_ref().map_or_else(Root::live, |directory| Root::below(directory));
        let is_live = root.is_live();
        let overrides = Overrides { scope: look.scope.clone(), ..Overrides::default() };
        let fixed = config.fixed.clone().overridden(&overrides);
        let sensor =
            Sensor::new(root, fixed.scope.as_deref()).map_err(|error| Failure::Usage(error.to_string()))?;
        let (policies, live) = policies(look, config)?;
        // On another machine another process has our pid, and another daemon other permissions.
        let own = if is_live { Own::live(sensor.root()) } else { Own::default() };
        let settings = fixed.applied_to(live, own).settings;
        let mut pipeline = Pipeline::new(sensor, policies, settings.clone());
        if is_live {
            pipeline.scan(Clock.now());
            Clock.wait(BETWEEN_SCANS);
        }
        let now = Clock.now_at(pipeline.sensor().root());
        let sense_us = pipeline.scan(now);
        let sense_faults = pipeline.sensor().faults_total();
        let users = if is_live { Users::here() } else { Users::Elsewhere };
        let (snapshot, policies) = pipeline.into_parts();
        Ok(Self { snapshot, policies, settings, users, sense_us, sense_faults })
    }

    /// No process in the file is this one, and the flags hold what its scope was.
    fn of_file(file: &Path, look: &cli::Look, config: Config) -> Result<Self, Failure> {
        let snapshot = snapshot::read(file).map_err(|bad| Failure::Usage(bad.to_string()))?;
        let (policies, Live { settings, .. }) = policies(look, config)?;
        Ok(Self { snapshot, policies, settings, users: Users::Elsewhere, sense_us: 0, sense_faults: 0 })
    }
}

/// Whether any of it was asked for.
pub(crate) fn is_given(look: &cli::Look) -> bool {
    let cli::Look { config, policy, policy_config, scope, root, snapshot, cache } = look;
    let is_path = [config, policy_config, root, snapshot, cache].iter().any(|path| path.is_some());
    is_path || scope.is_some() || !policy.is_empty()
}

fn policies(look: &cli::Look, config: Config) -> Result<(Policies, Live), Failure> {
    let configs = match look.policy.as_slice() {
        [] => config.policies,
        modules => PolicyConfig::of_modules(modules, &config.policies, look.policy_config.as_deref())
            .map_err(Failure::Config)?,
    };
    let hooks: Vec<String> = config.live.hooks.keys().cloned().collect();
    let cache = look.cache.as_deref();
    let (limits, registries) = (config.fixed.limits, config.registries);
    Ok((Policies::for_a_look(configs, limits, hooks, registries, cache, false), config.live))
}
