//! The share of time in which all tasks were stalled on memory, over longer than a rate is: `total` of PSI
//! `full` (Documentation/accounting/psi.rst) at two moments. `avg10` would do for neither: it is an average
//! that decays, so it lags behind and remembers.

use std::collections::VecDeque;

use jettison_model::column::UNKNOWN_U64;

/// Looks that are remembered: one a second is enough for the longest span.
const KEPT: usize = 40;
const STEP_MS: u64 = 1_000;
/// The longest span that is asked for.
const SPAN_MS_MAX: u64 = 30_000;
const US_PER_S: u128 = 1_000_000;

/// Sums of stall, and when they were read. Allocated once.
#[derive(Debug)]
pub(crate) struct Stalls {
    sums: VecDeque<(u64, u64)>,
}

impl Default for Stalls {
    fn default() -> Self {
        Self { sums: VecDeque::with_capacity(KEPT) }
    }
}

impl Stalls {
    /// Takes in a look. Without a sum, or with a smaller one than before (the memcg of the scope was made
    /// anew), all that was known is forgotten.
    pub(crate) fn note(&mut self, now_ms: u64, total_us: Option<u64>) {
        let Some(total_us) = total_us else {
            self.sums.clear();
            return;
        };
        match self.sums.back() {
            Some(&(_, last_us)) if last_us > total_us => self.sums.clear(),
            Some(&(at_ms, _)) if now_ms.saturating_sub(at_ms) < STEP_MS => return,
            _ => {}
        }
        // One that is older than the longest span stays: the span may lie between two looks.
        while self.sums.len() == KEPT || self.is_second_old_enough(now_ms) {
            self.sums.pop_front();
        }
        self.sums.push_back((now_ms, total_us));
    }

    fn is_second_old_enough(&self, now_ms: u64) -> bool {
        self.sums.get(1).is_some_and(|&(at_ms, _)| now_ms.saturating_sub(at_ms) >= SPAN_MS_MAX)
    }

    /// Microseconds of stall in a second, over the last `span_ms`, or over a little more where no look was
    /// just then; unknown as long as there was none so long ago.
    pub(crate) fn over(&self, span_ms: u64, now_ms: u64, total_us: Option<u64>) -> u64 {
        let is_old_enough = |&&(at_ms, _): &&(u64, u64)| now_ms.saturating_sub(at_ms) >= span_ms;
        let from = self.sums.iter().rev().find(is_old_enough);
        let Some((&(at_ms, from_us), to_us)) = from.zip(total_us) else { return UNKNOWN_U64 };
        let stalled = u128::from(to_us.saturating_sub(from_us));
        let per_s = stalled * 1_000 / u128::from(now_ms.saturating_sub(at_ms).max(1));
        // The sum is of another clock than the look, so the rate may come out above 1 s/s.
        u64::try_from(per_s.min(US_PER_S)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// After looks at these times (s) with these sums (ms).
    fn over_10_s(looks: &[(u64, u64)]) -> u64 {
        let mut stalls = Stalls::default();
        let mut last = UNKNOWN_U64;
        for &(at_s, total_ms) in looks {
            let total = Some(total_ms * 1_000);
            stalls.note(at_s * 1_000, total);
            last = stalls.over(10_000, at_s * 1_000, total);
        }
        last
    }

    #[test]
    fn a_share_is_of_the_whole_span() {
        assert_eq!(over_10_s(&[(100, 0)]), UNKNOWN_U64, "one look");
        assert_eq!(over_10_s(&[(100, 0), (109, 9_000)]), UNKNOWN_U64, "not ten seconds yet");
        assert_eq!(over_10_s(&[(100, 0), (110, 4_000)]), 400_000);
        assert_eq!(over_10_s(&[(100, 0), (105, 4_000), (110, 4_000), (115, 4_000)]), 0);
        assert_eq!(over_10_s(&[(100, 0), (120, 4_000)]), 200_000, "the last look was 20 s ago");
        assert_eq!(over_10_s(&[(100, 0), (110, 10_900)]), 1_000_000);
    }

    #[test]
    fn what_is_not_comparable_is_forgotten() {
        assert_eq!(over_10_s(&[(100, 50_000), (110, 10)]), UNKNOWN_U64, "the memcg was made anew");
        let mut stalls = Stalls::default();
        stalls.note(100_000, Some(0));
        stalls.note(105_000, None);
        assert_eq!(stalls.over(10_000, 110_000, Some(5_000)), UNKNOWN_U64);
    }

    proptest! {
        #[test]
        fn looks_are_bounded_and_no_share_is_more_than_all(
            steps in proptest::collection::vec((1_u64..5_000, 0_u64..5_000), 1..300)
        ) {
            let (mut stalls, mut now_ms, mut total_us) = (Stalls::default(), 0, 0);
            let (capacity, mut first_ms) = (stalls.sums.capacity(), None);
            for (step_ms, stalled_ms) in steps {
                now_ms += step_ms;
                total_us += stalled_ms.min(step_ms) * 1_000;
                stalls.note(now_ms, Some(total_us));
                let shares = [10_000, 30_000].map(|span| stalls.over(span, now_ms, Some(total_us)));
                prop_assert!(shares.iter().all(|&share| share <= 1_000_000 || share == UNKNOWN_U64));
                let first_ms = *first_ms.get_or_insert(now_ms);
                prop_assert!(now_ms - first_ms < 30_000 || shares[1] != UNKNOWN_U64);
            }
            prop_assert_eq!(stalls.sums.capacity(), capacity);
        }
    }
}
