//! `jettison explain`: who would go first, and why. Changes nothing.

mod table;
mod wire;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use jettison_decide::{Settings, Signals};
use jettison_model::Snapshot;
use jettison_sense::{Root, Sensor};

use crate::cli;
use crate::clock::Clock;
use crate::config::{Config, PolicyConfig};
use crate::failure::Failure;
use crate::pipeline::{Decision, Pipeline};
use crate::policies::Policies;
use crate::snapshot;

/// Between the two scans, so that growth is known.
pub(crate) const BETWEEN_SCANS: Duration = Duration::from_secs(1);

pub(crate) use wire::ranked;

/// What is explained.
struct Explained {
    snapshot: Snapshot,
    policies: Policies,
    decision: Decision,
    sense_us: u64,
    sense_faults: u64,
}

pub(crate) fn explain(args: &cli::Explain) -> Result<(), Failure> {
    let config = Config::read(args.config.as_deref()).map_err(Failure::Config)?;
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
    match written {
        // Whoever reads us has read enough: `explain | head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => {
            written.map_err(|error| Failure::Failed(format!("standard output cannot be written: {error}")))
        }
    }
}

fn of_machine(args: &cli::Explain, config: Config) -> Result<Explained, Failure> {
    let root = args.root.as_ref().map_or_else(Root::live, |directory| Root::below(directory));
    let is_live = root.is_live();
    let scope = args.scope.clone().or(config.scope.clone());
    let sensor = Sensor::new(root, scope.as_deref()).map_err(|error| Failure::Usage(error.to_string()))?;
    let (policies, mut settings) = policies(args, config);
    // On another machine that number is somebody else's.
    settings.own_pid = if is_live { std::process::id() } else { 0 };
    settings.scope = scope;
    let mut pipeline = Pipeline::new(sensor, policies, settings);
    if is_live {
        pipeline.sense(Clock.now());
        Clock.wait(BETWEEN_SCANS);
    }
    let now = Clock.now_at(pipeline.sensor.root());
    let sense_us = pipeline.sense(now);
    let sense_faults = pipeline.sensor.faults_total();
    Ok(explained(pipeline, sense_us, sense_faults))
}

/// Nobody in the file is us, and what its scope was stands in its flags.
fn of_file(file: &Path, args: &cli::Explain, config: Config) -> Result<Explained, Failure> {
    let snapshot = snapshot::read(file).map_err(|bad| Failure::Usage(bad.to_string()))?;
    let (policies, settings) = policies(args, config);
    let mut pipeline = Pipeline::new((), policies, settings);
    pipeline.snapshot = snapshot;
    Ok(explained(pipeline, 0, 0))
}

fn policies(args: &cli::Explain, config: Config) -> (Policies, Settings) {
    let configs = match args.policy.as_slice() {
        [] => config.policies,
        modules => modules.iter().map(|module| PolicyConfig::of_module(module)).collect(),
    };
    let hooks: Vec<String> = config.hooks.into_keys().collect();
    let program = Root::live().proc.join("self/exe");
    (Policies::for_a_look(configs, config.limits, hooks, program), config.settings)
}

fn explained<S>(mut pipeline: Pipeline<S>, sense_us: u64, sense_faults: u64) -> Explained {
    let decision = pipeline.decide(Signals { is_manual: true, ..Signals::default() });
    let Pipeline { snapshot, policies, .. } = pipeline;
    Explained { snapshot, policies, decision, sense_us, sense_faults }
}
