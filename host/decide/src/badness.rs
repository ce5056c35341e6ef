//! The kernel's own measure: the built-in ranking of processes that no policy names, and what its OOM killer
//! would choose.

use alloc::vec::Vec;

use jettison_model::snapshot::flags;
use jettison_model::{Processes, Snapshot};

/// The kernel's badness in bytes: rss + swap + page tables, shifted by the original `oom_score_adj` in
/// thousandths of the total (`oom_badness` in mm/oom_kill.c).
#[must_use]
pub fn badness(processes: &Processes, row: usize, total_bytes: u64) -> i64 {
    shifted(processes, row, total_bytes, processes.oom_score_adj(row))
}

fn shifted(processes: &Processes, row: usize, total_bytes: u64, oom_score_adj: i16) -> i64 {
    let footprint = i64::try_from(processes.footprint_bytes(row)).unwrap_or(i64::MAX);
    let total = i64::try_from(total_bytes).unwrap_or(i64::MAX);
    footprint.saturating_add((total / 1000).saturating_mul(i64::from(oom_score_adj)))
}

/// The same in thousandths of the total memory and swap, at least 1: what the built-in ranking scores by when
/// it has to decide.
#[must_use]
pub fn score(snapshot: &Snapshot, badness: i64) -> u64 {
    let badness = u128::try_from(badness.max(0)).unwrap_or(0);
    u64::try_from(badness * 1000 / u128::from(memory_and_swap(snapshot))).unwrap_or(u64::MAX).max(1)
}

/// At least 1.
fn memory_and_swap(snapshot: &Snapshot) -> u64 {
    snapshot.host.memory_total_bytes.saturating_add(snapshot.host.swap_total_bytes).max(1)
}

/// A process as the kernel's OOM killer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelsView {
    /// Its row in the snapshot.
    pub row: u32,
    /// What it is shifted by.
    pub oom_score_adj: i16,
    /// Memory and swap together are the total here.
    pub badness_bytes: i64,
    /// What `/proc/PID/oom_score` has (proc_pid_oom_score(5)): 0 to 2000, 666 for one that holds nothing and
    /// is not shifted.
    pub oom_score: i64,
}

/// The order in which the kernel's OOM killer would choose (`oom_evaluate_task` in mm/oom_kill.c): the
/// largest badness first, and of equal ones the one that was started later. Of a scope only its processes.
///
/// `oom_score_adj` gives the value of a row. The kernel takes neither process 1 nor its own threads, and none
/// with -1000.
#[must_use]
pub fn kernels_order(snapshot: &Snapshot, oom_score_adj: impl Fn(usize) -> i16) -> Vec<KernelsView> {
    const NEVER: [u32; 3] = [flags::KERNEL_THREAD, flags::ZOMBIE, flags::OUT_OF_SCOPE];
    let (processes, total_bytes) = (&snapshot.processes, memory_and_swap(snapshot));
    let total = i64::try_from(total_bytes).unwrap_or(i64::MAX);
    let of = |(number, row): (u32, usize)| {
        let oom_score_adj = oom_score_adj(row);
        let is_out = NEVER.iter().any(|&flag| processes.has(row, flag));
        if is_out || processes.pids.get(row) == Some(&1) || oom_score_adj == -1000 {
            return None;
        }
        let badness_bytes = shifted(processes, row, total_bytes, oom_score_adj);
        let permille = i128::from(badness_bytes) * 1000 / i128::from(total);
        let oom_score = i64::try_from((1000 + permille) * 2 / 3).unwrap_or(i64::MAX);
        Some(KernelsView { row: number, oom_score_adj, badness_bytes, oom_score })
    };
    let mut order: Vec<KernelsView> = (0..).zip(0..processes.len()).filter_map(of).collect();
    let started = |view: &KernelsView| processes.id(view.row as usize).map(|id| (id.start_time, id.pid));
    order.sort_by_key(|process| core::cmp::Reverse((process.badness_bytes, started(process))));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::sync::Arc;
    use alloc::vec;

    #[test]
    fn the_kernel_takes_the_largest_and_of_equals_the_later_one_and_never_what_is_shielded() {
        let mut snapshot = Snapshot::default();
        (snapshot.host.memory_total_bytes, snapshot.host.swap_total_bytes) = (900_000, 100_000);
        let table = &mut snapshot.processes;
        table.pids = Arc::new(vec![1, 2, 30, 40, 50, 60]);
        table.start_times = Arc::new(vec![1, 1, 5, 9, 7, 8]);
        table.flags = Arc::new(vec![0, flags::KERNEL_THREAD, 0, 0, 0, 0]);
        table.rss_anon_bytes = Arc::new(vec![900_000, 0, 1_000, 1_000, 500_000, 20_000]);
        table.oom_score_adjs = Arc::new(vec![0, 0, 0, 0, -1000, -100]);
        let order = |adj: &dyn Fn(usize) -> i16| -> Vec<(u32, i64, i64)> {
            let order = kernels_order(&snapshot, adj);
            order.iter().map(|view| (view.row, view.badness_bytes, view.oom_score)).collect()
        };
        let now = order(&|row| snapshot.processes.oom_score_adj(row));
        assert_eq!(now, [(3, 1_000, 667), (2, 1_000, 667), (5, -80_000, 613)]);
        let unshifted = order(&|_| 0);
        assert_eq!(unshifted.first(), Some(&(4, 500_000, 1000)));
    }
}
