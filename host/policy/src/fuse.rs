//! The outer bound in time: a thread that interrupts a guest which runs far too long.
//!
//! It reads a timer (timerfd_create(2)) that is set for a consultation and cleared at its end, so that it
//! sleeps until the bound is reached: a good consultation costs two system calls and wakes no thread.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use jettison_model::Fault;
use rustix::io::{Errno, read, retry_on_intr};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_gettime,
    timerfd_settime,
};

/// Stack of the fuse's thread. Small, since all of it is resident where memory is locked.
const THREAD_STACK_BYTES: usize = 64 << 10;
const NOT: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 1 };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    /// A guest runs.
    Running,
    /// The engine is gone.
    Over,
}

struct Shared {
    state: Mutex<State>,
    timer: OwnedFd,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole at every moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a state and sets the timer, as one.
    fn enter(&self, state: State, within: Timespec) -> Result<(), Errno> {
        let mut current = self.lock();
        let once = Itimerspec { it_interval: NOT, it_value: within };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        *current = state;
        Ok(())
    }
}

pub(crate) struct Fuse {
    shared: Arc<Shared>,
    within: Timespec,
    turn: Mutex<()>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Fuse {
    /// Starts the thread.
    pub(crate) fn new(engine: wasmtime::Engine, bound_ms: u64) -> Result<Self, Fault> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)
            .map_err(|errno| refused(&errno.to_string()))?;
        let shared = Arc::new(Shared { state: Mutex::new(State::Idle), timer });
        let watched = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("policy-fuse".into())
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || watch(&watched, &engine))
            .map_err(|error| refused(&error.to_string()))?;
        let whole_s = i64::try_from(bound_ms / 1_000).unwrap_or(i64::MAX);
        // Nanoseconds of less than a second; a bound of nothing would clear the timer instead.
        let rest_ns = i64::try_from(bound_ms % 1_000).unwrap_or_default() * 1_000_000;
        let within = if bound_ms == 0 { AT_ONCE } else { Timespec { tv_sec: whole_s, tv_nsec: rest_ns } };
        Ok(Self { shared, within, turn: Mutex::new(()), thread: Some(thread) })
    }

    /// Takes the one turn there is and arms the fuse. Epoch deadlines are to be set afterwards.
    pub(crate) fn arm(&self) -> Result<Armed<'_>, Fault> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let armed = self.shared.enter(State::Running, self.within);
        armed.map_err(|errno| refused(&errno.to_string()))?;
        Ok(Armed { shared: &self.shared, _turn: turn })
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        let told = self.shared.enter(State::Over, AT_ONCE);
        debug_assert_eq!(told, Ok(()));
        if let Some(thread) = self.thread.take().filter(|_| told.is_ok()) {
            // It cannot panic; if it did, there is nothing left to interrupt.
            drop(thread.join());
        }
    }
}

/// One consultation. Dropping it disarms the fuse.
pub(crate) struct Armed<'a> {
    shared: &'a Shared,
    _turn: MutexGuard<'a, ()>,
}

impl Drop for Armed<'_> {
    fn drop(&mut self) {
        // A timer that cannot be cleared would go off while no guest runs, which does nothing.
        let cleared = self.shared.enter(State::Idle, NOT);
        debug_assert_eq!(cleared, Ok(()));
    }
}

fn watch(shared: &Shared, engine: &wasmtime::Engine) {
    let mut count = [0; 8];
    while retry_on_intr(|| read(&shared.timer, &mut count)).is_ok() {
        let state = shared.lock();
        // The guest that it went off for may have ended meanwhile: then the timer is cleared, or set for the
        // next.
        let is_for_this = timerfd_gettime(&shared.timer).is_ok_and(|left| left.it_value == NOT);
        match *state {
            State::Running if is_for_this => engine.increment_epoch(),
            State::Running | State::Idle => {}
            State::Over => return,
        }
    }
}

fn refused(detail: &str) -> Fault {
    Fault::Host { detail: format!("no outer bound in time: {detail}") }
}
