//! The event loop: waits for an event, and ticks when a tick is due.

use std::collections::BTreeMap;

use jettison_act::LiveKernel;
use jettison_model::text::Escaped;
use jettison_model::{Cause, ProcessId};
use jettison_sense::Sensor;
use jettison_tick::clock::Clock;
use jettison_tick::{Broken, Ticker};
use tracing::{error, info, warn};

use super::events::{Event, Events, Watch};
use super::kept::Kept;
use super::log::Log;
use super::manager::{Manager, Status};
use super::reloading::Reloading;
use super::settle::{FreeHeap, settle};
use super::triggers::Triggers;
use super::watchdog::Watchdog;
use crate::failure::Failure;
use crate::journal::Recorder;
use crate::layout::bytes;
use crate::metrics::{Metrics, Textfile};
use crate::policies::Policies;

/// Pidfds awaited for each victim. The exits of other members are found by the next tick.
const WATCHES_PER_VICTIM: usize = 16;

/// A tick takes at most so many times what a look at all processes does, consultations included.
const LOOKS_PER_TICK: u64 = 3;
/// Putting values back is no stall.
const FAREWELL_MS: u64 = 60_000;

pub(super) type LiveTicker = Ticker<Sensor, Policies, LiveKernel>;

/// The daemon between two events.
pub(super) struct Daemon<'l> {
    pub(super) ticker: LiveTicker,
    pub(super) events: Events,
    pub(super) reloading: Reloading,
    pub(super) manager: Manager,
    /// Milliseconds since 1970.
    pub(super) started_at_ms: u64,
    /// How late the loop's timer came at worst: the host stalled, or the loop was blocked.
    pub(super) late_ms_max: u64,
    /// Since boot, as far as victims have been given it.
    asleep_ms: u64,
    /// At the last tick.
    memcgs_left_out: usize,
    pub(super) triggers: Triggers,
    kept: Kept,
    free_heap: FreeHeap,
    /// Acts while the loop hangs. None in a dry run.
    pub(super) watchdog: Option<Watchdog>,
    /// What failed of the drill at the start.
    pub(super) drill_problem: Option<String>,
    pub(super) recorder: Recorder,
    pub(super) metrics: Metrics,
    pub(super) textfile: Option<Textfile>,
    pub(super) log: &'l Log,
    /// Members of victims whose exit wakes the loop.
    watches: BTreeMap<ProcessId, Watch>,
}

impl<'l> Daemon<'l> {
    pub(super) fn new(
        ticker: LiveTicker,
        events: Events,
        reloading: Reloading,
        kept: Kept,
        watchdog: Option<Watchdog>,
        recorder: Recorder,
        log: &'l Log,
    ) -> Self {
        let own_pid = ticker.pipeline().settings().own_pid;
        let triggers = Triggers::arm(
            ticker.pipeline().sensor().root(),
            &reloading.at_start.fixed.psi,
            ticker.task_ended(),
            &events,
        );
        let textfile = Textfile::of(reloading.at_start.fixed.evidence.metrics_textfile.clone());
        Self {
            ticker,
            events,
            reloading,
            manager: Manager::of_environment(own_pid),
            started_at_ms: Clock.now().wall_ms,
            late_ms_max: 0,
            asleep_ms: Clock.asleep_ms(),
            memcgs_left_out: 0,
            triggers,
            kept,
            free_heap: FreeHeap::default(),
            watchdog,
            drill_problem: None,
            recorder,
            metrics: Metrics::default(),
            textfile,
            log,
            watches: BTreeMap::new(),
        }
    }

    /// Runs until SIGTERM or SIGINT. Then every held value is put back.
    ///
    /// # Errors
    /// A tick that has panicked; the values are put back then, too.
    pub(super) async fn run(mut self) -> Result<(), Failure> {
        self.record_setup();
        self.ticker.scan(Clock.now());
        self.drill_problem = settle(&mut self.ticker);
        self.announce();
        self.watch_memcgs();
        self.manager.ready(standing(&self.ticker), Clock.now().boot_ms);
        self.fetch_what_is_missing();
        loop {
            let asked_at_ms = Clock.now().boot_ms;
            self.manager.beat(asked_at_ms);
            let wait_ms = self.ticker.wait_ms(asked_at_ms).min(self.manager.wait_ms(asked_at_ms));
            self.expect_within(wait_ms);
            let event = self.events.next(wait_ms).await;
            self.expect_within(0);
            let now_ms = Clock.now().boot_ms;
            let slept_ms = self.slept_ms();
            self.ticker.has_slept(slept_ms);
            match event {
                Event::Stop => break,
                Event::Psi(memcg) => self.ticker.note_psi(memcg, now_ms),
                Event::Files => self.files_changed(),
                Event::Hangup => self.begin_reload(None),
                Event::Reloaded(prepared) => self.end_reload(*prepared),
                Event::Asked(asked) => self.answer(asked),
                Event::Timer => {
                    let late_ms =
                        now_ms.saturating_sub(asked_at_ms).saturating_sub(wait_ms).saturating_sub(slept_ms);
                    self.late_ms_max = self.late_ms_max.max(late_ms);
                }
                Event::KernelKill(kill) => self.ticker.note_kernel_kill(kill, Clock.now()),
                Event::TaskEnded => self.ticker.note_tasks(Clock.now()),
                Event::Memcg | Event::Exited => {}
            }
            if self.ticker.is_tick_due(Clock.now().boot_ms) {
                // A tick among ten thousand processes is slow, and no hang: the built-in ranking, which takes
                // the largest, must not get in before the policies.
                self.expect_within(self.ticker.pipeline().whole_look_ms().saturating_mul(LOOKS_PER_TICK));
                self.ticker.tick_or_finish(Clock.now()).map_err(|broken| broke(&broken))?;
                self.record_tick();
                self.watch_victims();
                self.watch_memcgs();
                self.keep_house(Clock.now().boot_ms);
            }
            self.fetch_what_is_missing();
            self.record_ends();
            self.write_metrics();
            self.tell_manager();
        }
        self.expect_within(FAREWELL_MS);
        self.manager.stopping();
        self.store_usual(Clock.now().boot_ms);
        self.store_ease(Clock.now().boot_ms);
        let restored = self.ticker.finish(Clock.now());
        info!(restored, "stopped");
        Ok(())
    }

    /// The loop will be heard of again within this time.
    fn expect_within(&self, ms: u64) {
        if let Some(watchdog) = &self.watchdog {
            watchdog.expect_within(ms);
        }
    }

    /// How long the host was suspended since the last call.
    fn slept_ms(&mut self) -> u64 {
        let before_ms = self.asleep_ms;
        self.asleep_ms = Clock.asleep_ms().max(before_ms);
        self.asleep_ms - before_ms
    }

    fn tell_manager(&mut self) {
        let (ticker, now_ms) = (&self.ticker, Clock.now().boot_ms);
        self.manager.tell(|| standing(ticker), now_ms);
    }

    /// Writes to disk, and gives memory back, only where memory is not short.
    fn keep_house(&mut self, now_ms: u64) {
        let pipeline = self.ticker.pipeline();
        if pipeline.snapshot().request.cause != Cause::Routine {
            self.free_heap.may_be_used();
            return;
        }
        let is_at_ease = pipeline.sensor().is_at_ease();
        if self.kept.usual.is_due(now_ms) {
            self.store_usual(now_ms);
        }
        if is_at_ease && self.kept.ease.is_due(now_ms) {
            self.store_ease(now_ms);
        }
        if is_at_ease {
            self.free_heap.give_back(!self.ticker.is_dry());
        }
    }

    fn store_usual(&mut self, now_ms: u64) {
        if let Some(usual) = self.ticker.take_learned() {
            self.kept.usual.write(&usual.to_bytes(), now_ms);
        }
    }

    fn store_ease(&mut self, now_ms: u64) {
        if let Some(marks) = self.ticker.pipeline().sensor().ease_marks() {
            self.kept.ease.write(&marks.to_bytes(), now_ms);
        }
    }

    /// Awaits the ends of the victims under way, and of no other process.
    fn watch_victims(&mut self) {
        let mut before = std::mem::take(&mut self.watches);
        let underway = self.ticker.underway().iter();
        let watched = underway.flat_map(|victim| victim.members().iter().take(WATCHES_PER_VICTIM));
        for member in watched.copied().collect::<Vec<_>>() {
            let watch = before.remove(&member).or_else(|| {
                let pidfd = self.ticker.exit_of(member)?;
                let watch = self.events.watch(pidfd);
                watch
                    .inspect_err(|error| {
                        warn!(pid = member.pid, %error, "its exit cannot be awaited; the next tick finds it");
                    })
                    .ok()
            });
            self.watches.extend(watch.map(|watch| (member, watch)));
        }
    }

    fn watch_memcgs(&mut self) {
        let left_out = self.ticker.pipeline().sensor().memcgs_left_out();
        if (left_out > 0) != (self.memcgs_left_out > 0) {
            info!(left_out, "memcgs without a process that are left out, because there are very many");
        }
        self.memcgs_left_out = left_out;
        let pipeline = self.ticker.pipeline();
        self.triggers.arm_again(pipeline.sensor(), &self.events);
        self.triggers.watch_limits(pipeline.sensor(), &pipeline.settings().thresholds, &self.events);
    }

    fn announce(&mut self) {
        let memory = self.ticker.probe();
        info!(
            mode = mode(&self.ticker),
            available = memory.map_or_else(|| "unknown".into(), |memory| bytes(memory.available_bytes)),
            total = memory.map_or_else(|| "unknown".into(), |memory| bytes(memory.total_bytes)),
            policies = self.ticker.pipeline().policies().loaded.len(),
            "jettison is watching"
        );
    }
}

/// The service manager starts the daemon again.
fn broke(Broken { what, restored }: &Broken) -> Failure {
    let values = match restored {
        Some(count) => format!("{count} oom_score_adj values are put back"),
        None => "the next daemon puts oom_score_adj values back".into(),
    };
    error!(what, "a tick panicked, which is a defect of jettison: it ends");
    Failure::Failed(format!("a tick panicked, which is a defect of jettison: {what}; {values}"))
}

pub(super) fn mode(ticker: &LiveTicker) -> &'static str {
    if ticker.is_dry() { "dry-run" } else { "enforce" }
}

/// What `systemctl status` shows of it.
pub(super) fn standing(ticker: &LiveTicker) -> Status {
    let loaded = ticker.pipeline().policies().loaded.iter();
    let policies: Vec<String> =
        loaded.map(|loaded| Escaped(loaded.config.name.as_bytes()).to_string()).collect();
    let last = ticker.history().last();
    let victim = last.map_or_else(
        || "no victim yet".into(),
        |past| format!("last victim pid {} ({})", past.pid, Escaped(past.comm.as_bytes())),
    );
    let available_bytes = ticker.pipeline().snapshot().host.memory_available_bytes;
    Status {
        standing: format!("{}; policies {}; {victim}", mode(ticker), policies.join(", ")),
        sizes: format!("{} available", bytes(available_bytes)),
    }
}
