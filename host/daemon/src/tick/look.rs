//! The cheap look between ticks: is one due, and when is the next look?
//!
//! PSI alone is late without swap (a recorded trace shows 5 % of stalling with 91 MiB left), so a timer looks at
//! the levels beside the triggers: soon enough that the fastest filling seen cannot pass from here to `act`
//! unseen, and no more often than that.

use jettison_act::Kernel;
use jettison_decide::{Level, gate};
use jettison_sense::Left;
use tracing::{info, warn};

use super::Core;
use crate::pipeline::{Consult, Sense};

/// Between ticks below `warn`, so that growth is known in time.
const WARN_TICK_MS: u64 = 1_000;
/// Between looks at victims underway.
const UNDERWAY_LOOK_MS: u64 = 50;

/// Nothing fills memory slower than this in our reckoning: a single core writes new pages at about 1 GB/s.
const FILL_FLOOR_BYTES_PER_MS: u64 = 1_000_000;
/// Bounds of the wait between two looks.
const LOOK_MS: std::ops::RangeInclusive<u64> = 100..=10_000;

/// What is remembered of looks and ticks. Times are of the boot clock.
#[derive(Debug, Default)]
pub(crate) struct Look {
    last_tick_ms: u64,
    /// From the last look to the next.
    wait_ms: u64,
    fill: Fill,
    /// Nothing was near `warn` at the last look, or soon will be.
    is_calm: bool,
    is_scope_missing: bool,
}

impl Look {
    /// The next tick is due now.
    pub(crate) fn hurry(&mut self) {
        *self = Self { last_tick_ms: 0, wait_ms: 0, ..*self };
    }

    pub(super) fn is_calm(&self) -> bool {
        self.is_calm
    }

    pub(super) fn has_ticked(&mut self, now_ms: u64) {
        self.last_tick_ms = now_ms;
    }
}

impl<S: Sense, P: Consult, K: Kernel> Core<S, P, K> {
    /// How long nothing has to be looked at, unless something happens.
    pub(crate) fn wait_ms(&self, now_ms: u64) -> u64 {
        if !self.underway.is_empty() {
            let deadline = self.underway.iter().filter_map(|unit| unit.escalation.next_deadline_ms()).min();
            return deadline
                .map_or(UNDERWAY_LOOK_MS, |at| at.saturating_sub(now_ms).clamp(1, UNDERWAY_LOOK_MS));
        }
        let routine = (self.look.last_tick_ms + self.interval_ms).saturating_sub(now_ms);
        self.look.wait_ms.min(routine)
    }

    /// Looks at the levels. Sets when to look next.
    pub(crate) fn is_tick_due(&mut self, now_ms: u64) -> bool {
        self.look.is_calm = false;
        if !self.is_scope_there() {
            self.look.wait_ms = WARN_TICK_MS;
            return false;
        }
        let since_tick = now_ms.saturating_sub(self.look.last_tick_ms);
        let Some(memory) = self.pipeline.sensor.probe() else {
            self.look.wait_ms = WARN_TICK_MS;
            return since_tick >= self.interval_ms;
        };
        let thresholds = self.pipeline.settings.thresholds;
        let fastest = self.look.fill.saw(now_ms, memory.available_bytes);
        let headroom = |total: u64, available: u64| available.saturating_sub(thresholds.act.of(total));
        let mut nearest = headroom(memory.total_bytes, memory.available_bytes);
        let mut level = gate::level(memory.total_bytes, memory.available_bytes, &thresholds);
        let level_of = |left: Left| gate::level(left.limit_bytes, left.left_bytes, &thresholds);
        if let Some(left) = self.pipeline.sensor.nearest_limit(|left| level_of(left) > Level::Calm) {
            nearest = nearest.min(headroom(left.limit_bytes, left.left_bytes));
            level = level.max(level_of(left));
        }
        self.look.wait_ms = next_look_ms(nearest, fastest);
        let psi = self.psi_fired_at_ms.is_some_and(|at| now_ms.saturating_sub(at) <= gate::PSI_FRESH_MS);
        if !self.underway.is_empty() {
            return true;
        }
        self.look.is_calm = level == Level::Calm && !self.look.fill.is_soon_gone(nearest);
        let soon_ms = WARN_TICK_MS.min(self.interval_ms);
        match level {
            Level::Act | Level::Critical => true,
            Level::Warn => psi || since_tick >= soon_ms,
            Level::Calm if !self.look.is_calm => since_tick >= soon_ms,
            Level::Calm => since_tick >= self.interval_ms,
        }
    }

    fn is_scope_there(&mut self) -> bool {
        let is_there = self.pipeline.sensor.scope_exists();
        match (is_there, self.look.is_scope_missing) {
            (false, false) => warn!("the scope's memcg is gone: waiting for it to come back"),
            (true, true) => info!("the scope's memcg is back"),
            _ => {}
        }
        self.look.is_scope_missing = !is_there;
        is_there
    }
}

/// How long until the next look, from how many bytes lie between now and `act` in the nearest domain.
fn next_look_ms(headroom_bytes: u64, fastest_bytes_per_ms: u64) -> u64 {
    let rate = fastest_bytes_per_ms.max(FILL_FLOOR_BYTES_PER_MS);
    (headroom_bytes / rate).clamp(*LOOK_MS.start(), *LOOK_MS.end())
}

/// Memory that would be gone within so long at the pace of the last two looks is watched as closely as below `warn`.
const SOON_MS: u64 = 10_000;

/// How fast available memory falls between two looks.
#[derive(Clone, Copy, Debug, Default)]
struct Fill {
    last: Option<(u64, u64)>,
    /// Between the last two.
    now_bytes_per_ms: u64,
    fastest_bytes_per_ms: u64,
}

impl Fill {
    /// Takes in a look and returns the fastest fill so far, in bytes per millisecond.
    fn saw(&mut self, now_ms: u64, available_bytes: u64) -> u64 {
        if let Some((at_ms, before)) = self.last {
            self.now_bytes_per_ms =
                before.saturating_sub(available_bytes) / now_ms.saturating_sub(at_ms).max(1);
            self.fastest_bytes_per_ms = self.fastest_bytes_per_ms.max(self.now_bytes_per_ms);
        }
        self.last = Some((now_ms, available_bytes));
        self.fastest_bytes_per_ms
    }

    /// Whether so many bytes are used up soon if it goes on like this: then scans must come often enough for it to be
    /// known who grows.
    fn is_soon_gone(&self, headroom_bytes: u64) -> bool {
        headroom_bytes < self.now_bytes_per_ms.saturating_mul(SOON_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_follows_the_headroom_within_its_bounds() {
        assert_eq!(next_look_ms(0, 0), 100);
        assert_eq!(next_look_ms(3_000_000_000, 0), 3_000);
        assert_eq!(next_look_ms(100_000_000_000, 0), 10_000);
        assert_eq!(next_look_ms(10_000_000_000, 5_000_000), 2_000);
    }

    #[test]
    fn the_fastest_fill_is_remembered() {
        let mut fill = Fill::default();
        assert_eq!(fill.saw(0, 5_000), 0);
        assert_eq!(fill.saw(10, 1_000), 400);
        assert_eq!(fill.saw(20, 9_000), 400);
    }

    #[test]
    fn what_falls_fast_is_soon_gone_and_what_rises_again_is_not() {
        let mut fill = Fill::default();
        fill.saw(0, 500_000);
        assert!(!fill.is_soon_gone(1));
        fill.saw(100, 499_000);
        assert!(fill.is_soon_gone(99_999) && !fill.is_soon_gone(100_000));
        fill.saw(200, 499_500);
        assert!(!fill.is_soon_gone(1));
    }
}
