//! What benchmarks of several crates share.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The processor time that this process has used, to the nanosecond: `schedstat` of one that runs lags by a
/// tick of the scheduler.
///
/// # Panics
/// Never, by clock_gettime(2).
#[must_use]
pub fn own_cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).expect("after the start")
}

/// The median of each of several figures.
///
/// # Panics
/// Without any.
#[must_use]
pub fn medians<const N: usize>(mut turns: Vec<[f64; N]>) -> [f64; N] {
    std::array::from_fn(|figure| {
        turns.sort_by(|a, b| a[figure].total_cmp(&b[figure]));
        turns[turns.len() / 2][figure]
    })
}
