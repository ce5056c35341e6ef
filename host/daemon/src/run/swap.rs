//! A reload in the loop: begun, prepared on another thread, swapped in between two ticks.

use jettison_decide::Settings;
use jettison_model::Cause;
use jettison_tick::clock::Clock;
use tokio::sync::oneshot::Sender;
use tracing::{info, warn};

use super::daemon::{Daemon, standing};
use super::reloading::AtStart;
use crate::config::Own;
use crate::control::{Answer, ReloadStatus};
use crate::reload::{Job, Prepared, Refusal, Reloaded};

impl Daemon<'_> {
    /// Something happened where our files are.
    pub(super) fn files_changed(&mut self) {
        if self.reloading.have_files_changed(self.ticker.pipeline().policies()) {
            self.begin_reload(None);
        }
    }

    /// Prepares a reload, or another one after the one that is underway: that one may have read what is out
    /// of date.
    pub(super) fn begin_reload(&mut self, asked_by: Option<Sender<Answer>>) {
        if self.reloading.begun_at_ms.is_some() {
            self.reloading.is_stale = true;
            self.reloading.next_waiting.extend(asked_by);
            return;
        }
        self.reloading.waiting.extend(asked_by);
        self.reloading.begun_at_ms = Some(Clock.now().boot_ms);
        self.manager.reloading();
        let config_path = self.reloading.at_start.config_path.clone();
        let pipeline = self.ticker.pipeline();
        let job = Job::new(config_path, pipeline.policies(), pipeline.snapshot().clone());
        if let Err(error) = self.events.prepare(job) {
            self.end_reload(Err(Refusal::of(vec![format!("no thread can be started: {error}")])));
        }
    }

    /// Fetches again what could not be fetched, once in a while: the network may have come up, or the
    /// registry. Not while memory is short.
    pub(super) fn fetch_what_is_missing(&mut self) {
        let (pipeline, now_ms) = (self.ticker.pipeline(), Clock.now().boot_ms);
        let is_calm = pipeline.snapshot().request.cause == Cause::Routine;
        let is_idle = self.reloading.begun_at_ms.is_none();
        if is_calm && is_idle && pipeline.policies().is_one_unfetched() && self.reloading.may_fetch(now_ms) {
            self.begin_reload(None);
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
        self.manager.ready(standing(&self.ticker), Clock.now().boot_ms);
        let took_ms = Clock.now().boot_ms.saturating_sub(begun_at_ms);
        let at = Clock.now().wall_ms;
        for problem in &problems {
            warn!(problem, "the reload is refused, and nothing has changed");
        }
        for what in &needs_restart {
            warn!(what, "has changed, which needs a restart");
        }
        // Of what is still missing the ticks and `status` say so.
        if problems.is_empty() && !self.ticker.pipeline().policies().is_one_unfetched() {
            info!(took_ms, "reloaded: everything is live");
        }
        let status = ReloadStatus { at, took_ms, problems, needs_restart };
        for asked in self.reloading.waiting.drain(..) {
            // Fails if the client has gone.
            asked.send(Answer::Reload(status.clone())).ok();
        }
        self.reloading.last = Some(status);
        self.reloading.waiting = std::mem::take(&mut self.reloading.next_waiting);
        let has_changed = self.reloading.have_files_changed(self.ticker.pipeline().policies());
        if std::mem::take(&mut self.reloading.is_stale) || has_changed {
            self.begin_reload(None);
        }
    }

    /// Returns the keys that have changed and need a restart.
    fn swap(&mut self, reloaded: Reloaded) -> Vec<String> {
        let Reloaded { config, policies, hooks } = reloaded;
        let AtStart { overrides, fixed, .. } = &self.reloading.at_start;
        let needs_restart = fixed.changes(&config.fixed.overridden(overrides));
        let settings = self.ticker.pipeline().settings();
        let Settings { own_pid: pid, own_uid: uid, signals_only_uid, .. } = *settings;
        let own = Own { pid, uid, signals_only_uid };
        let live = fixed.applied_to(config.live, own);
        if let Some(watchdog) = &self.watchdog {
            watchdog.configure(&live);
        }
        self.ticker.configure(live);
        let running = self.ticker.policies_mut();
        running.quarantine_faults = config.quarantine_faults;
        running.loader.fetcher.registries = config.registries;
        running.swap(policies, hooks, Clock.now().wall_ms);
        let names: Vec<String> = running.loaded.iter().map(|loaded| loaded.config.name.clone()).collect();
        self.ticker.keep_policies(|name| names.iter().any(|other| other == name));
        self.record_setup();
        needs_restart
    }
}
