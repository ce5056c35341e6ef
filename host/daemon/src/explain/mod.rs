//! `jettison explain`: who would go first, and why. Changes nothing.

mod table;
mod wire;

use std::io::Write;
use std::time::Duration;

use jettison_decide::Signals;
use jettison_sense::{Root, Sensor};

use crate::cli;
use crate::clock::Clock;
use crate::config::{Config, PolicyConfig};
use crate::failure::Failure;
use crate::pipeline::Pipeline;
use crate::policies::Policies;

/// Between the two scans, so that growth is known.
const BETWEEN_SCANS: Duration = Duration::from_secs(1);

pub(crate) use wire::ranked;

pub(crate) fn explain(args: &cli::Explain) -> Result<(), Failure> {
    let config = Config::read(args.config.as_deref()).map_err(Failure::Config)?;
    let root = args.root.as_ref().map_or_else(Root::live, |directory| Root::below(directory));
    let is_live = root.is_live();
    let program = root.proc.join("self/exe");
    let scope = args.scope.clone().or(config.scope);
    let sensor = Sensor::new(root, scope.as_deref()).map_err(|error| Failure::Usage(error.to_string()))?;
    let configs = match args.policy.as_slice() {
        [] => config.policies,
        modules => modules.iter().map(|module| PolicyConfig::of_module(module)).collect(),
    };
    let program = if is_live { program } else { Root::live().proc.join("self/exe") };
    let hooks: Vec<String> = config.hooks.into_keys().collect();
    let policies = Policies::for_a_look(configs, config.limits, hooks, program);
    let mut settings = config.settings;
    settings.own_pid = std::process::id();
    settings.scope = scope;
    let mut pipeline = Pipeline::new(Clock, sensor, policies, settings);
    if is_live {
        pipeline.sense();
        Clock.wait(BETWEEN_SCANS);
    }
    let sense_us = pipeline.sense();
    let decision = pipeline.decide(Signals { is_manual: true, ..Signals::default() });
    let mut out = std::io::stdout().lock();
    let written = if args.json {
        serde_json::to_writer_pretty(&mut out, &wire::Explanation::of(&pipeline, &decision, sense_us))
            .map_err(std::io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        table::print(&mut out, &pipeline, &decision, sense_us, args.top)
    };
    match written {
        // Whoever reads us has read enough: `explain | head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => {
            written.map_err(|error| Failure::Failed(format!("standard output cannot be written: {error}")))
        }
    }
}
