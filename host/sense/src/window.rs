//! Two points in the past that a rate is taken from.
//!
//! ```text
//!   older ───────────── newer ──── now        rate = (now - older) / time
//!     └ 1 to 2 s or a scan ago       └ once newer is 1 s old it becomes older, and now becomes newer
//! ```

/// A rate is over at least this long, as soon as there is so much history.
const SPAN_MS_MIN: u64 = 1_000;
/// Two scans closer than this say nothing.
const STEP_MS_MIN: u64 = 50;

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
    /// One that begins at `older`, seen again at `newer`; the same where there is but one point.
    pub(crate) fn new(older: Point<T>, newer: Point<T>) -> Self {
        Self { older, newer }
    }

    /// Moves on. Says what to compare `now` with, and how many milliseconds ago that was; `None` if that was too
    /// recently, so that an earlier rate stays.
    pub(crate) fn advance(&mut self, now: Point<T>) -> Option<(T, u64)> {
        if now.at_ms.saturating_sub(self.newer.at_ms) >= SPAN_MS_MIN {
            self.older = self.newer;
            self.newer = now;
        }
        let ms = now.at_ms.saturating_sub(self.older.at_ms);
        (ms >= STEP_MS_MIN).then_some((self.older.value, ms))
    }
}
