//! The built-in ranking: the kernel's own measure, for processes that no policy names.

use jettison_model::{Processes, Snapshot};

/// The kernel's badness in bytes: rss + swap + page tables, shifted by the original `oom_score_adj` in
/// thousandths of the total (`oom_badness` in mm/oom_kill.c).
#[must_use]
pub fn badness(processes: &Processes, row: usize, total_bytes: u64) -> i64 {
    let footprint = i64::try_from(processes.footprint_bytes(row)).unwrap_or(i64::MAX);
    let total = i64::try_from(total_bytes).unwrap_or(i64::MAX);
    footprint.saturating_add((total / 1000).saturating_mul(i64::from(processes.oom_score_adj(row))))
}

/// The same in thousandths of the total memory and swap, at least 1: what the built-in ranking scores by when
/// it has to decide.
#[must_use]
pub fn score(snapshot: &Snapshot, badness: i64) -> u64 {
    let total = snapshot.host.memory_total_bytes.saturating_add(snapshot.host.swap_total_bytes).max(1);
    let badness = u128::try_from(badness.max(0)).unwrap_or(0);
    u64::try_from(badness * 1000 / u128::from(total)).unwrap_or(u64::MAX).max(1)
}
