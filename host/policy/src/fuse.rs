//! The outer bound in time: a thread that interrupts a guest which runs far too long.
//!
//! While nobody is consulted it waits without a timeout. The first consultation wakes it; further ones within
//! the same period only count up, and it looks again when the period is over. So a guest is interrupted after
//! one to two periods, and a quick consultation costs at most one wake-up.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use jettison_model::Fault;

/// Stack of the fuse's thread. Small, since all of it is resident where memory is locked.
const THREAD_STACK_BYTES: usize = 64 << 10;

#[derive(Debug, Default)]
struct State {
    /// Counts consultations.
    generation: u64,
    /// Whether that consultation still runs.
    running: bool,
    /// Whether the thread waits without a timeout.
    asleep: bool,
    /// Whether the engine is gone.
    over: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is plain numbers, whole at every moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Fuse {
    shared: Arc<Shared>,
    turn: Mutex<()>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Fuse {
    /// Starts the thread.
    pub(crate) fn new(engine: wasmtime::Engine, period_ms: u64) -> Result<Self, Fault> {
        let shared = Arc::new(Shared::default());
        let watched = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("policy-fuse".into())
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || watch(&watched, &engine, Duration::from_millis(period_ms)))
            .map_err(|error| Fault::Host {
                detail: format!("no thread for the outer bound in time: {error}"),
            })?;
        Ok(Self { shared, turn: Mutex::new(()), thread: Some(thread) })
    }

    /// Takes the one turn there is and arms the fuse. Epoch deadlines are to be set afterwards.
    pub(crate) fn arm(&self) -> Armed<'_> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.shared.lock();
        state.generation += 1;
        state.running = true;
        if state.asleep {
            self.shared.changed.notify_one();
        }
        drop(state);
        Armed { shared: &self.shared, _turn: turn }
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
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
        self.shared.lock().running = false;
    }
}

fn watch(shared: &Shared, engine: &wasmtime::Engine, period: Duration) {
    let mut state = shared.lock();
    while !state.over {
        if !state.running {
            state.asleep = true;
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.asleep = false;
            continue;
        }
        let seen = state.generation;
        state = shared
            .changed
            .wait_timeout_while(state, period, |state| !state.over)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        // Under the lock, so that a consultation that starts now is not the one that is interrupted.
        if state.running && state.generation == seen {
            engine.increment_epoch();
        }
    }
}
