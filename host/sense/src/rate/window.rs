//! Two points in the past, from which rates are computed.
//!
//! ```text
//!   older ───────────── newer ──── now        rate = (now - older) / time
//!     └ 1 to 2 s or a scan ago       └ once newer is 1 s old it becomes older, and now becomes newer
//! ```

/// A rate is over at least this time, once there is so much history.
const SPAN_MS_MIN: u64 = 1_000;
/// Two scans closer than this give no rate.
const STEP_MS_MIN: u64 = 50;
/// Likewise of the rate of an hour: its points are 30 minutes apart, so it is over 30 to 60 minutes.
const HOUR_SPAN_MS_MIN: u64 = 1_800_000;
/// Less than five minutes say nothing of an hour.
const HOUR_STEP_MS_MIN: u64 = 300_000;

/// What was counted, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point<T = u64> {
    pub(crate) at_ms: u64,
    pub(crate) value: T,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Window<T> {
    older: Point<T>,
    newer: Point<T>,
}

impl<T: Copy> Window<T> {
    /// `older` and `newer` are the same where there is only one point.
    pub(crate) fn new(older: Point<T>, newer: Point<T>) -> Self {
        Self { older, newer }
    }

    /// The newer point's.
    pub(crate) fn newest(&self) -> T {
        self.newer.value
    }

    /// Moves on to `now`. Returns the value to compare it with, and how many milliseconds ago that was;
    /// `None` if that is too recent, so an earlier rate stays.
    pub(crate) fn advance(&mut self, now: Point<T>) -> Option<(T, u64)> {
        self.advance_over(now, SPAN_MS_MIN, STEP_MS_MIN)
    }

    /// The same over the last half to whole hour; `None` before there are five minutes.
    pub(crate) fn advance_hour(&mut self, now: Point<T>) -> Option<(T, u64)> {
        self.advance_over(now, HOUR_SPAN_MS_MIN, HOUR_STEP_MS_MIN)
    }

    fn advance_over(&mut self, now: Point<T>, span_ms: u64, step_ms: u64) -> Option<(T, u64)> {
        if now.at_ms.saturating_sub(self.newer.at_ms) >= span_ms {
            self.older = self.newer;
            self.newer = now;
        } else if now.at_ms == self.newer.at_ms {
            // A scan that follows a glance in the same tick knows better.
            self.newer = now;
        }
        let ms = now.at_ms.saturating_sub(self.older.at_ms);
        (ms >= step_ms).then_some((self.older.value, ms))
    }
}
