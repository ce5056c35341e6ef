//! The memcgs of the processes whose values are lowered: a process that is new in one of these must not keep
//! what it has inherited, and a service that was started anew must get its own, for longer than a second.

use jettison_model::column::row as row_of;
use jettison_model::{Hold, Snapshot};

/// Between looks for new processes.
const LOOK_MS: u64 = 1_000;
/// A memcg is looked at for so long after the last held process in it: a service may be started anew.
const REMEMBERED_MS: u64 = 300_000;
/// The most memcgs; of more the first by path.
const HOMES_MAX: usize = 256;

/// These memcgs, and when they were last looked at.
#[derive(Debug, Default)]
pub(crate) struct Homes {
    /// Paths in order, each with the time of the last tick that had it.
    homes: Vec<(Vec<u8>, u64)>,
    looked_at_ms: u64,
}

impl Homes {
    /// Takes in a tick and what it holds.
    pub(crate) fn note(&mut self, snapshot: &Snapshot, held: impl Iterator<Item = Hold>) {
        let now_ms = snapshot.now_ms;
        self.looked_at_ms = now_ms;
        for hold in held.filter(|hold| hold.value < hold.original) {
            let row = snapshot.processes.row_of(hold.id);
            let memcg = row.and_then(|row| snapshot.processes.memcgs.get(row).copied().and_then(row_of));
            let Some(path) = memcg.map(|memcg| snapshot.memcgs.paths.get(memcg)) else { continue };
            match self.homes.binary_search_by(|(home, _)| home.as_slice().cmp(path)) {
                Ok(at) => self.homes[at].1 = now_ms,
                Err(at) => self.homes.insert(at, (path.to_vec(), now_ms)),
            }
        }
        self.homes.retain(|&(_, at_ms)| now_ms.saturating_sub(at_ms) < REMEMBERED_MS);
        self.homes.truncate(HOMES_MAX);
    }

    /// How long until they are to be looked at; `None` if there are none.
    pub(crate) fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        (!self.homes.is_empty()).then(|| (self.looked_at_ms + LOOK_MS).saturating_sub(now_ms))
    }

    /// Whether one of the new processes lives in one of them. `look` asks of their memcgs' paths, and is
    /// called once a second at most.
    pub(crate) fn has_newcomer(
        &mut self,
        now_ms: u64,
        look: impl FnOnce(&dyn Fn(&[u8]) -> bool) -> bool,
    ) -> bool {
        if self.wait_ms(now_ms) != Some(0) {
            return false;
        }
        self.looked_at_ms = now_ms;
        let homes = &self.homes;
        look(&|path| homes.binary_search_by(|(home, _)| home.as_slice().cmp(path)).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jettison_model::ProcessId;

    use super::*;

    fn snapshot(now_ms: u64) -> Snapshot {
        let mut snapshot = Snapshot { now_ms, ..Snapshot::default() };
        snapshot.processes.pids = Arc::new(vec![7, 8]);
        snapshot.processes.start_times = Arc::new(vec![1, 1]);
        snapshot.processes.memcgs = Arc::new(vec![1, 0]);
        snapshot.memcgs.paths = [b"/a".as_slice(), b"/b"].into_iter().collect();
        snapshot
    }

    fn hold(pid: u32, value: i16) -> Hold {
        Hold { id: ProcessId { pid, start_time: 1 }, original: 0, value }
    }

    #[test]
    fn the_memcgs_of_lowered_processes_are_looked_at_once_a_second() {
        let mut homes = Homes::default();
        assert_eq!(homes.wait_ms(10_000), None);
        homes.note(&snapshot(10_000), [hold(7, -900), hold(8, 300)].into_iter());
        let look =
            |homes: &mut Homes, now_ms, path: &[u8]| homes.has_newcomer(now_ms, |is_home| is_home(path));
        assert!(!look(&mut homes, 10_999, b"/b"), "it was looked at just now");
        assert!(look(&mut homes, 11_000, b"/b") && !look(&mut homes, 11_000, b"/b"));
        assert!(!look(&mut homes, 12_000, b"/a"), "what is raised is inherited by what is to go, too");
    }

    #[test]
    fn a_service_that_is_down_is_waited_for_and_then_forgotten() {
        let mut homes = Homes::default();
        homes.note(&snapshot(10_000), [hold(7, -900)].into_iter());
        homes.note(&snapshot(309_000), std::iter::empty());
        assert_eq!(homes.wait_ms(309_000), Some(1_000));
        homes.note(&snapshot(310_000), std::iter::empty());
        assert_eq!(homes.wait_ms(310_000), None);
    }
}
