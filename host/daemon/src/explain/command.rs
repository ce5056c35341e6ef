//! The command.

use std::io::Write;
use std::path::Path;

use jettison_decide::Signals;
use jettison_sense::{Root, Sensor};
use jettison_tick::clock::Clock;
use jettison_tick::{Live, Pipeline};

use super::explained::{BETWEEN_SCANS, Explained};
use super::{table, wire};
use crate::cli;
use crate::config::{Config, Overrides, Own, PolicyConfig};
use crate::failure::{Failure, printed};
use crate::policies::Policies;
use crate::snapshot;
use crate::users::Users;

pub(crate) fn explain(args: &cli::Explain) -> Result<(), Failure> {
    let config = Config::read(args.config.as_deref(), false).map_err(Failure::Config)?;
    let explained = match &args.snapshot {
        Some(file) => of_file(file, args, config),
        None => of_machine(args, config),
    }?;
    let mut out = std::io::stdout().lock();
    let written = if args.json {
        serde_json::to_writer_pretty(&mut out, &wire::Explanation::of(&explained))
            .map_err(std::io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        table::print(&mut out, &explained, args.top)
    };
    printed(written)
}

fn of_machine(args: &cli::Explain, config: Config) -> Result<Explained, Failure> {
    let root = args.root.as_ref().map_or_else(Root::live, |directory| Root::below(directory));
    let is_live = root.is_live();
    let overrides = Overrides { scope: args.scope.clone(), ..Overrides::default() };
    let fixed = config.fixed.clone().overridden(&overrides);
    let sensor =
        Sensor::new(root, fixed.scope.as_deref()).map_err(|error| Failure::Usage(error.to_string()))?;
    let (policies, live) = policies(args, config)?;
    // On another machine another process has our pid, and another daemon other permissions.
    let own = if is_live { Own::live(sensor.root()) } else { Own::default() };
    let mut pipeline = Pipeline::new(sensor, policies, fixed.applied_to(live, own).settings);
    if is_live {
        pipeline.scan(Clock.now());
        Clock.wait(BETWEEN_SCANS);
    }
    let now = Clock.now_at(pipeline.sensor().root());
    let sense_us = pipeline.scan(now);
    let sense_faults = pipeline.sensor().faults_total();
    let users = if is_live { Users::here() } else { Users::Elsewhere };
    Ok(explained(pipeline, users, sense_us, sense_faults))
}

/// No process in the file is this one, and the flags hold what its scope was.
fn of_file(file: &Path, args: &cli::Explain, config: Config) -> Result<Explained, Failure> {
    let snapshot = snapshot::read(file).map_err(|bad| Failure::Usage(bad.to_string()))?;
    let (policies, live) = policies(args, config)?;
    let pipeline = Pipeline::new((), policies, live.settings).with_snapshot(snapshot);
    Ok(explained(pipeline, Users::Elsewhere, 0, 0))
}

fn policies(args: &cli::Explain, config: Config) -> Result<(Policies, Live), Failure> {
    let configs = match args.policy.as_slice() {
        [] => config.policies,
        modules => PolicyConfig::of_modules(modules, &config.policies, args.policy_config.as_deref())
            .map_err(Failure::Config)?,
    };
    let hooks: Vec<String> = config.live.hooks.keys().cloned().collect();
    let program = Root::live().proc.join("self/exe");
    let cache = args.cache.as_deref();
    Ok((Policies::for_a_look(configs, config.fixed.limits, hooks, program, cache, false), config.live))
}

fn explained<S>(
    mut pipeline: Pipeline<S, Policies>,
    users: Users,
    sense_us: u64,
    sense_faults: u64,
) -> Explained {
    pipeline.gate(&Signals { is_manual: true, ..Signals::default() });
    let decision = pipeline.decide(Vec::new());
    let passed = pipeline.passed(&decision).into_iter().collect();
    let (snapshot, policies) = pipeline.into_parts();
    Explained { snapshot, policies, users, decision, passed, sense_us, sense_faults }
}
