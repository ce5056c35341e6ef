//! Notifications: the hooks of `[notify]`, each list once in an episode of short memory, before a victim is
//! named.

use jettison_act::Task;
use jettison_decide::{Level, Thresholds, gate};
use jettison_model::{Cause, Idle, Snapshot};
use tracing::info;

use crate::facts::{self, Facts};
use crate::history::{By, Past};
use crate::tasks::{Moment, Tasks};

/// A time in which memory is short.
///
/// It begins when available memory is below `warn`, and ends with a routine tick above it. A tick is routine
/// only when `adjust.interval_ms` have passed since the last one below, so memory that wavers around the
/// level is one episode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Episode {
    is_on: bool,
}

impl Episode {
    /// Takes in a tick. Returns whether an episode begins with it.
    fn tick(&mut self, level: Level, cause: Cause) -> bool {
        let was_on = self.is_on;
        self.is_on = level > Level::Calm || (was_on && cause != Cause::Routine);
        self.is_on && !was_on
    }
}

/// Whether it was told already that nothing is worth ending.
///
/// This episode lasts until a routine tick, so a memcg at its limit on a calm host has one as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Told {
    is_on: bool,
}

impl Told {
    /// Takes in a tick. Returns whether it is to be told now.
    fn tick(&mut self, idle: Option<Idle>, cause: Cause) -> bool {
        let was_on = self.is_on && cause != Cause::Routine;
        let is_hopeless = matches!(idle, Some(Idle::NotWorthIt { .. }));
        self.is_on = was_on || is_hopeless;
        is_hopeless && !was_on
    }
}

/// A hook to run.
#[derive(Debug)]
pub(crate) struct Notification {
    hook: String,
    why: &'static str,
    facts: Facts,
}

impl Notification {
    /// Starts the hook. A dry run only logs it.
    pub(crate) fn start(self, tasks: &mut Tasks, now: Moment, is_dry: bool) {
        info!(hook = self.hook, dry_run = is_dry, "{}: notifying", self.why);
        if !is_dry {
            tasks.start(Task::Hook { name: self.hook, facts: self.facts }, now);
        }
    }
}

/// Says which hooks of `[notify]` are due.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    episode: Episode,
    told: Told,
    hooks: NotifiedHooks,
}

/// The lists of `[notify]`.
#[derive(Debug, Default)]
pub(crate) struct NotifiedHooks {
    pub(crate) warn: Vec<String>,
    pub(crate) worthless: Vec<String>,
    pub(crate) ended: Vec<String>,
    pub(crate) kernel: Vec<String>,
}

impl Notifier {
    pub(crate) fn configure(&mut self, hooks: NotifiedHooks) {
        self.hooks = hooks;
    }

    /// The hooks that are told of a victim's end, or of a process that the kernel took.
    pub(crate) fn ended(&self, snapshot: &Snapshot, past: &Past) -> Vec<Notification> {
        let (hooks, why) = match past.by {
            By::Jettison | By::DryRun => (&self.hooks.ended, "a victim is gone"),
            By::Kernel => (&self.hooks.kernel, "the kernel's OOM killer took a process"),
        };
        if hooks.is_empty() {
            return Vec::new();
        }
        all(hooks, why, &facts::of_past(snapshot, past))
    }

    /// The hooks of `warn` if an episode begins with this tick, and those of `nobody` if this is the first
    /// tick of one in which nothing is worth ending.
    pub(crate) fn due(
        &mut self,
        snapshot: &Snapshot,
        thresholds: &Thresholds,
        idle: Option<Idle>,
    ) -> Vec<Notification> {
        let (host, cause) = (&snapshot.host, snapshot.request.cause);
        let level = gate::level(host.memory_total_bytes, host.memory_available_bytes, thresholds);
        let mut due = Vec::new();
        if self.episode.tick(level, cause) {
            due.extend(all(&self.hooks.warn, "memory is short", &facts::of_host(snapshot)));
        }
        let is_news = self.told.tick(idle, cause);
        if let Some(idle) = idle.filter(|_| is_news) {
            let facts = facts::of_idle(snapshot, idle).unwrap_or_default();
            due.extend(all(&self.hooks.worthless, "nothing is worth ending", &facts));
        }
        due
    }
}

fn all(hooks: &[String], why: &'static str, facts: &Facts) -> Vec<Notification> {
    hooks.iter().map(|hook| Notification { hook: hook.clone(), why, facts: facts.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_begins_once_and_ends_with_calm() {
        let mut episode = Episode::default();
        let mut begins = |level, cause| episode.tick(level, cause);
        assert!(!begins(Level::Calm, Cause::Routine));
        assert!(begins(Level::Warn, Cause::Warning));
        assert!(!begins(Level::Act, Cause::Pressure), "worse, but the same");
        assert!(!begins(Level::Calm, Cause::MemcgLimit), "a full memcg is no calm");
        assert!(!begins(Level::Warn, Cause::Warning));
        assert!(!begins(Level::Calm, Cause::Routine));
        assert!(begins(Level::Critical, Cause::Critical), "the next one, however fast it comes");
    }

    #[test]
    fn a_full_memcg_on_a_calm_host_begins_none() {
        assert!(!Episode::default().tick(Level::Calm, Cause::MemcgLimit));
    }

    #[test]
    fn that_nothing_is_worth_ending_is_told_once_until_a_routine_tick() {
        let hopeless =
            Some(Idle::NotWorthIt { reachable_bytes: 1, needed_bytes: 100 << 20, protected_bytes: 0 });
        let mut told = Told::default();
        let mut tells = |idle, cause| told.tick(idle, cause);
        assert!(!tells(None, Cause::Routine));
        assert!(tells(hopeless, Cause::Pressure));
        assert!(!tells(hopeless, Cause::Pressure));
        assert!(!tells(None, Cause::Warning), "the same episode");
        assert!(!tells(Some(Idle::CoolingDown), Cause::Pressure));
        assert!(!tells(hopeless, Cause::Critical));
        assert!(!tells(None, Cause::Routine));
        assert!(tells(hopeless, Cause::MemcgLimit), "the next one");
    }

    #[test]
    fn the_hooks_are_told_what_was_needed_and_what_was_within_reach() {
        let mut notifier = Notifier::default();
        notifier.configure(NotifiedHooks { worthless: vec!["mail".into()], ..NotifiedHooks::default() });
        let mut snapshot = Snapshot::default();
        snapshot.request.cause = Cause::Pressure;
        let idle = Idle::NotWorthIt { reachable_bytes: 7, needed_bytes: 300 << 20, protected_bytes: 0 };
        let thresholds = jettison_decide::Settings::default().thresholds;
        let due = notifier.due(&snapshot, &thresholds, Some(idle));
        assert_eq!(due.iter().map(|one| one.hook.as_str()).collect::<Vec<_>>(), ["mail"]);
        let fact =
            |name| due[0].facts.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone());
        assert_eq!(fact("JETTISON_NEEDED_BYTES"), Some(b"314572800".to_vec()));
        assert_eq!(fact("JETTISON_REACHABLE_BYTES"), Some(b"7".to_vec()));
        assert_eq!(fact("JETTISON_REASON"), Some(idle.to_string().into_bytes()));
        assert!(fact("JETTISON_AVAILABLE_BYTES").is_some(), "beside what every notification gets");
        assert!(notifier.due(&snapshot, &thresholds, Some(idle)).is_empty());
    }
}
