//! Durations, counted by size.

/// Upper bounds, microseconds: from a consultation of a small host to a tick of a stalling one.
pub(super) const BOUNDS_US: [u64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000];

/// How many values there were up to each bound, and their sum.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    /// Of each bound alone; the last is of what is larger than all.
    counts: [u64; BOUNDS_US.len() + 1],
    sum_us: u64,
}

impl Histogram {
    pub(crate) fn note(&mut self, us: u64) {
        let at = BOUNDS_US.partition_point(|&bound| bound < us);
        if let Some(count) = self.counts.get_mut(at) {
            *count += 1;
        }
        self.sum_us = self.sum_us.saturating_add(us);
    }

    /// For each bound the number of values up to it.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        BOUNDS_US.into_iter().zip(self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        }))
    }

    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub(super) fn sum_us(&self) -> u64 {
        self.sum_us
    }
}
