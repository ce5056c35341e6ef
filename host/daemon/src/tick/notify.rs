//! Notifications: the hooks of `[notify]`, once in each episode, before anybody has to go.

use jettison_act::{Kernel, Task, TaskId};
use jettison_decide::{Level, gate};
use jettison_model::Cause;
use tracing::info;

use super::{Core, facts};
use crate::pipeline::{Consult, Sense};

/// A time in which memory is short.
///
/// It begins when available memory is below `warn`, and ends with a routine tick above it: ticks are routine only when
/// `adjust.interval_ms` have passed since the last one below, so that memory which wavers around the level is one episode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Episode {
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

impl<S: Sense, P: Consult, K: Kernel> Core<S, P, K> {
    /// Tells those who want to know that memory is short.
    pub(super) fn notify(&mut self) {
        let snapshot = &self.pipeline.snapshot;
        let host = &snapshot.host;
        let thresholds = &self.pipeline.settings.thresholds;
        let level = gate::level(host.memory_total_bytes, host.memory_available_bytes, thresholds);
        if !self.episode.tick(level, snapshot.request.cause) {
            return;
        }
        for name in &self.notify_warn {
            info!(hook = name, dry_run = self.is_dry, "memory is short: notifying");
            if self.is_dry {
                continue;
            }
            self.tasks += 1;
            let task = Task::Hook { name: name.clone(), facts: facts::of_host(snapshot) };
            self.helpers.start(TaskId(self.tasks), task);
        }
    }
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
}
