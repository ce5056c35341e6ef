//! What is asked between two scans: limits that are near, and processes that have come; and what is told.

use jettison_model::{Memcgs, ProcessId, Snapshot};

use crate::memcg::limit_watch::{Left, LimitWatch};
use crate::sensor::Sensor;

impl Sensor {
    /// Chooses the memcgs for [`Sensor::nearest_limit`]: those of `memcgs`, the table of a scan, that have a
    /// limit of their own and for whose path `is_watched` is true.
    pub fn watch_limits(&mut self, memcgs: &Memcgs, is_watched: impl Fn(&[u8]) -> bool) {
        if let Some(limits) = &mut self.limits {
            limits.set(memcgs, is_watched);
        }
    }

    /// The paths of the watched memcgs, with their limits in bytes.
    pub fn watched_limits(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.limits.iter().flat_map(LimitWatch::watched)
    }

    /// The least left below the limit of any watched memcg, between ticks. Reclaimable memory is read, and
    /// counts as left, only where `is_near` is true.
    pub fn nearest_limit(&mut self, is_near: impl Fn(Left) -> bool) -> Option<Left> {
        self.limits.as_mut()?.nearest(&mut self.buffer, is_near)
    }

    /// A process has this `oom_score_adj`, which the daemon has written or read since the last look, of which
    /// `into` is. Else the row of one that is not read next would say what it was before, as if another
    /// program had put that back.
    pub fn note_adj(&mut self, id: ProcessId, adj: i16, into: &mut Snapshot) {
        self.processes.note_adj(id, adj, &mut into.processes);
    }

    /// Whether a process that is neither in the last scan nor was there at the last such look lives in one of
    /// the memcgs of whose paths `is_home` is true. Between ticks: where no task was created since, one small
    /// file is read; else processes are listed, and of each new one its `cgroup` is read.
    pub fn has_newcomer(&mut self, is_home: &dyn Fn(&[u8]) -> bool) -> bool {
        let Some(hierarchy) = &self.hierarchy else { return false };
        let tasks = self.counters.tasks(&mut self.buffer, &mut |_| ());
        if tasks.is_some() && std::mem::replace(&mut self.newcomers_at, tasks) == tasks {
            return false;
        }
        self.processes.has_newcomer(&mut self.buffer, hierarchy, is_home)
    }
}
