//! What wakes the loop beside its timer.
//!
//! | what | for how long |
//! |---|---|
//! | PSI triggers, as configured | always; one of a memcg while that is there |
//! | processes that its OOM killer takes, from its log | always |
//! | hooks that have ended, and answers of systemd | always |
//! | of a watched memcg: its events (v2), its usage crossing its `warn` level (v1) | while it is watched |
//!
//! None is needed: the timer finds everything but the kernel's OOM kills, only later.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use jettison_decide::Thresholds;
use jettison_model::text::Escaped;
use jettison_sense::trigger::{EventCounts, OomKill};
use jettison_sense::{
    KernelLog, MemcgEvents, PsiSpec, PsiTrigger, Root, Sensor, TriggerError, UsageThreshold, Version,
};
use jettison_tick::KernelKill;
use tokio::io::Interest;
use tracing::{debug, info, warn};

use super::events::{Event, Events, Watch};

/// Everything that is armed. Dropping it disarms it.
pub(super) struct Triggers {
    psi: Vec<Psi>,
    kernel_log: Option<Watch>,
    /// Hooks that have ended, and answers of systemd.
    _tasks: Option<Watch>,
    /// By path.
    memcgs: BTreeMap<Vec<u8>, Armed>,
}

/// One trigger of the configuration.
struct Psi {
    spec: PsiSpec,
    /// None if it could not be armed.
    watch: Option<Watch>,
}

impl Psi {
    fn is_armed(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| !watch.is_over())
    }
}

/// One memcg that is listened to.
struct Armed {
    limit_bytes: u64,
    /// None if it could not be armed, which is not tried again before its limit changes.
    watch: Option<Watch>,
    is_wanted: bool,
}

impl Triggers {
    /// Arms what does not depend on what is sensed.
    /// `task_ended` becomes readable when a hook has ended or systemd has answered.
    pub(super) fn arm(
        root: &Root,
        specs: &[PsiSpec],
        task_ended: Option<BorrowedFd<'_>>,
        events: &Events,
    ) -> Self {
        let psi = specs.iter().map(|spec| {
            let armed = psi(root, spec, events).inspect_err(|error| {
                warn!(error, "no PSI trigger; the levels of available memory still wake us");
            });
            Psi { spec: spec.clone(), watch: armed.ok() }
        });
        let psi = psi.collect();
        let kernel_log = kernel_log(root, events).inspect_err(|error| {
            info!(error, "the kernel's own OOM kills are not known: its log needs CAP_SYSLOG and /dev/kmsg");
        });
        let ended = || Ok::<_, TriggerError>(vec![Event::TaskEnded]);
        let tasks = task_ended.map(|fd| events.listen(fd, Interest::READABLE, ended));
        let tasks = tasks.and_then(|listening| {
            let unheard =
                |error: &std::io::Error| warn!(%error, "the end of a hook is found by the next tick");
            listening.inspect_err(unheard).ok()
        });
        Self { psi, kernel_log: kernel_log.ok(), _tasks: tasks, memcgs: BTreeMap::new() }
    }

    /// Arms the triggers of memcgs that were not there, or that have been made anew, as a service's is when
    /// it restarts.
    pub(super) fn arm_again(&mut self, sensor: &Sensor, events: &Events) {
        // Those of v1 have none.
        if sensor.hierarchy().is_none_or(|hierarchy| hierarchy.version == Version::V1) {
            return;
        }
        for trigger in self.psi.iter_mut().filter(|trigger| !trigger.is_armed()) {
            let Some(memcg) = &trigger.spec.memcg else { continue };
            if trigger.watch.take().is_some() {
                warn!(memcg, "the memcg of a PSI trigger is gone; the trigger waits for another of its name");
            }
            if let Ok(watch) = psi(sensor.root(), &trigger.spec, events) {
                info!(memcg, "the PSI trigger of a memcg is armed");
                trigger.watch = Some(watch);
            }
        }
    }

    /// Listens to the memcgs whose limits are watched since the last scan, and to no others.
    pub(super) fn watch_limits(&mut self, sensor: &Sensor, thresholds: &Thresholds, events: &Events) {
        let Some(version) = sensor.hierarchy().map(|hierarchy| hierarchy.version) else { return };
        self.memcgs.values_mut().for_each(|armed| armed.is_wanted = false);
        for (path, limit_bytes) in sensor.watched_limits() {
            let is_same = |armed: &Armed| {
                armed.limit_bytes == limit_bytes && !armed.watch.as_ref().is_some_and(Watch::is_over)
            };
            match self.memcgs.get_mut(path) {
                Some(armed) if is_same(armed) => armed.is_wanted = true,
                _ => {
                    let mark_bytes = limit_bytes.saturating_sub(thresholds.warn.of(limit_bytes));
                    let watch = memcg(sensor.root(), path, version, mark_bytes, events);
                    let watch = watch.inspect_err(|error| {
                        debug!(error, memcg = %Escaped(path), "the kernel does not wake us for a memcg; the timer finds it");
                    });
                    let armed = Armed { limit_bytes, watch: watch.ok(), is_wanted: true };
                    self.memcgs.insert(path.to_vec(), armed);
                }
            }
        }
        self.memcgs.retain(|_, armed| armed.is_wanted);
    }

    /// How many PSI triggers are armed.
    pub(super) fn psi_triggers(&self) -> usize {
        self.psi.iter().filter(|trigger| trigger.is_armed()).count()
    }

    /// How many memcgs are listened to.
    pub(super) fn memcgs(&self) -> usize {
        self.memcgs.values().filter(|armed| armed.watch.is_some()).count()
    }

    /// Whether the kernel's own kills are known.
    pub(super) fn has_kernel_log(&self) -> bool {
        self.kernel_log.is_some()
    }
}

fn psi(root: &Root, spec: &PsiSpec, events: &Events) -> Result<Watch, String> {
    let trigger = PsiTrigger::arm(root, spec).map_err(text)?;
    if trigger.re_armed {
        warn!(
            stall_us = trigger.stall_us,
            window_us = trigger.window_us,
            "the PSI trigger is coarser than configured: windows that are no multiple of 2 s need CAP_SYS_RESOURCE"
        );
    }
    let fd = trigger.as_fd().try_clone_to_owned().map_err(text)?;
    let memcg: Option<Arc<str>> = spec.memcg.as_deref().map(|path| path.trim_end_matches('/').into());
    let take = move || trigger.check().map(|()| vec![Event::Psi(memcg.clone())]);
    events.listen(fd.as_fd(), Interest::PRIORITY, take).map_err(text)
}

fn kernel_log(root: &Root, events: &Events) -> Result<Watch, String> {
    let mut log = KernelLog::open(root).map_err(text)?;
    let fd = log.as_fd().try_clone_to_owned().map_err(text)?;
    let take = move || {
        let mut kills = Vec::new();
        log.oom_kills(|kill| kills.push(Event::KernelKill(owned(kill))))?;
        Ok::<_, TriggerError>(kills)
    };
    events.listen(fd.as_fd(), Interest::READABLE, take).map_err(text)
}

fn owned(kill: OomKill<'_>) -> KernelKill {
    KernelKill {
        pid: kill.pid,
        comm: kill.comm.to_vec(),
        uid: kill.uid,
        anon_rss_bytes: kill.anon_rss_bytes,
        is_memcg: kill.is_memcg,
    }
}

fn memcg(
    root: &Root,
    path: &[u8],
    version: Version,
    mark_bytes: u64,
    events: &Events,
) -> Result<Watch, String> {
    let path = std::str::from_utf8(path).map_err(text)?.to_owned();
    match version {
        Version::V2 => {
            let mut counts = MemcgEvents::arm(root, &path).map_err(text)?;
            let fd = counts.as_fd().try_clone_to_owned().map_err(text)?;
            let take = move || {
                counts.take().map(|counts| {
                    log_counts(&path, counts);
                    vec![Event::Memcg]
                })
            };
            events.listen(fd.as_fd(), Interest::PRIORITY, take).map_err(text)
        }
        Version::V1 => {
            let mark = UsageThreshold::arm(root, &path, mark_bytes).map_err(text)?;
            let fd = mark.as_fd().try_clone_to_owned().map_err(text)?;
            let take = move || {
                let usage = mark.take()?;
                Ok::<_, TriggerError>(if usage.is_over { vec![Event::Memcg] } else { Vec::new() })
            };
            events.listen(fd.as_fd(), Interest::READABLE, take).map_err(text)
        }
    }
}

/// Meeting a limit is ordinary, and logged at debug level. An OOM kill is a warning.
fn log_counts(memcg: &str, counts: EventCounts) {
    if counts.oom_kill > 0 {
        warn!(memcg, oom_kills = counts.oom_kill, "an OOM killer took processes of this memcg, or below it");
    } else {
        debug!(memcg, ?counts, "a watched memcg has met a limit");
    }
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
