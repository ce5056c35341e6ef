//! Quantiles of the last few hundred values.

use std::collections::VecDeque;

/// Values that quantiles are taken from.
const LENGTH_MAX: usize = 256;

/// The last few hundred values of something.
#[derive(Clone, Debug, Default)]
pub struct Samples(VecDeque<u64>);

impl Samples {
    /// Adds a value and drops the oldest.
    pub fn push(&mut self, value: u64) {
        if self.0.len() == LENGTH_MAX {
            self.0.pop_front();
        }
        self.0.push_back(value);
    }

    /// The latest.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.0.back().copied()
    }

    /// Median and 99th percentile; 0 without a value.
    #[must_use]
    pub fn quantiles(&self) -> (u64, u64) {
        let mut sorted: Vec<u64> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        let at =
            |percent: usize| sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)));
        (at(50).copied().unwrap_or(0), at(99).copied().unwrap_or(0))
    }
}
