//! A reload, as the loop sees it: asked for, prepared elsewhere, swapped in between two ticks.

use std::path::{Path, PathBuf};

use jettison_policy::Limits;
use jettison_sense::PsiSpec;
use tokio::sync::oneshot::Sender;
use tracing::{info, warn};

use super::daemon::Daemon;
use crate::clock::Clock;
use crate::config::{Config, Mode};
use crate::control::{Answer, QuarantinedModule, ReloadStatus};
use crate::policies::Policies;
use crate::reload::{Job, Prepared, Prints, Refusal, Reloaded, Sources, Watcher};

/// What was decided at the start, and takes a restart to change.
pub(super) struct AtStart {
    pub(super) config_path: Option<PathBuf>,
    /// As configured; none if the command line overrode it.
    mode: Option<Mode>,
    scope: Option<Option<String>>,
    psi: Vec<PsiSpec>,
    limits: Limits,
}

impl AtStart {
    /// `config` as it was read; what the command line overrides does not matter there.
    pub(super) fn of(
        config: &Config,
        config_path: Option<&Path>,
        is_dry_by_hand: bool,
        is_scoped_by_hand: bool,
    ) -> Self {
        Self {
            config_path: config_path.map(Path::to_path_buf),
            mode: (!is_dry_by_hand).then_some(config.mode),
            scope: (!is_scoped_by_hand).then(|| config.scope.clone()),
            psi: config.psi.clone(),
            limits: config.limits,
        }
    }

    fn needs_restart(&self, config: &Config) -> Vec<String> {
        let changes = [
            ("act.mode", self.mode.is_some_and(|mode| mode != config.mode)),
            ("scope.memcg", self.scope.as_ref().is_some_and(|scope| *scope != config.scope)),
            ("trigger.psi", self.psi != config.psi),
            ("limits", self.limits != config.limits),
        ];
        changes.into_iter().filter(|(_, has_changed)| *has_changed).map(|(key, _)| key.to_owned()).collect()
    }
}

/// Reloads: the one underway, those who wait for it, and what came of the last.
pub(super) struct Reloading {
    pub(super) at_start: AtStart,
    pub(super) last: Option<ReloadStatus>,
    /// What misbehaved on trial, until a reload is good.
    pub(super) quarantined: Vec<QuarantinedModule>,
    watcher: Option<Watcher>,
    prints: Prints,
    /// When the one underway was begun.
    begun_at_ms: Option<u64>,
    /// Another is to follow.
    is_stale: bool,
    waiting: Vec<Sender<Answer>>,
    next_waiting: Vec<Sender<Answer>>,
}

impl Reloading {
    pub(super) fn new(at_start: AtStart, watcher: Option<Watcher>, policies: &Policies) -> Self {
        let mut reloading = Self {
            at_start,
            last: None,
            quarantined: Vec::new(),
            watcher,
            prints: Vec::new(),
            begun_at_ms: None,
            is_stale: false,
            waiting: Vec::new(),
            next_waiting: Vec::new(),
        };
        reloading.look(policies);
        reloading
    }

    /// Watches where our files are now. Returns whether one has changed since the last look.
    fn look(&mut self, policies: &Policies) -> bool {
        let sources = Sources::of(self.at_start.config_path.as_deref(), policies);
        if let Some(watcher) = &mut self.watcher {
            for problem in watcher.set(&sources) {
                warn!("{problem}: changes there are not seen; `jettison reload` reads them");
            }
        }
        let prints = sources.prints();
        let has_changed = prints != self.prints;
        self.prints = prints;
        has_changed
    }
}

impl Daemon {
    /// Something happened where our files are.
    pub(super) fn files_changed(&mut self) {
        if self.reloading.look(&self.core.pipeline.policies) {
            self.begin_reload(None);
        }
    }

    /// Prepares a reload, or another one after the one that is underway: that one may have read what is out of date.
    pub(super) fn begin_reload(&mut self, asked_by: Option<Sender<Answer>>) {
        if self.reloading.begun_at_ms.is_some() {
            self.reloading.is_stale = true;
            self.reloading.next_waiting.extend(asked_by);
            return;
        }
        self.reloading.waiting.extend(asked_by);
        self.reloading.begun_at_ms = Some(Clock.now().boot_ms);
        let config_path = self.reloading.at_start.config_path.clone();
        let job = Job::new(config_path, &self.core.pipeline.policies, self.core.pipeline.snapshot.clone());
        if let Err(error) = self.events.prepare(job) {
            self.end_reload(Err(Refusal::of(vec![format!("no thread can be started: {error}")])));
        }
    }

    /// Swaps in what was prepared, or says why nothing has changed.
    pub(super) fn end_reload(&mut self, prepared: Prepared) {
        let begun_at_ms = self.reloading.begun_at_ms.take().unwrap_or_default();
        let (problems, needs_restart) = match prepared {
            Ok(reloaded) => {
                self.reloading.quarantined.clear();
                (Vec::new(), self.swap(reloaded))
            }
            Err(Refusal { problems, quarantined }) => {
                for module in quarantined {
                    self.reloading.quarantined.retain(|other| other.digest != module.digest);
                    self.reloading.quarantined.push(module);
                }
                (problems, Vec::new())
            }
        };
        let took_ms = Clock.now().boot_ms.saturating_sub(begun_at_ms);
        let at = Clock.now().wall_ms;
        for problem in &problems {
            warn!(problem, "the reload is refused, and nothing has changed");
        }
        for what in &needs_restart {
            warn!(what, "has changed, which takes a restart");
        }
        if problems.is_empty() {
            info!(took_ms, "reloaded: everything is live");
        }
        let status = ReloadStatus { at, took_ms, problems, needs_restart };
        for asked in self.reloading.waiting.drain(..) {
            // One that has gone away does not need to know.
            asked.send(Answer::Reload(status.clone())).ok();
        }
        self.reloading.last = Some(status);
        self.reloading.waiting = std::mem::take(&mut self.reloading.next_waiting);
        let has_changed = self.reloading.look(&self.core.pipeline.policies);
        if std::mem::take(&mut self.reloading.is_stale) || has_changed {
            self.begin_reload(None);
        }
    }

    /// Returns what takes a restart.
    fn swap(&mut self, reloaded: Reloaded) -> Vec<String> {
        let Reloaded { config, policies, hooks } = reloaded;
        let needs_restart = self.reloading.at_start.needs_restart(&config);
        self.core.configure(&config);
        self.core.pipeline.policies.quarantine_faults = config.quarantine_faults;
        self.core.pipeline.policies.swap(policies, hooks, Clock.now().wall_ms);
        let loaded = &self.core.pipeline.policies.loaded;
        self.core.pipeline.state.keep_policies(|name| loaded.iter().any(|loaded| loaded.config.name == name));
        // The next tick is due now, so that what is held follows at once.
        self.core.look.hurry();
        needs_restart
    }
}
