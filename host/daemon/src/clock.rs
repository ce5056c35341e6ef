//! The one file that asks what time it is.

use std::time::Duration;

use jettison_sense::Now;
use rustix::time::{ClockId, clock_gettime};

/// The kernel's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock;

impl Clock {
    /// Milliseconds since boot, suspension included, and since 1970.
    pub(crate) fn now(self) -> Now {
        Now { boot_ms: millis(ClockId::Boottime), wall_ms: millis(ClockId::Realtime) }
    }

    /// For durations within a tick.
    pub(crate) fn stopwatch(self) -> Stopwatch {
        Stopwatch { started: elapsed(ClockId::Monotonic) }
    }

    /// Waits; only commands that answer once and end do this, the daemon waits in its loop.
    #[expect(clippy::disallowed_methods, reason = "the clock's own file")]
    pub(crate) fn wait(self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// How long something took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    started: Duration,
}

impl Stopwatch {
    /// Microseconds since it was started.
    pub(crate) fn us(self) -> u64 {
        let took = elapsed(ClockId::Monotonic).saturating_sub(self.started);
        u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
    }
}

fn elapsed(clock: ClockId) -> Duration {
    // The kernel's clocks do not run before 1970 or boot.
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

fn millis(clock: ClockId) -> u64 {
    u64::try_from(elapsed(clock).as_millis()).unwrap_or(u64::MAX)
}
