//! The watchdog: a thread that acts while the event loop does not, and memory is critical.
//!
//! ```text
//! event loop ── expect_within(ms) ─▶ timer, set anew each time, so that it never fires
//!                                      └─ fires ─▶ thread: critical? ─▶ built-in ranking ─▶ SIGTERM, SIGKILL
//! event loop, once it is back ────────────────────▶ thread: stands back
//! ```
//!
//! While the loop turns, that costs it two system calls for each turn, and no wake-up. The thread has a
//! ticker of its own, made and warmed at the start, without policies: the built-in ranking decides, with the
//! guards, the exclusions and the scope of the loop, and by the values of `oom_score_adj` that it holds. The
//! thread runs no hook, stops no unit and holds no value.
//!
//! It cannot see SIGSTOP, which stops all threads, and cannot end a loop. Both are for systemd's watchdog.

use std::collections::BTreeMap;
use std::io::{Error, Result};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jettison_act::{Actuator, Ended, Helpers, HookCommand, Ledger, LiveKernel, Stopped, Task, TaskId};
use jettison_decide::settings::Watch;
use jettison_sense::{Root, Sensor};
use jettison_tick::clock::{Alarm, Clock};
use jettison_tick::{Live, NoPolicies, Ticker};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing::{error, info};

/// The loop may be so late.
const STALL_MS: u64 = 2_000;
/// Between looks while the loop is not back.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
const STACK_BYTES: usize = 512 << 10;

/// The loop's side.
pub(super) struct Watchdog {
    shared: Arc<Shared>,
}

struct Shared {
    /// Fires when the loop is late.
    alarm: Alarm,
    /// How often the loop has been heard of.
    turns: AtomicU64,
    /// How often the thread took over.
    takeovers: AtomicU64,
    /// A configuration that the thread has not taken over yet.
    next: Mutex<Option<Live>>,
}

type OwnTicker = Ticker<Sensor, NoPolicies, LiveKernel>;

impl Watchdog {
    /// Starts the thread. `scope` is that of the loop.
    pub(super) fn start(root: Root, scope: Option<&str>, live: &Live, stopped: Stopped) -> Result<Self> {
        let parts = Parts::new(root, scope, live, stopped)?;
        let shared = Arc::new(Shared {
            alarm: Clock.alarm_while_awake().map_err(Error::from)?,
            turns: AtomicU64::new(0),
            takeovers: AtomicU64::new(0),
            next: Mutex::new(None),
        });
        let watched = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("watchdog".into()).stack_size(STACK_BYTES);
        thread.spawn(move || watched.guard(parts.ticker()))?;
        Ok(Self { shared })
    }

    /// Called by the loop whenever it begins something: it will be heard of again within this time.
    pub(super) fn expect_within(&self, ms: u64) {
        self.shared.turns.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = self.shared.alarm.set(Duration::from_millis(ms.saturating_add(STALL_MS))) {
            error!(%error, "the watchdog's timer cannot be set");
        }
    }

    /// Takes over what a reload has changed.
    pub(super) fn configure(&self, live: &Live) {
        let mut next = self.shared.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = Some(at_critical_only(live));
    }

    /// How often it took over since the start.
    pub(super) fn takeovers(&self) -> u64 {
        self.shared.takeovers.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn guard(&self, mut ticker: OwnTicker) {
        // The memory of a whole look is there from now on.
        ticker.scan(Clock.now());
        loop {
            // Interrupted: the loop below looks, and this waits again.
            poll(&mut [PollFd::new(&self.alarm, PollFlags::IN)], None).ok();
            let turn = self.turns.load(Ordering::Relaxed);
            let mut has_acted = false;
            while self.turns.load(Ordering::Relaxed) == turn {
                let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(live) = next {
                    ticker.configure(live);
                }
                if is_needed(&mut ticker) {
                    if !has_acted {
                        has_acted = true;
                        self.takeovers.fetch_add(1, Ordering::Relaxed);
                        error!(
                            late_ms = STALL_MS,
                            "the event loop hangs and memory is critical: the built-in ranking acts"
                        );
                    }
                    ticker.tick(Clock.now());
                }
                // Interrupted: it looks sooner.
                poll(&mut [], Some(&LOOK)).ok();
            }
            if has_acted {
                ticker.stand_back();
                info!("the event loop is back, and acts again");
            }
        }
    }
}

/// Whether there is something to be done, which costs next to nothing to find out.
fn is_needed(ticker: &mut OwnTicker) -> bool {
    let critical = ticker.pipeline().settings().thresholds.critical;
    let memory = ticker.probe();
    let is_critical = memory.is_some_and(|memory| memory.available_bytes <= critical.of(memory.total_bytes));
    is_critical || !ticker.underway().is_empty()
}

/// What a ticker is made of. It is made by the thread, which it cannot be sent to.
struct Parts {
    sensor: Sensor,
    kernel: LiveKernel,
    stopped: Stopped,
    live: Live,
}

impl Parts {
    fn new(root: Root, scope: Option<&str>, live: &Live, stopped: Stopped) -> Result<Self> {
        let mut sensor = Sensor::new(root.clone(), scope).map_err(Error::other)?;
        sensor.keep_no_files();
        let memcgs = sensor.hierarchy().map(|hierarchy| hierarchy.mount.clone());
        let kernel = LiveKernel::new(root.proc).with_memcgs(memcgs);
        Ok(Self { sensor, kernel, stopped, live: at_critical_only(live) })
    }

    fn ticker(self) -> OwnTicker {
        let Self { sensor, kernel, stopped, live } = self;
        let actuator = Actuator::new(kernel, live.settings.own_pid, false).with_stopped(stopped);
        let helpers = Box::new(NoHelpers::default());
        Ticker::new(sensor, NoPolicies, Ledger::in_memory(), actuator, helpers, live, false)
    }
}

/// Whatever armed the loop, this acts at critical memory of the host, or of the scope.
fn at_critical_only(live: &Live) -> Live {
    let mut own = Live { settings: live.settings.clone(), interval_ms: live.interval_ms, ..Live::default() };
    let thresholds = &mut own.settings.thresholds;
    (thresholds.warn, thresholds.act) = (thresholds.critical, thresholds.critical);
    thresholds.swap_free_percent = None;
    own.settings.watch = Watch::Nothing;
    own.settings.is_adjusting = false;
    own
}

/// The built-in ranking has no steps that need any.
#[derive(Default)]
struct NoHelpers {
    asked: Vec<TaskId>,
}

impl Helpers for NoHelpers {
    fn set_hooks(&mut self, _: BTreeMap<String, HookCommand>) {}

    fn start(&mut self, id: TaskId, _: Task) {
        self.asked.push(id);
    }

    fn take_ended(&mut self) -> Vec<Ended> {
        let failed = |id| Ended { id, result: Err("the watchdog runs nothing".into()), freed_bytes: 0 };
        self.asked.drain(..).map(failed).collect()
    }

    fn wake_up(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use jettison_decide::{Bound, Rule};
    use jettison_tests::{Hog, Memcg, wait_for};
    use rustix::process::Signal;

    use super::*;

    const MIB: u64 = 1 << 20;

    /// Critical below 32 MiB, in this memcg of 128.
    fn live(memcg: &Memcg, never: Vec<Rule>) -> Live {
        let mut live = Live::default();
        let bound = |mib: u64| Bound { percent: 100, cap_bytes: mib * MIB };
        let thresholds = &mut live.settings.thresholds;
        (thresholds.warn, thresholds.act, thresholds.critical) = (bound(60), bound(50), bound(32));
        live.settings.own_pid = std::process::id();
        live.settings.never = never;
        live.settings.scope = Some(memcg.path().into());
        live
    }

    fn over(memcg: &Memcg) -> Watchdog {
        let live = live(memcg, Vec::new());
        Watchdog::start(Root::live(), Some(memcg.path()), &live, Stopped::default()).unwrap()
    }

    /// One process that holds so much in a memcg of its own, and the watchdog over it.
    fn over_a_hog(name: &str, is_deaf: bool, mib: usize) -> (Memcg, Hog, Watchdog) {
        let memcg = Memcg::new(name, 128 * MIB).unwrap();
        let mut hog = Hog::new(&memcg, is_deaf).unwrap();
        hog.take_mib(mib).unwrap();
        let watchdog = over(&memcg);
        (memcg, hog, watchdog)
    }

    fn ended_by(hog: &mut Hog) -> Option<i32> {
        hog.ended().unwrap().map(|status| status.signal().unwrap_or_default())
    }

    #[test]
    #[ignore = "needs root, to make a memcg"]
    fn a_loop_that_is_not_heard_of_while_memory_is_critical_is_covered_within_2_5_s() {
        let memcg = Memcg::new("watchdog", 128 * MIB).unwrap();
        let (mut small, mut large) = (Hog::new(&memcg, false).unwrap(), Hog::new(&memcg, false).unwrap());
        small.take_mib(20).unwrap();
        large.take_mib(85).unwrap();
        let watchdog = over(&memcg);
        // A loop that turns is left to its work, however short memory is.
        for _ in 0..30 {
            watchdog.expect_within(0);
            Clock.wait(Duration::from_millis(100));
            assert_eq!((ended_by(&mut large), watchdog.takeovers()), (None, 0));
        }
        watchdog.expect_within(0);
        let stopwatch = Clock.stopwatch();
        let signal = wait_for("the largest", || ended_by(&mut large));
        let took_ms = stopwatch.us() / 1_000;
        assert_eq!(signal, Signal::TERM.as_raw());
        // Of these 2,000 are the stall itself. A machine under load is late, too.
        assert!((1_990..10_000).contains(&took_ms), "{took_ms} ms");
        println!("covered after {took_ms} ms");
        assert_eq!((ended_by(&mut small), watchdog.takeovers()), (None, 1));
        watchdog.expect_within(60_000);
    }

    #[test]
    #[ignore = "needs root, to make a memcg"]
    fn guards_of_a_reload_hold_and_what_ignores_sigterm_is_killed() {
        let (memcg, mut hog, watchdog) = over_a_hog("watchdog-guard", true, 105);
        watchdog.configure(&live(&memcg, vec![Rule { comm: Some("tail".into()), ..Rule::default() }]));
        watchdog.expect_within(0);
        Clock.wait(Duration::from_millis(3_500));
        assert_eq!((ended_by(&mut hog), watchdog.takeovers()), (None, 1), "a guard holds here, too");
        let mut next = live(&memcg, Vec::new());
        (next.settings.grace_ms, next.settings.critical_grace_ms) = (300, 300);
        watchdog.configure(&next);
        assert_eq!(wait_for("its end", || ended_by(&mut hog)), Signal::KILL.as_raw());
    }

    #[test]
    #[ignore = "needs root, to make a memcg"]
    fn a_loop_that_hangs_while_memory_is_not_critical_is_let_hang() {
        // Below `act`, and above `critical`.
        let (_memcg, mut hog, watchdog) = over_a_hog("watchdog-calm", false, 85);
        watchdog.expect_within(0);
        Clock.wait(Duration::from_millis(3_500));
        assert_eq!((ended_by(&mut hog), watchdog.takeovers()), (None, 0));
    }
}
