//! Changing policies and settings on a running daemon, in two phases.
//!
//! ```text
//! watch ─▶ Sources changed? ─▶ Job (a thread: read, compile in a child, trial) ─▶ Reloaded ─▶ swap
//!                                                  └─▶ problems: nothing changes
//! ```

mod sources;
mod watch;

use std::fmt::Display;
use std::path::PathBuf;

use jettison_model::{Fault, Snapshot};
use jettison_policy::{Policy, digest};
use tracing::{info, warn};

use crate::config::{Config, Grants, PolicyConfig, Problem, Source};
use crate::control::QuarantinedModule;
use crate::policies::{Loaded, Loader, Policies, Seen};
use crate::trust::is_root;

pub(crate) use sources::{Prints, Sources};
pub(crate) use watch::Watcher;

/// What is known of a policy that runs now.
struct Running {
    config: PolicyConfig,
    digest: Option<String>,
    /// Of one that is good.
    seen: Option<Seen>,
}

impl Running {
    fn of(loaded: &Loaded) -> Self {
        let policy = loaded.policy.as_ref().ok();
        Self {
            config: loaded.config.clone(),
            digest: policy.map(|policy| policy.digest().to_owned()),
            seen: policy.map(Seen::of),
        }
    }

    /// Whether it would be loaded from the same file with the same settings.
    fn is_same(&self, other: &PolicyConfig) -> bool {
        let PolicyConfig { source, grants, config, .. } = &self.config;
        (source, grants, config) == (&other.source, &other.grants, &other.config)
    }

    fn is_good(&self) -> bool {
        self.seen.is_some()
    }
}

/// A reload that is being prepared, beside the ticks.
pub(crate) struct Job {
    config_path: Option<PathBuf>,
    loader: Loader,
    hooks_before: Vec<String>,
    running: Vec<Running>,
    live: Snapshot,
}

/// One policy of the new set.
pub(crate) enum Next {
    /// The one of this name that runs already, with what may have changed of its configuration.
    Keep(PolicyConfig),
    /// One that has passed its trial.
    New(PolicyConfig, Box<Policy>),
    /// The one of this name that could not be loaded, and still cannot.
    Still(PolicyConfig, Fault),
}

/// What can be swapped in, or why nothing is.
pub(crate) type Prepared = Result<Reloaded, Refusal>;

/// Why nothing is swapped in.
#[derive(Default)]
pub(crate) struct Refusal {
    /// Everything that is wrong.
    pub(crate) problems: Vec<String>,
    /// Modules that misbehaved on trial.
    pub(crate) quarantined: Vec<QuarantinedModule>,
}

impl Refusal {
    pub(crate) fn of(problems: Vec<String>) -> Self {
        Self { problems, quarantined: Vec::new() }
    }
}

/// What is swapped in.
pub(crate) struct Reloaded {
    pub(crate) config: Config,
    pub(crate) policies: Vec<Next>,
    pub(crate) hooks: Vec<String>,
}

impl Job {
    /// `live` is the last snapshot, for the trial.
    pub(crate) fn new(config_path: Option<PathBuf>, policies: &Policies, live: Snapshot) -> Self {
        Self {
            config_path,
            loader: policies.loader.clone(),
            hooks_before: policies.loader.hooks.clone(),
            running: policies.loaded.iter().map(Running::of).collect(),
            live,
        }
    }

    /// Prepares everything, or says everything that is wrong. A policy that was faulted before and has not
    /// changed for the better is no reason to refuse the rest.
    pub(crate) fn run(mut self) -> Prepared {
        let told = |problems: Vec<Problem>| Refusal::of(problems.iter().map(ToString::to_string).collect());
        let mut config = Config::read(self.config_path.as_deref(), is_root()).map_err(told)?;
        config.warn();
        let hooks: Vec<String> = config.live.hooks.keys().cloned().collect();
        self.loader.hooks.clone_from(&hooks);
        self.loader.fetcher.registries.clone_from(&config.registries);
        let mut refusal = Refusal::default();
        let mut policies = Vec::new();
        for policy in std::mem::take(&mut config.policies) {
            match self.next(policy, &mut refusal.quarantined) {
                Ok(next) => policies.push(next),
                Err(problem) => refusal.problems.push(problem),
            }
        }
        if refusal.problems.is_empty() { Ok(Reloaded { config, policies, hooks }) } else { Err(refusal) }
    }

    fn next(&self, config: PolicyConfig, quarantined: &mut Vec<QuarantinedModule>) -> Result<Next, String> {
        let running = self.running.iter().find(|running| running.config.name == config.name);
        let is_same = |running: &Running| self.loader.hooks == self.hooks_before && running.is_same(&config);
        let same = running.filter(|running| is_same(running));
        let failed = |why: &dyn Display| format!("policy {}: {}: {why}", config.name, config.source);
        // What a digest names is what runs already.
        if same.is_some_and(Running::is_good) && matches!(config.source, Source::Registry(_)) {
            return Ok(Next::Keep(config));
        }
        let was_faulted = same.is_some_and(|running| !running.is_good());
        let module = match self.loader.module(&config.source) {
            Ok(module) => module,
            Err(fault) if was_faulted => return Ok(Next::Still(config, fault)),
            Err(fault) => return Err(failed(&fault)),
        };
        if same.is_some_and(|running| running.digest.as_ref() == Some(&digest(&module))) {
            return Ok(Next::Keep(config));
        }
        match self.loader.load_on_trial(&config, &module, &self.live) {
            Ok(policy) => Ok(Next::New(config, Box::new(policy))),
            Err(fault) if was_faulted => Ok(Next::Still(config, fault)),
            Err(fault) => {
                if has_misbehaved(&fault) {
                    let (policy, digest) = (config.name.clone(), digest(&module));
                    quarantined.push(QuarantinedModule { policy, digest, why: fault.to_string() });
                }
                match running.and_then(|running| self.newly(running, &config, &module, &fault)) {
                    Some(why) => Err(failed(&why)),
                    None => Err(failed(&fault)),
                }
            }
        }
    }

    /// What a module wants to see that the one that runs does not, if that is what it is refused for.
    fn newly(&self, running: &Running, next: &PolicyConfig, module: &[u8], fault: &Fault) -> Option<String> {
        let (Fault::NotGranted { .. }, Grants::Listed(granted)) = (fault, &next.grants) else { return None };
        let wanted = self.loader.imports(module).ok()?;
        running.seen.as_ref()?.refusal(&wanted, granted)
    }
}

/// Whether it was let run and did what it should not, rather than being no policy at all.
fn has_misbehaved(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Trap { .. }
            | Fault::OutOfFuel { .. }
            | Fault::OutOfTime { .. }
            | Fault::OutOfMemory { .. }
            | Fault::BadBallot { .. }
    )
}

impl Policies {
    /// Swaps the new set in. A policy that stays keeps its statistics and its quarantine.
    pub(crate) fn swap(&mut self, next: Vec<Next>, hooks: Vec<String>, now_ms: u64) {
        let mut before = std::mem::take(&mut self.loaded);
        let mut kept = |config: &PolicyConfig| {
            let at = before.iter().position(|loaded| loaded.config.name == config.name)?;
            Some(before.swap_remove(at))
        };
        self.loaded = next
            .into_iter()
            .filter_map(|next| match next {
                Next::Keep(config) => kept(&config).map(|loaded| Loaded { config, ..loaded }),
                Next::New(config, policy) => {
                    let before = kept(&config);
                    let before = before.as_ref().and_then(|loaded| loaded.policy.as_ref().ok());
                    tell_news(&config.name, before, &policy);
                    Some(Loaded::new(config, Ok(*policy), now_ms))
                }
                Next::Still(config, fault) => kept(&config).map(|loaded| {
                    if loaded.policy.as_ref().err() != Some(&fault) {
                        warn!(policy = config.name, %fault, "cannot be loaded still");
                    }
                    Loaded { config, policy: Err(fault), ..loaded }
                }),
            })
            .collect();
        self.loader.hooks = hooks;
    }
}

/// Says what one that takes another's place sees that the other did not.
fn tell_news(name: &str, before: Option<&Policy>, now: &Policy) {
    let Some(before) = before else { return };
    let seen = Seen::of(before);
    let newly = seen.newly(now.imports());
    if !newly.is_empty() {
        let (sees, version) = (newly.join(", "), now.version());
        info!(policy = name, version, sees, "sees more than the one whose place it takes");
    }
}
