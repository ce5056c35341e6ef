//! Reduce the footprint first: bites of `[reclaim]`, one at a time, while memory gets short.
//!
//! A memcg that was bitten rests, so that its own pressure shows what it thinks of it (PSI averages over
//! 10 s).
//! One that gave back little rests for longer: what it holds is in use.

use jettison_act::{Ended, Task, TaskId};
use jettison_decide::{Settings, reclaim};
use jettison_model::Snapshot;
use jettison_model::text::Escaped;
use tracing::info;

use crate::tasks::{Moment, Tasks};

/// After a bite.
const REST_MS: u64 = 5_000;
/// After one that gave back less than half of what it asked for, or failed.
const LONG_REST_MS: u64 = 60_000;
/// Memcgs that rest. Where more would have to, nothing is bitten.
const RESTING_MAX: usize = 256;

/// The bite that is taken, and the memcgs that rest.
#[derive(Debug, Default)]
pub(crate) struct Footprint {
    biting: Option<Biting>,
    /// By path, until when.
    resting: Vec<(Vec<u8>, u64)>,
}

#[derive(Debug)]
struct Biting {
    id: TaskId,
    memcg: Vec<u8>,
    bytes: u64,
}

impl Footprint {
    /// Takes in the tasks that have ended, and a next bite if this tick has one. A dry run only logs it.
    pub(crate) fn tick(
        &mut self,
        snapshot: &Snapshot,
        settings: &Settings,
        ended: &[Ended],
        tasks: &mut Tasks,
        is_dry: bool,
    ) {
        let now_ms = snapshot.now_ms;
        ended.iter().for_each(|ended| self.ended(ended, now_ms));
        self.resting.retain(|&(_, until_ms)| until_ms > now_ms);
        if self.biting.is_some() || self.resting.len() >= RESTING_MAX {
            return;
        }
        let is_resting = |path: &[u8]| self.resting.iter().any(|(resting, _)| resting == path);
        let Some(bite) = reclaim::bite(snapshot, settings, is_resting) else { return };
        let memcg = snapshot.memcgs.paths.get(bite.memcg as usize).to_vec();
        info!(memcg = %Escaped(&memcg), bytes = bite.bytes, dry_run = is_dry, "reclaiming");
        if is_dry {
            self.resting.push((memcg, now_ms + LONG_REST_MS));
            return;
        }
        let task = Task::Reclaim { memcg: memcg.clone(), bytes: bite.bytes };
        let id = tasks.start(task, Moment::of(snapshot));
        self.biting = Some(Biting { id, memcg, bytes: bite.bytes });
    }

    fn ended(&mut self, ended: &Ended, now_ms: u64) {
        let Some(Biting { memcg, bytes, .. }) = self.biting.take_if(|biting| biting.id == ended.id) else {
            return;
        };
        let is_poor = ended.result.is_err() || ended.freed_bytes < bytes / 2;
        let rest_ms = if is_poor { LONG_REST_MS } else { REST_MS };
        self.resting.push((memcg, now_ms + rest_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::tests::Scripted;
    use jettison_decide::Reclaim;
    use jettison_model::Cause;
    use std::sync::Arc;

    struct Kit {
        helpers: Scripted,
        tasks: Tasks,
        footprint: Footprint,
        settings: Settings,
        snapshot: Snapshot,
    }

    impl Kit {
        /// One unit of 640 MiB that is cold.
        fn new() -> Self {
            let helpers = Scripted::default();
            let reclaim = Reclaim { memcgs: vec!["/".into()], ..Reclaim::default() };
            let mut snapshot = Snapshot::default();
            snapshot.request.cause = Cause::Warning;
            snapshot.host.swap_free_bytes = 1 << 30;
            let memcgs = &mut snapshot.memcgs;
            memcgs.paths = [b"/a.service".as_slice()].into_iter().collect();
            memcgs.units = [b"a.service".as_slice()].into_iter().collect();
            memcgs.parents = Arc::new(vec![jettison_model::column::NONE_U32]);
            for column in [&mut memcgs.current_bytes, &mut memcgs.anon_bytes] {
                *column = Arc::new(vec![640 << 20]);
            }
            memcgs.low_bytes = Arc::new(vec![0]);
            memcgs.min_bytes = Arc::new(vec![0]);
            memcgs.pressures_some_avg10 = Arc::new(vec![0]);
            memcgs.growth_bytes_per_s = Arc::new(vec![0]);
            Self {
                tasks: Tasks::new(Box::new(helpers.clone())),
                helpers,
                footprint: Footprint::default(),
                settings: Settings { reclaim, ..Settings::default() },
                snapshot,
            }
        }

        /// Bites that were asked for in all, after a tick at this time.
        fn tick(&mut self, now_ms: u64, ended: &[Ended], is_dry: bool) -> usize {
            self.snapshot.now_ms = now_ms;
            self.footprint.tick(&self.snapshot, &self.settings, ended, &mut self.tasks, is_dry);
            self.helpers.asked.lock().unwrap().len()
        }

        fn ended(id: u64, freed_mib: u64) -> Ended {
            Ended { id: TaskId(id), result: Ok(()), freed_bytes: freed_mib << 20 }
        }
    }

    #[test]
    fn one_bite_at_a_time_and_then_a_rest() {
        let mut kit = Kit::new();
        assert_eq!(kit.tick(1_000, &[], false), 1);
        assert_eq!(kit.tick(9_000, &[], false), 1, "it is not done");
        assert_eq!(kit.tick(10_000, &[Kit::ended(1, 30)], false), 1, "it rests");
        assert_eq!(kit.tick(14_999, &[], false), 1);
        assert_eq!(kit.tick(15_000, &[], false), 2);
        let asked = kit.helpers.asked.lock().unwrap().last().cloned();
        assert_eq!(asked, Some((TaskId(2), Task::Reclaim { memcg: b"/a.service".into(), bytes: 32 << 20 })));
    }

    #[test]
    fn what_gives_little_rests_for_a_minute() {
        let failed = Ended { result: Err("gone".into()), ..Kit::ended(1, 0) };
        for ended in [Kit::ended(1, 15), failed] {
            let mut kit = Kit::new();
            kit.tick(1_000, &[], false);
            assert_eq!(kit.tick(2_000, &[ended], false), 1);
            assert_eq!(kit.tick(61_999, &[], false), 1);
            assert_eq!(kit.tick(62_000, &[], false), 2);
        }
    }

    #[test]
    fn a_dry_run_asks_for_nothing() {
        let mut kit = Kit::new();
        assert_eq!(kit.tick(1_000, &[], true), 0);
        assert!(kit.footprint.biting.is_none());
    }
}
