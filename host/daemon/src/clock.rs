//! The one file that asks what time it is.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use jettison_sense::{Now, Root};
use rustix::io::Errno;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

/// The kernel's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock;

impl Clock {
    /// Milliseconds since boot, suspension included, and since 1970.
    pub(crate) fn now(self) -> Now {
        Now { boot_ms: millis(ClockId::Boottime), wall_ms: millis(ClockId::Realtime) }
    }

    /// The same for a machine: one from files has the time of its own `uptime`, so that how old its processes are does not
    /// depend on when somebody looks. It is now where that is not said.
    pub(crate) fn now_at(self, root: &Root) -> Now {
        let now = self.now();
        match root.uptime_ms() {
            Some(boot_ms) if !root.is_live() => Now { boot_ms, ..now },
            _ => now,
        }
    }

    /// For durations within a tick.
    pub(crate) fn stopwatch(self) -> Stopwatch {
        Stopwatch { started: elapsed(ClockId::Monotonic) }
    }

    /// A timer for one who waits in an event loop.
    ///
    /// # Errors
    /// Those of timerfd_create(2): no descriptor or no memory is left.
    pub(crate) fn alarm(self) -> Result<Alarm, Errno> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Alarm { timer: timerfd_create(TimerfdClockId::Boottime, flags)? })
    }

    /// Waits; only commands that answer once and end do this, the daemon waits in its loop.
    #[expect(clippy::disallowed_methods, reason = "the clock's own file")]
    pub(crate) fn wait(self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// Becomes readable once, when its time has come (timerfd_create(2)). Nobody is woken before.
#[derive(Debug)]
pub(crate) struct Alarm {
    timer: OwnedFd,
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }
}

impl Alarm {
    /// Sets it, from now on; what it was set to before does not count any more.
    ///
    /// # Errors
    /// None that the manual page knows for a timer of ours.
    pub(crate) fn set(&self, within: Duration) -> Result<(), Errno> {
        // A time of 0 would clear it.
        let within = within.max(Duration::from_nanos(1));
        let tv_sec = i64::try_from(within.as_secs()).unwrap_or(i64::MAX);
        let it_value = Timespec { tv_sec, tv_nsec: within.subsec_nanos().into() };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once).map(drop)
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
