//! When the next tick is due, and when to observe the levels next.
//!
//! A timer observes the levels beside the PSI triggers, since PSI alone is late without swap: a recorded
//! trace shows 5 % of stalling with 91 MiB left. The timer is set as late as the fastest filling seen allows:
//! memory must not pass from the present level to `act` unobserved.
//!
//! ```text
//!              observe                              a tick is due
//!   calm  ──────────────▶ level calm, slow          after `adjust.interval_ms`: a glance
//!   close ──────────────▶ level calm, but filling   after 1 s: in focus, so that growth is known in time
//!   stall ──────────────▶ level calm, but a PSI     after 1 s, likewise: what stalls may thrash; at once
//!                         trigger has fired         where it is that of a memcg
//!   warn  ──────────────▶ below `warn`              after 1 s, or at once when a PSI trigger has fired
//!   act   ──────────────▶ at or below `act`         at once
//!   any   ──────────────▶ victims under way         at once, every 50 ms or at their next deadline
//! ```
//!
//! Each observation finds the state anew; nothing but the fill rate is carried over. While the memcg of
//! `[scope]` is missing no tick is due.

use jettison_decide::{Level, Signals, Thresholds, gate};
use jettison_sense::{Left, Sense};
use tracing::{info, warn};

use crate::pipeline::Depth;

/// Between ticks below `warn`, so that growth is known in time.
const WARN_TICK_MS: u64 = 1_000;
/// Between observations of victims under way.
const UNDERWAY_MS: u64 = 50;

/// Nothing is taken to fill memory slower than this: a single core writes new pages at about 1 GB/s.
const FILL_FLOOR_BYTES_PER_MS: u64 = 1_000_000;
/// Bounds of the wait between two observations.
const WAIT_MS: std::ops::RangeInclusive<u64> = 100..=10_000;
/// The fastest fill fades to a third within so long.
const FADE_MS: u64 = 600_000;
/// Memory that would be gone within so long at the present rate is watched as closely as below `warn`.
const SOON_MS: u64 = 10_000;

/// What one cheap read of the levels finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Observation {
    /// The memcg of `[scope]` is not there.
    ScopeMissing,
    /// The host's memory cannot be read.
    Unknown,
    Levels(Levels),
}

/// The levels of the host and of the watched memcgs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Levels {
    most_severe: Level,
    /// From the present level down to `act`, in the nearest domain.
    headroom_bytes: u64,
    /// Of the host.
    available_bytes: u64,
}

impl Observation {
    pub(crate) fn of(sensor: &mut impl Sense, thresholds: &Thresholds) -> Self {
        if !sensor.scope_exists() {
            return Self::ScopeMissing;
        }
        let Some(memory) = sensor.probe() else { return Self::Unknown };
        let headroom = |total: u64, available: u64| available.saturating_sub(thresholds.act.of(total));
        let mut levels = Levels {
            most_severe: gate::level(memory.total_bytes, memory.available_bytes, thresholds),
            headroom_bytes: headroom(memory.total_bytes, memory.available_bytes),
            available_bytes: memory.available_bytes,
        };
        let level_of = |left: Left| gate::level(left.limit_bytes, left.left_bytes, thresholds);
        if let Some(left) = sensor.nearest_limit(|left| level_of(left) > Level::Calm) {
            levels.most_severe = levels.most_severe.max(level_of(left));
            levels.headroom_bytes = levels.headroom_bytes.min(headroom(left.limit_bytes, left.left_bytes));
        }
        Self::Levels(levels)
    }
}

/// What makes a tick due beside the levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pressing {
    pub(crate) has_victims: bool,
    /// The host's trigger.
    pub(crate) psi_fired_at_ms: Option<u64>,
    /// The latest of those of memcgs.
    pub(crate) memcg_psi_fired_at_ms: Option<u64>,
}

impl Pressing {
    pub(crate) fn of(signals: &Signals, has_victims: bool) -> Self {
        let memcgs = signals.memcg_psi_fired_at_ms.iter();
        Self {
            has_victims,
            psi_fired_at_ms: signals.psi_fired_at_ms,
            memcg_psi_fired_at_ms: memcgs.map(|&(_, at_ms)| at_ms).max(),
        }
    }
}

/// What is remembered from one observation to the next. Times are of the boot clock.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    interval_ms: u64,
    last_tick_ms: u64,
    /// From the last observation to the next.
    wait_ms: u64,
    fill: Fill,
    /// The last observation found all levels calm, and none that will not be soon.
    is_calm: bool,
    is_scope_missing: bool,
}

impl Schedule {
    /// Sets the interval of routine ticks. The next one is due now.
    pub(crate) fn configure(&mut self, interval_ms: u64) {
        (self.interval_ms, self.last_tick_ms, self.wait_ms) = (interval_ms, 0, 0);
    }

    pub(crate) fn has_ticked(&mut self, now_ms: u64) {
        self.last_tick_ms = now_ms;
    }

    /// How much the next tick has to read.
    pub(crate) fn depth(&self, has_victims: bool) -> Depth {
        if self.is_calm && !has_victims { Depth::Glance } else { Depth::Focus }
    }

    /// How long until the next observation, unless an event comes first.
    pub(crate) fn wait_ms(&self, now_ms: u64) -> u64 {
        let routine = (self.last_tick_ms + self.interval_ms).saturating_sub(now_ms);
        self.wait_ms.min(routine)
    }

    /// Likewise, with victims under way. `deadline_ms` is the next one of theirs.
    pub(crate) fn wait_for_victims_ms(now_ms: u64, deadline_ms: Option<u64>) -> u64 {
        deadline_ms.map_or(UNDERWAY_MS, |at| at.saturating_sub(now_ms).clamp(1, UNDERWAY_MS))
    }

    /// Takes in an observation. Returns whether a tick is due, and sets when to observe next.
    pub(crate) fn is_due(&mut self, now_ms: u64, observation: Observation, pressing: Pressing) -> bool {
        self.is_calm = false;
        self.note_scope(observation != Observation::ScopeMissing);
        let since_tick = now_ms.saturating_sub(self.last_tick_ms);
        let Levels { most_severe, headroom_bytes, available_bytes } = match observation {
            Observation::Levels(levels) => levels,
            Observation::ScopeMissing | Observation::Unknown => {
                self.wait_ms = WARN_TICK_MS;
                return observation == Observation::Unknown && since_tick >= self.interval_ms;
            }
        };
        self.wait_ms = wait_ms(headroom_bytes, self.fill.note(now_ms, available_bytes));
        if pressing.has_victims {
            return true;
        }
        let is_fresh = |at: u64| now_ms.saturating_sub(at) <= gate::PSI_FRESH_MS;
        let psi = pressing.psi_fired_at_ms.is_some_and(is_fresh);
        let memcg_psi = pressing.memcg_psi_fired_at_ms.filter(|&at| is_fresh(at));
        // Tasks that stall are looked at closely, however much is called available: they may thrash.
        let is_stalled = psi || memcg_psi.is_some();
        self.is_calm = most_severe == Level::Calm && !is_stalled && !self.fill.is_soon_gone(headroom_bytes);
        if memcg_psi.is_some_and(|at| at >= self.last_tick_ms) {
            return true;
        }
        let soon_ms = WARN_TICK_MS.min(self.interval_ms);
        match most_severe {
            Level::Act | Level::Critical => true,
            Level::Warn => psi || since_tick >= soon_ms,
            Level::Calm if !self.is_calm => since_tick >= soon_ms,
            Level::Calm => since_tick >= self.interval_ms,
        }
    }

    fn note_scope(&mut self, is_there: bool) {
        match (is_there, self.is_scope_missing) {
            (false, false) => warn!("the scope's memcg is gone: waiting for it to come back"),
            (true, true) => info!("the scope's memcg is back"),
            _ => {}
        }
        self.is_scope_missing = !is_there;
    }
}

/// How long until the next observation, from the bytes between the present level and `act` in the nearest
/// domain.
fn wait_ms(headroom_bytes: u64, fastest_bytes_per_ms: u64) -> u64 {
    let rate = fastest_bytes_per_ms.max(FILL_FLOOR_BYTES_PER_MS);
    (headroom_bytes / rate).clamp(*WAIT_MS.start(), *WAIT_MS.end())
}

/// How fast available memory falls between two observations.
#[derive(Clone, Copy, Debug, Default)]
struct Fill {
    /// When, and how much was available.
    last: Option<(u64, u64)>,
    /// Between the last two.
    now_bytes_per_ms: u64,
    fastest_bytes_per_ms: u64,
}

impl Fill {
    /// Takes in an observation. Returns the fastest fill of late, in bytes per millisecond. It fades, so that
    /// one burst does not have a calm host looked at more often for ever.
    fn note(&mut self, now_ms: u64, available_bytes: u64) -> u64 {
        if let Some((at_ms, before)) = self.last {
            let passed_ms = now_ms.saturating_sub(at_ms);
            self.now_bytes_per_ms = before.saturating_sub(available_bytes) / passed_ms.max(1);
            let faded = self.fastest_bytes_per_ms / FADE_MS * passed_ms.min(FADE_MS);
            let kept = self.fastest_bytes_per_ms.saturating_sub(faded);
            self.fastest_bytes_per_ms = kept.max(self.now_bytes_per_ms);
        }
        self.last = Some((now_ms, available_bytes));
        self.fastest_bytes_per_ms
    }

    /// Whether so many bytes are used up soon at the present rate. Then ticks must come often enough for
    /// growth to be known.
    fn is_soon_gone(&self, headroom_bytes: u64) -> bool {
        headroom_bytes < self.now_bytes_per_ms.saturating_mul(SOON_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_follows_the_headroom_within_its_bounds() {
        assert_eq!(wait_ms(0, 0), 100);
        assert_eq!(wait_ms(3_000_000_000, 0), 3_000);
        assert_eq!(wait_ms(100_000_000_000, 0), 10_000);
        assert_eq!(wait_ms(10_000_000_000, 5_000_000), 2_000);
    }

    #[test]
    fn the_fastest_fill_is_remembered() {
        let mut fill = Fill::default();
        assert_eq!(fill.note(0, 5_000), 0);
        assert_eq!(fill.note(10, 1_000), 400);
        assert_eq!(fill.note(20, 9_000), 400);
    }

    #[test]
    fn the_fastest_fill_fades_within_the_hour() {
        let mut fill = Fill::default();
        fill.note(0, 20 << 30);
        let burst = fill.note(250, 18 << 30);
        assert!(burst > 8 * FILL_FLOOR_BYTES_PER_MS);
        let after_ms = |fill: &mut Fill, from_ms: u64, to_ms: u64| {
            let mut looks = (from_ms..to_ms).step_by(1_000);
            looks.by_ref().map(|at_ms| fill.note(at_ms, 18 << 30)).last().unwrap_or_default()
        };
        let soon = after_ms(&mut fill, 1_000, 60_000);
        assert!(soon > burst / 10 * 9 - burst / 50, "{soon} of {burst}: a burst may come again");
        assert!(after_ms(&mut fill, 60_000, 3_600_000) < FILL_FLOOR_BYTES_PER_MS);
        assert_eq!(wait_ms(1 << 40, after_ms(&mut fill, 3_600_000, 3_700_000)), *WAIT_MS.end());
    }

    #[test]
    fn what_falls_fast_is_soon_gone_and_what_rises_again_is_not() {
        let mut fill = Fill::default();
        fill.note(0, 500_000);
        assert!(!fill.is_soon_gone(1));
        fill.note(100, 499_000);
        assert!(fill.is_soon_gone(99_999) && !fill.is_soon_gone(100_000));
        fill.note(200, 499_500);
        assert!(!fill.is_soon_gone(1));
    }

    fn calm_schedule() -> Schedule {
        let mut schedule = Schedule::default();
        schedule.configure(10_000);
        schedule.has_ticked(100_000);
        schedule
    }

    fn levels(most_severe: Level) -> Observation {
        Observation::Levels(Levels { most_severe, headroom_bytes: 1 << 40, available_bytes: 1 << 40 })
    }

    #[test]
    fn each_level_has_its_own_time_until_a_tick_is_due() {
        let due_after_ms = |level, since_ms: u64| {
            calm_schedule().is_due(100_000 + since_ms, levels(level), Pressing::default())
        };
        assert!(!due_after_ms(Level::Calm, 9_999) && due_after_ms(Level::Calm, 10_000));
        assert!(!due_after_ms(Level::Warn, 999) && due_after_ms(Level::Warn, 1_000));
        assert!(due_after_ms(Level::Act, 0) && due_after_ms(Level::Critical, 0));
    }

    #[test]
    fn tasks_that_stall_on_a_calm_host_are_looked_at_once_a_second_and_a_memcg_at_once() {
        let due_at = |pressing: Pressing, now_ms| {
            let mut schedule = calm_schedule();
            let is_due = schedule.is_due(now_ms, levels(Level::Calm), pressing);
            (is_due, schedule.depth(false))
        };
        let host = Pressing { psi_fired_at_ms: Some(100_500), ..Pressing::default() };
        assert_eq!(due_at(host, 100_999), (false, Depth::Focus));
        assert_eq!(due_at(host, 101_000), (true, Depth::Focus));
        assert_eq!(due_at(host, 102_501), (false, Depth::Glance), "two seconds later it is calm again");
        let memcg = |at_ms| Pressing { memcg_psi_fired_at_ms: Some(at_ms), ..Pressing::default() };
        assert_eq!(due_at(memcg(100_010), 100_010), (true, Depth::Focus));
        assert_eq!(due_at(memcg(99_990), 100_010), (false, Depth::Focus), "there was a tick since");
    }

    #[test]
    fn only_a_calm_schedule_without_victims_allows_a_glance() {
        let mut schedule = calm_schedule();
        assert_eq!(schedule.depth(false), Depth::Focus, "nothing is observed yet");
        schedule.is_due(100_000, levels(Level::Calm), Pressing::default());
        assert_eq!((schedule.depth(false), schedule.depth(true)), (Depth::Glance, Depth::Focus));
        schedule.is_due(100_000, Observation::ScopeMissing, Pressing::default());
        assert_eq!(schedule.depth(false), Depth::Focus, "the scope is missing");
    }
}
