//! What is counted of the loop, and written down.

use jettison_tick::clock::Clock;

use super::daemon::Daemon;
use crate::journal;
use crate::metrics::Now;

impl Daemon<'_> {
    /// What is decided with from now on.
    pub(super) fn record_setup(&mut self) {
        let pipeline = self.ticker.pipeline();
        let limits = self.reloading.at_start.fixed.limits;
        let at_ms = Clock.now().wall_ms;
        let (settings, policies) = (pipeline.settings(), pipeline.policies());
        let setup = journal::setup(settings, policies, limits, self.ticker.is_dry(), at_ms);
        self.recorder.setup(setup);
    }

    pub(super) fn record_tick(&mut self) {
        let made_from = self.ticker.take_made_from();
        let cause = self.ticker.pipeline().snapshot().request.cause;
        if let Some(decision) = self.ticker.last() {
            self.metrics.tick(cause, self.ticker.tick_us().last().unwrap_or(0), decision);
            self.recorder.tick(decision, made_from);
        }
    }

    pub(super) fn record_ends(&mut self) {
        let (total, new) = self.ticker.history_since(self.recorder.pasts_total());
        let new: Vec<_> = new.collect();
        new.iter().for_each(|past| self.metrics.ended(past));
        self.recorder.ended(total, new.into_iter());
    }

    /// Has the textfile written if it is time.
    pub(super) fn write_metrics(&mut self) {
        let Some(mut textfile) = self.textfile.take() else { return };
        textfile.write_if_due(Clock.now().boot_ms, || self.metrics_text());
        self.textfile = Some(textfile);
    }

    pub(super) fn metrics_text(&self) -> String {
        let pipeline = self.ticker.pipeline();
        let host = &pipeline.snapshot().host;
        let quarantined =
            pipeline.policies().loaded.iter().filter(|loaded| loaded.quarantine.is_some()).count();
        self.metrics.text(&Now {
            host,
            levels: pipeline.settings().thresholds.of(host.memory_total_bytes),
            held: self.ticker.held().count(),
            underway: self.ticker.underway().len(),
            quarantined,
            kernel_kills: self.ticker.kernel_kills(),
            log_lines_lost: self.log.lines_lost(),
            journal: self.recorder.counts(),
        })
    }
}
