//! What the loop remembers of reloads.

use std::path::PathBuf;

use tokio::sync::oneshot::Sender;
use tracing::warn;

use crate::config::{Fixed, Overrides};
use crate::control::{Answer, QuarantinedModule, ReloadStatus};
use crate::policies::Policies;
use crate::reload::{Prints, Sources, Watcher};

/// Registries are asked again so often for what is missing.
const FETCH_EVERY_MS: u64 = 60_000;

/// What the daemon was started with.
pub(super) struct AtStart {
    pub(super) config_path: Option<PathBuf>,
    pub(super) overrides: Overrides,
    /// As configured, with the overrides.
    pub(super) fixed: Fixed,
}

/// The reload under way, the clients that wait for it, and the result of the last one.
pub(super) struct Reloading {
    pub(super) at_start: AtStart,
    pub(super) last: Option<ReloadStatus>,
    /// What misbehaved on trial, until a reload is good.
    pub(super) quarantined: Vec<QuarantinedModule>,
    watcher: Option<Watcher>,
    prints: Prints,
    /// When the one under way was begun.
    pub(super) begun_at_ms: Option<u64>,
    /// When one was last begun to fetch what is missing.
    fetched_at_ms: Option<u64>,
    /// Another follows: files have changed since it was begun.
    pub(super) is_stale: bool,
    pub(super) waiting: Vec<Sender<Answer>>,
    pub(super) next_waiting: Vec<Sender<Answer>>,
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
            fetched_at_ms: None,
            is_stale: false,
            waiting: Vec::new(),
            next_waiting: Vec::new(),
        };
        reloading.have_files_changed(policies);
        reloading
    }

    /// Whether it is time to ask registries again for what is missing.
    pub(super) fn may_fetch(&mut self, now_ms: u64) -> bool {
        let is_due = self.fetched_at_ms.is_none_or(|at| now_ms.saturating_sub(at) >= FETCH_EVERY_MS);
        if is_due {
            self.fetched_at_ms = Some(now_ms);
        }
        is_due
    }

    /// Watches where our files are now. Returns whether one has changed since the last call.
    pub(super) fn have_files_changed(&mut self, policies: &Policies) -> bool {
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
