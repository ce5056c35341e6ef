//! Everything that must hold before the first tick.

use std::fs::File;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use jettison_act::{Actuator, Ledger, LiveHelpers, LiveKernel, ManagerAddress, Places, Recovered, Stopped};
use jettison_sense::{Root, Sensor};
use jettison_tick::clock::Clock;
use jettison_tick::{Live, Ticker};
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use tracing::{info, warn};

use super::daemon::Daemon;
use super::events::{Events, block_on};
use super::kept::Kept;
use super::log::Log;
use super::protect::{protect_ourselves, raise_limit_of_files};
use super::reloading::{AtStart, Reloading};
use super::watchdog::Watchdog;
use crate::cli;
use crate::config::{Config, Evidence, Fixed, Mode, Overrides, Own};
use crate::control;
use crate::failure::Failure;
use crate::journal::Recorder;
use crate::policies::{Loader, Policies};
use crate::reload::Watcher;
use crate::trust::is_root;

pub(crate) fn run(args: &cli::Run) -> Result<(), Failure> {
    let log = Log::start(args)?;
    let mut config = Config::read(args.config.as_deref(), is_root()).map_err(Failure::Config)?;
    config.warn();
    let overrides = Overrides { is_dry: args.dry_run, scope: args.scope.clone() };
    let fixed = config.fixed.clone().overridden(&overrides);
    let is_dry = fixed.mode == Mode::DryRun;
    let _lock = lock(&args.state_dir)?;
    let keep_dir = keep_dir(args);
    raise_limit_of_files();
    let root = Root::live();
    let own = Own::live(&root);
    let mut sensor = Sensor::new(root.clone(), fixed.scope.as_deref())
        .map_err(|error| Failure::Usage(error.to_string()))?;
    #[cfg(feature = "bpf")]
    use_bpf(&mut sensor);
    let memcgs = sensor.hierarchy().map(|hierarchy| hierarchy.mount.clone());
    let mut kernel = LiveKernel::new(root.proc.clone()).with_memcgs(memcgs.clone());
    let places = Places {
        proc: root.proc.clone(),
        managers: managers(&root),
        memcgs,
        prekill_hooks: root.prekill_hooks(),
    };
    let ledger = ledger(&args.state_dir, is_dry, &mut kernel);
    let [stopped, stopped_by_watchdog] = ["stopped", "stopped-by-watchdog"]
        .map(|name| stopped(&args.state_dir.join(name), is_dry, &mut kernel));
    let policies = policies(&mut config, &fixed, keep_dir);
    if !is_dry {
        protect_ourselves(&root.proc);
    }
    let live = fixed.applied_to(config.live, own);
    let watchdog = watchdog(root.clone(), &fixed, &live, stopped_by_watchdog);
    let recorder = recorder(&fixed.evidence, keep_dir);
    let actuator = Actuator::new(kernel, own.pid, is_dry).with_stopped(stopped);
    block_on(async {
        let events =
            Events::new().map_err(|error| Failure::Failed(format!("signals cannot be awaited: {error}")))?;
        let socket = control::socket(&args.state_dir);
        events.serve(&args.state_dir).map_err(|error| {
            Failure::Failed(format!("{}: the control socket cannot be made: {error}", socket.display()))
        })?;
        let helpers = LiveHelpers::new(places)
            .map_err(|error| Failure::Failed(format!("hooks cannot be awaited: {error}")))?;
        let at_start = AtStart { config_path: args.config.clone(), overrides, fixed };
        let reloading = Reloading::new(at_start, watcher(&events), &policies);
        let kept = Kept::new(keep_dir, &args.state_dir, Clock.now().boot_ms);
        kept.remind(&mut sensor, Clock.now().boot_ms);
        let mut ticker = Ticker::new(sensor, policies, ledger, actuator, Box::new(helpers), live, is_dry);
        ticker.set_usual(kept.read_usual());
        if recorder.is_on() {
            ticker.set_history(recorder.pasts());
            ticker.be_recorded();
        }
        let daemon = Daemon::new(ticker, events, reloading, kept, watchdog, recorder, &log);
        let ended = daemon.run().await;
        // If it cannot be removed, the next daemon removes it.
        std::fs::remove_file(&socket).ok();
        ended
    })
    .map_err(|error| Failure::Failed(format!("the event loop cannot be started: {error}")))?
}

/// Where it cannot be had, processes are read from their files, as in a build without it.
#[cfg(feature = "bpf")]
fn use_bpf(sensor: &mut Sensor) {
    match sensor.use_bpf(Clock.now()) {
        Ok(processes) => info!(processes, "a BPF iterator looks at all processes when memory is short"),
        Err(why) => warn!(why, "no BPF iterator: processes are read from their files"),
    }
}

fn policies(config: &mut Config, fixed: &Fixed, keep_dir: &Path) -> Policies {
    let hooks: Vec<String> = config.live.hooks.keys().cloned().collect();
    let loader = Loader::new(fixed.limits, hooks, true)
        .with_registries(config.registries.clone())
        .with_cache(&keep_dir.join("compiled"))
        .with_store(keep_dir);
    // No start waits for a network: what is missing is fetched by a reload.
    let mut policies = Policies::load(std::mem::take(&mut config.policies), loader.clone().offline());
    policies.loader = loader;
    if let Some(problem) = policies.loader.cache_problem() {
        warn!(problem, "compiled policies are not kept: a restart compiles them again");
    }
    policies.quarantine_faults = config.quarantine_faults;
    policies
}

/// What acts while the loop hangs. In a dry run nothing does.
fn watchdog(root: Root, fixed: &Fixed, live: &Live, stopped: Stopped) -> Option<Watchdog> {
    let started = (fixed.mode == Mode::Enforce)
        .then(|| Watchdog::start(root, fixed.scope.as_deref(), live, stopped))?;
    started.map_err(|error| warn!(%error, "there is no watchdog: nothing acts while the loop hangs")).ok()
}

/// Begins the journal, and remembers what daemons before us have recorded.
fn recorder(evidence: &Evidence, keep_dir: &Path) -> Recorder {
    let directory = evidence.journal_directory.clone().unwrap_or_else(|| keep_dir.join("journal"));
    Recorder::start(directory, evidence.journal_max_mib)
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
    make_ours(state_dir).map_err(|why| failed(why.0, &why.1))?;
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

/// Where what should outlive a boot is kept. One that cannot be used is no reason not to start.
fn keep_dir(args: &cli::Run) -> &Path {
    let Some(given) = &args.keep_dir else { return &args.state_dir };
    match make_ours(given) {
        Ok(()) => given,
        Err((what, why)) => {
            let directory = given.display();
            warn!(%directory, why, "{what}: what should outlive a boot is kept in the state directory");
            &args.state_dir
        }
    }
}

/// Makes a directory, whatever the umask: what is in it is believed and written by root.
fn make_ours(directory: &Path) -> Result<(), (&'static str, String)> {
    let mut made = std::fs::DirBuilder::new();
    made.recursive(true).mode(0o755);
    made.create(directory).map_err(|error| ("cannot be made", error.to_string()))?;
    let found = std::fs::metadata(directory).map_err(|error| ("cannot be looked at", error.to_string()))?;
    why_not_ours(&found).map_or(Ok(()), |why| Err(("is not ours alone", why)))
}

/// Why a directory cannot be trusted: the journal of held values in it is believed, and files are written
/// through it.
fn why_not_ours(directory: &std::fs::Metadata) -> Option<String> {
    let (owner, mode) = (directory.uid(), directory.mode() & 0o7777);
    let us = rustix::process::geteuid().as_raw();
    if owner != us && owner != 0 {
        return Some(format!("it belongs to user {owner}, not to user {us} or root"));
    }
    (mode & 0o022 != 0).then(|| format!("its mode is {mode:04o}: its group or others may write to it"))
}

/// Puts back what a crashed daemon left behind, then starts a new record. A dry run leaves both alone.
fn ledger(state_dir: &Path, is_dry: bool, kernel: &mut LiveKernel) -> Ledger {
    if is_dry {
        return Ledger::in_memory();
    }
    let Recovered { ledger, restored, problem } = Ledger::recover(state_dir, kernel);
    if !restored.is_empty() {
        let processes = restored.len();
        info!(processes, "put back the oom_score_adj values that a daemon before us had left");
    }
    if let Some(problem) = problem {
        warn!(%problem, "what a daemon before us held is not known; values that it left behind stay");
    }
    ledger
}

/// Lets go on what a crashed daemon left stopped. A dry run leaves that alone.
fn stopped(path: &Path, is_dry: bool, kernel: &mut LiveKernel) -> Stopped {
    if is_dry {
        return Stopped::default();
    }
    match Stopped::recover(path, kernel) {
        Ok((stopped, 0)) => stopped,
        Ok((stopped, processes)) => {
            info!(processes, "let processes go on that a daemon before us had stopped");
            stopped
        }
        Err(error) => {
            let path = path.display();
            warn!(%path, %error, "what a daemon before us has stopped is not known, and stays so");
            Stopped::default()
        }
    }
}
