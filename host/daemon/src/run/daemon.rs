//! The event loop: waits, looks, and lets the tick run.

use std::collections::BTreeMap;

use jettison_act::LiveKernel;
use jettison_model::ProcessId;
use jettison_sense::Sensor;
use tracing::{info, warn};

use super::events::{Event, Events, Watch};
use super::reloading::Reloading;
use super::wakers::Wakers;
use crate::clock::Clock;
use crate::config::Config;
use crate::policies::Policies;
use crate::tick::{Core, log};
use crate::units::bytes;

/// Pidfds awaited for each victim; the others are found gone by the next look.
const WATCHES_PER_VICTIM: usize = 16;

/// The daemon between two events.
pub(super) struct Daemon {
    pub(super) core: Core<Sensor, Policies, LiveKernel>,
    pub(super) events: Events,
    pub(super) reloading: Reloading,
    /// Milliseconds since 1970.
    pub(super) started_at_ms: u64,
    /// How late the loop's timer came at worst: a stalled host, or something of ours that blocks.
    pub(super) late_ms_max: u64,
    pub(super) wakers: Wakers,
    /// Those on their way whose end wakes us.
    watches: BTreeMap<ProcessId, Watch>,
}

impl Daemon {
    pub(super) fn new(
        core: Core<Sensor, Policies, LiveKernel>,
        events: Events,
        config: &Config,
        reloading: Reloading,
    ) -> Self {
        let wakers = Wakers::arm(core.pipeline.sensor.root(), &config.psi, core.helpers.as_ref(), &events);
        Self {
            core,
            events,
            reloading,
            started_at_ms: Clock.now().wall_ms,
            late_ms_max: 0,
            wakers,
            watches: BTreeMap::new(),
        }
    }

    /// Until somebody stops us. Whatever we held is put back.
    pub(super) async fn run(mut self) {
        self.announce();
        self.core.sense(Clock.now());
        self.watch_memcgs();
        loop {
            let asked_at_ms = Clock.now().boot_ms;
            let wait_ms = self.core.wait_ms(asked_at_ms);
            let event = self.events.next(wait_ms).await;
            let now_ms = Clock.now().boot_ms;
            match event {
                Event::Stop => break,
                Event::Psi => self.core.psi_fired_at_ms = Some(now_ms),
                Event::Files => self.files_changed(),
                Event::Hangup => self.begin_reload(None),
                Event::Reloaded(prepared) => self.end_reload(*prepared),
                Event::Asked(asked) => self.answer(asked),
                Event::Timer => {
                    let late_ms = now_ms.saturating_sub(asked_at_ms).saturating_sub(wait_ms);
                    self.late_ms_max = self.late_ms_max.max(late_ms);
                }
                Event::KernelKill(kill) => self.core.note_kernel_kill(kill, Clock.now()),
                Event::Memcg | Event::Exited | Event::Helped => {}
            }
            if self.core.is_tick_due(Clock.now().boot_ms) {
                self.core.tick(Clock.now());
                self.watch_victims();
                self.watch_memcgs();
            }
        }
        let reports = self.core.finish(Clock.now());
        log::held(&reports);
        info!(restored = reports.len(), "stopped");
    }

    /// Awaits the ends of those on their way, and nobody else's.
    fn watch_victims(&mut self) {
        let mut before = std::mem::take(&mut self.watches);
        for &member in self.core.underway.iter().flat_map(|unit| unit.members.iter().take(WATCHES_PER_VICTIM))
        {
            let watch = before.remove(&member).or_else(|| {
                let pidfd = self.core.actuator.watch(member)?;
                let watch = self.events.watch(pidfd);
                watch
                    .inspect_err(|error| {
                        warn!(pid = member.pid, %error, "its exit cannot be awaited; the next look finds it");
                    })
                    .ok()
            });
            self.watches.extend(watch.map(|watch| (member, watch)));
        }
    }

    fn watch_memcgs(&mut self) {
        let pipeline = &self.core.pipeline;
        self.wakers.arm_again(&pipeline.sensor, &self.events);
        self.wakers.watch_limits(&pipeline.sensor, &pipeline.settings.thresholds, &self.events);
    }

    fn announce(&mut self) {
        let memory = self.core.pipeline.sensor.probe();
        info!(
            mode = if self.core.is_dry { "dry-run" } else { "enforce" },
            available = memory.map_or_else(|| "unknown".into(), |memory| bytes(memory.available_bytes)),
            total = memory.map_or_else(|| "unknown".into(), |memory| bytes(memory.total_bytes)),
            policies = self.core.pipeline.policies.loaded.len(),
            "jettison is watching"
        );
    }
}
