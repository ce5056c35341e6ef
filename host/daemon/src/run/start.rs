//! Everything that must hold before the first tick.

use std::fs::File;
use std::path::Path;

use jettison_act::{Actuator, Ledger, LiveHelpers, LiveKernel, ManagerAddress, Recovered};
use jettison_sense::{Root, Sensor};
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use tracing::warn;

use super::daemon::Daemon;
use super::events::{Events, block_on};
use super::protect::{protect_ourselves, raise_limit_of_files};
use super::reloading::{AtStart, Reloading};
use crate::cli;
use crate::config::{Config, Mode};
use crate::control;
use crate::failure::Failure;
use crate::pipeline::Pipeline;
use crate::policies::{Loader, Policies};
use crate::reload::Watcher;
use crate::tick::{Core, log};

pub(crate) fn run(args: &cli::Run) -> Result<(), Failure> {
    log::start();
    let mut config = Config::read(args.config.as_deref()).map_err(Failure::Config)?;
    let at_start = AtStart::of(&config, args.config.as_deref(), args.dry_run, args.scope.is_some());
    if args.dry_run {
        config.mode = Mode::DryRun;
    }
    if args.scope.is_some() {
        config.scope.clone_from(&args.scope);
    }
    let _lock = lock(&args.state_dir)?;
    raise_limit_of_files();
    let root = Root::live();
    let program = root.proc.join("self/exe");
    let sensor = Sensor::new(root.clone(), config.scope.as_deref())
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let mut kernel = LiveKernel::new(root.proc.clone());
    if let Some(hierarchy) = sensor.hierarchy() {
        kernel = kernel.with_memcgs(hierarchy.mount.clone());
    }
    let ledger = ledger(&args.state_dir, config.mode, &mut kernel);
    let hooks: Vec<String> = config.hooks.keys().cloned().collect();
    let loader =
        Loader::new(program, config.limits, hooks, true).with_cache(&args.state_dir.join("compiled"));
    let mut policies = Policies::load(std::mem::take(&mut config.policies), loader);
    if let Some(problem) = policies.loader.cache_problem() {
        warn!(problem, "compiled policies are not kept: a restart compiles them again");
    }
    policies.quarantine_faults = config.quarantine_faults;
    config.settings.own_pid = std::process::id();
    config.settings.scope.clone_from(&config.scope);
    let pipeline = Pipeline::new(sensor, policies, config.settings.clone());
    if config.mode == Mode::Enforce {
        protect_ourselves(&root.proc);
    }
    let actuator = Actuator::new(kernel, config.settings.own_pid, config.mode == Mode::DryRun);
    block_on(async {
        let events =
            Events::new().map_err(|error| Failure::Failed(format!("signals cannot be awaited: {error}")))?;
        let socket = control::socket(&args.state_dir);
        events.serve(&args.state_dir).map_err(|error| {
            Failure::Failed(format!("{}: the control socket cannot be made: {error}", socket.display()))
        })?;
        let reloading = Reloading::new(at_start, watcher(&events), &pipeline.policies);
        let helpers = LiveHelpers::new(&root.proc, managers(&root))
            .map_err(|error| Failure::Failed(format!("hooks cannot be awaited: {error}")))?;
        let core =
            Core::new(pipeline, ledger, actuator, Box::new(helpers), &config, config.mode == Mode::DryRun);
        Daemon::new(core, events, &config, reloading).run().await;
        // Nobody is behind it any more; one that stays is removed by the next daemon.
        std::fs::remove_file(&socket).ok();
        Ok(())
    })
    .map_err(|error| Failure::Failed(format!("the event loop cannot be started: {error}")))?
}

/// Where units are stopped.
#[expect(clippy::disallowed_methods, reason = "the variable is how every client of a bus is told of it")]
fn managers(root: &Root) -> Vec<ManagerAddress> {
    let given = std::env::var("DBUS_SYSTEM_BUS_ADDRESS").ok();
    ManagerAddress::all(root.systemd_socket(), &root.system_bus_socket(), given)
}

/// What tells us of changed files. Without it `jettison reload` and SIGHUP still work.
fn watcher(events: &Events) -> Option<Watcher> {
    let watcher = Watcher::new().and_then(|watcher| events.watch_files(&watcher).map(|()| watcher));
    watcher.map_err(|error| warn!(%error, "files cannot be watched: use `jettison reload` or SIGHUP")).ok()
}

/// One daemon per state directory. The lock goes with the process, however that ends.
fn lock(state_dir: &Path) -> Result<File, Failure> {
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        Failure::Failed(format!("{}: {what}: {error}; name another with --state-dir", state_dir.display()))
    };
    std::fs::create_dir_all(state_dir).map_err(|error| failed("cannot be made", &error))?;
    let file =
        File::create(state_dir.join("lock")).map_err(|error| failed("the lock cannot be made", &error))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(Failure::Failed(format!(
            "{}: another daemon runs with this state directory: stop it, or name another with --state-dir",
            state_dir.display()
        ))),
        Err(error) => Err(failed("cannot be locked", &error)),
    }
}

/// Puts back what a crashed daemon left behind, then starts a new record. A dry run leaves both alone.
fn ledger(state_dir: &Path, mode: Mode, kernel: &mut LiveKernel) -> Ledger {
    if mode == Mode::DryRun {
        return Ledger::in_memory();
    }
    let Recovered { ledger, restored, problem } = Ledger::recover(state_dir, kernel);
    log::recovered(&restored);
    if let Some(problem) = problem {
        warn!(%problem, "what a daemon before us held is not known; values that it left behind stay");
    }
    ledger
}
