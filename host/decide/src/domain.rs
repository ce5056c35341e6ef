//! The memory domain that a tick is about: the host or the scope, or the memcg that is at its own limit.

use jettison_model::column::{UNKNOWN_S64, known_u64, row as row_of};
use jettison_model::{Cause, ProcessId, Snapshot};

use crate::eligible::is_below;
use crate::gate;
use crate::settings::Thresholds;

/// From a signal until the memory is free again: delivery, exit, reaping. Measured in a guest at 40 to 180 ms
/// (docs/benchmarks).
pub const EXIT_MS: u64 = 250;

/// When memory is at its end.
#[derive(Clone, Copy, Debug)]
pub enum End<'a> {
    /// At half of `critical`.
    ///
    /// The last that counts as available are pages of programs that are read again as soon as they are taken,
    /// so it falls ever more slowly and never to nothing. In a guest of 469 MiB the kernel's OOM killer came
    /// at 6.
    Early(&'a Thresholds),
    /// When nothing is left: for what is protected, SIGKILL by us is no better than by the kernel.
    Late,
}

impl End<'_> {
    /// What is still available then, of so much memory.
    #[must_use]
    pub fn of(self, total_bytes: u64) -> u64 {
        match self {
            Self::Early(thresholds) => thresholds.critical.of(total_bytes) / 2,
            Self::Late => 0,
        }
    }
}

/// The memcg whose own limit is the cause. Victims come only from its subtree, and only they help it.
pub(crate) fn limited_path(snapshot: &Snapshot) -> Option<&[u8]> {
    limited_row(snapshot).map(|row| snapshot.memcgs.paths.get(row))
}

fn limited_row(snapshot: &Snapshot) -> Option<usize> {
    match snapshot.request.cause {
        Cause::MemcgLimit => row_of(snapshot.request.cause_memcg),
        Cause::Routine | Cause::Warning | Cause::Pressure | Cause::Critical | Cause::Manual => None,
    }
}

/// Whether the end of a process could relieve the domain.
pub(crate) fn is_inside(snapshot: &Snapshot, row: usize) -> bool {
    limited_path(snapshot).is_none_or(|path| {
        let memcg = snapshot.processes.memcgs.get(row).copied().and_then(row_of);
        memcg.is_some_and(|memcg| is_below(snapshot.memcgs.paths.get(memcg), path))
    })
}

/// Whether the end of any of these processes could.
pub(crate) fn could_relieve(snapshot: &Snapshot, members: &[ProcessId]) -> bool {
    let mut rows = members.iter().filter_map(|&member| snapshot.processes.row_of(member));
    limited_path(snapshot).is_none() || rows.any(|row| is_inside(snapshot, row))
}

/// How fast the memcg of this row grows; `None` while it does not, or where that is not known.
fn growth_bytes_per_s(snapshot: &Snapshot, row: usize) -> Option<u64> {
    let growth = snapshot.memcgs.growth_bytes_per_s.get(row).copied().filter(|&rate| rate != UNKNOWN_S64)?;
    u64::try_from(growth).ok().filter(|&rate| rate > 0)
}

/// How fast what is available in the domain falls. 0 while it does not, or where that is not known.
#[must_use]
pub fn fall_bytes_per_s(snapshot: &Snapshot) -> u64 {
    let Some(row) = limited_row(snapshot) else {
        let available = known_u64(snapshot.host.memory_available_bytes);
        let exhaustion_ms = known_u64(snapshot.host.trend.memory_exhaustion_ms);
        // What is left, by the time that it lasts.
        return available
            .zip(exhaustion_ms)
            .map_or(0, |(available, ms)| available.saturating_mul(1000) / ms.max(1));
    };
    growth_bytes_per_s(snapshot, row).unwrap_or(0)
}

/// Milliseconds until the domain is at its end, at the rate at which it falls now. `None` while it does not
/// fall, or where that is not known.
pub(crate) fn exhaustion_ms(snapshot: &Snapshot, end: End<'_>) -> Option<u64> {
    let host = &snapshot.host;
    let Some(row) = limited_row(snapshot) else {
        let ms = known_u64(host.trend.memory_exhaustion_ms)?;
        let Some(available) = known_u64(host.memory_available_bytes) else { return Some(ms) };
        let usable = available.saturating_sub(end.of(host.memory_total_bytes));
        let left = u128::from(ms) * u128::from(usable) / u128::from(available.max(1));
        // At most `ms`, of which it is a part.
        return Some(u64::try_from(left).unwrap_or(ms));
    };
    let growth = growth_bytes_per_s(snapshot, row)?;
    let (limit, left) = gate::headroom(&snapshot.memcgs, row)?;
    Some(left.saturating_sub(end.of(limit)).saturating_mul(1000) / growth)
}

/// How long these processes may take to end before the memory runs out: the time until exhaustion less what
/// signal, exit and reaping take. `None` if nothing hurries them: the domain does not fall, or they cannot
/// relieve it.
#[must_use]
pub fn time_left_ms(snapshot: &Snapshot, members: &[ProcessId], end: End<'_>) -> Option<u64> {
    let left = exhaustion_ms(snapshot, end)?.saturating_sub(EXIT_MS);
    could_relieve(snapshot, members).then_some(left)
}

/// The most that any victim's end can give back: all that is in use, of memory and of swap.
pub(crate) fn in_use_bytes(snapshot: &Snapshot) -> u64 {
    let host = &snapshot.host;
    // What is not known bounds nothing.
    let (Some(total), Some(available)) =
        (known_u64(host.memory_total_bytes), known_u64(host.memory_available_bytes))
    else {
        return u64::MAX;
    };
    let swapped = host.swap_total_bytes.saturating_sub(host.swap_free_bytes);
    total.saturating_sub(available).saturating_add(swapped)
}
