//! How fast one number changes.

use jettison_model::column::UNKNOWN_S64;

pub(crate) use crate::rate::window::{Point, Window};

/// The rate of the last hour up to now, per second; [`UNKNOWN_S64`] before there are five minutes.
pub(crate) fn hourly(window: &mut Window<u64>, now: Point) -> i64 {
    window.advance_hour(now).map_or(UNKNOWN_S64, |(before, ms)| rate(before, now.value, ms))
}

/// A number and its rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trend {
    window: Window<u64>,
    rate: i64,
}

impl Trend {
    /// Of a number that was `older` and is `newer` now.
    pub(crate) fn new(older: Point, newer: Point) -> Self {
        Self { window: Window::new(older, newer), rate: UNKNOWN_S64 }
    }

    /// The rate up to now, per second; [`UNKNOWN_S64`] as long as there is only one point.
    pub(crate) fn rate(&mut self, now: Point) -> i64 {
        if let Some((before, ms)) = self.window.advance(now) {
            self.rate = rate(before, now.value, ms);
        }
        self.rate
    }
}

/// Of `to` after so many milliseconds, per second.
pub(crate) fn rate(from: u64, to: u64, ms: u64) -> i64 {
    let per_s = (i128::from(to) - i128::from(from)) * 1000 / i128::from(ms.max(1));
    let most = i128::from(i64::MAX);
    i64::try_from(per_s.clamp(-most, most)).unwrap_or(i64::MAX)
}
