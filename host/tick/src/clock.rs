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
pub struct Clock;

impl Clock {
    /// Milliseconds since boot, suspension included, and since 1970.
    pub fn now(self) -> Now {
        Now { boot_ms: millis(ClockId::Boottime), wall_ms: millis(ClockId::Realtime) }
    }

    /// The same for a machine. One from files has the time of its own `uptime`, so that the ages of its
    /// processes do not depend on when they are read; without that file it is now.
    pub fn now_at(self, root: &Root) -> Now {
        let now = self.now();
        match root.uptime_ms() {
            Some(boot_ms) if !root.is_live() => Now { boot_ms, ..now },
            _ => now,
        }
    }

    /// Microseconds of CLOCK_MONOTONIC, which leaves suspension out.
    pub fn monotonic_us(self) -> u64 {
        u64::try_from(elapsed(ClockId::Monotonic).as_micros()).unwrap_or(u64::MAX)
    }

    /// For how long the host was suspended since boot, milliseconds.
    pub fn asleep_ms(self) -> u64 {
        let awake = elapsed(ClockId::Monotonic);
        let asleep = elapsed(ClockId::Boottime).saturating_sub(awake);
        u64::try_from(asleep.as_millis()).unwrap_or(u64::MAX)
    }

    /// For durations within a tick.
    pub fn stopwatch(self) -> Stopwatch {
        Stopwatch { started: elapsed(ClockId::Monotonic) }
    }

    /// A timer for an event loop.
    ///
    /// # Errors
    /// Those of timerfd_create(2): no descriptor or no memory is left.
    pub fn alarm(self) -> Result<Alarm, Errno> {
        Alarm::on(TimerfdClockId::Boottime)
    }

    /// The same on a clock that stands still during suspension: what did not run then is not late.
    ///
    /// # Errors
    /// Those of timerfd_create(2).
    pub fn alarm_while_awake(self) -> Result<Alarm, Errno> {
        Alarm::on(TimerfdClockId::Monotonic)
    }

    /// Waits; only commands that answer once and end do this, the daemon waits in its loop.
    #[expect(clippy::disallowed_methods, reason = "the clock's own file")]
    pub fn wait(self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// Becomes readable once, when its time has come (timerfd_create(2)), and not before.
#[derive(Debug)]
pub struct Alarm {
    timer: OwnedFd,
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }
}

impl Alarm {
    fn on(clock: TimerfdClockId) -> Result<Self, Errno> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Self { timer: timerfd_create(clock, flags)? })
    }

    /// Sets it from now on, instead of any time before.
    ///
    /// # Errors
    /// None that the manual page knows for a timer of ours.
    pub fn set(&self, within: Duration) -> Result<(), Errno> {
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
pub struct Stopwatch {
    started: Duration,
}

impl Stopwatch {
    /// Microseconds since it was started.
    pub fn us(self) -> u64 {
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
