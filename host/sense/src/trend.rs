//! How fast one number changes: two points in time.
//!
//! ```text
//!   older ───────────── newer ──── now        rate = (now - older) / time
//!     └ 1 to 2 s or a tick ago       └ once newer is 1 s old it becomes older, and now becomes newer
//! ```

use jettison_model::column::UNKNOWN_S64;

/// A rate is over at least this long, as soon as there is so much history.
const SPAN_MS_MIN: u64 = 1_000;
/// Two scans closer than this say nothing: the earlier rate stays.
const STEP_MS_MIN: u64 = 50;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    pub(crate) at_ms: u64,
    pub(crate) value: u64,
}

/// The two points, and the rate that they last gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trend {
    older: Point,
    newer: Point,
    rate: i64,
}

impl Trend {
    /// Of something that had `older` and has `newer` now.
    pub(crate) fn new(older: Point, newer: Point) -> Self {
        Self { older, newer, rate: UNKNOWN_S64 }
    }

    /// The rate up to now, per second; [`UNKNOWN_S64`] as long as there is only one point.
    pub(crate) fn rate(&mut self, now: Point) -> i64 {
        if now.at_ms.saturating_sub(self.newer.at_ms) >= SPAN_MS_MIN {
            self.older = self.newer;
            self.newer = now;
        }
        if let Some(rate) = rate(self.older, now) {
            self.rate = rate;
        }
        self.rate
    }
}

fn rate(from: Point, to: Point) -> Option<i64> {
    let ms = to.at_ms.saturating_sub(from.at_ms);
    if ms < STEP_MS_MIN {
        return None;
    }
    let per_s = (i128::from(to.value) - i128::from(from.value)) * 1000 / i128::from(ms);
    let most = i128::from(i64::MAX);
    i64::try_from(per_s.clamp(-most, most)).ok()
}
