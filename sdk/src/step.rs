//! How a target likes to go.

use crate::checked::bounded;

/// Milliseconds that one step may wait: an hour.
pub const WAIT_MS_MAX: u32 = 3_600_000;

/// A signal (signal(7)) that a graceful shutdown may use. KILL, STOP and CONT are the host's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(u8);

impl Signal {
    /// SIGHUP
    pub const HUP: Self = Self(1);
    /// SIGINT: for PostgreSQL, a fast shutdown.
    pub const INT: Self = Self(2);
    /// SIGQUIT
    pub const QUIT: Self = Self(3);
    /// SIGUSR1
    pub const USR1: Self = Self(10);
    /// SIGUSR2
    pub const USR2: Self = Self(12);
    /// SIGTERM
    pub const TERM: Self = Self(15);

    /// KILL, CONT and STOP, signal(7): the host's alone.
    const OF_THE_HOST: [u8; 3] = [9, 18, 19];

    /// Any other by its number, 1..=64; `None` for KILL (9), CONT (18), STOP (19) and what is no signal.
    pub fn new(number: u8) -> Option<Self> {
        (matches!(number, 1..=64) && !Self::OF_THE_HOST.contains(&number)).then_some(Self(number))
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }
}

/// One step of how a target likes to go. SIGKILL stands behind the last one and is not a policy's to give or
/// skip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Signal the process, or the root of the tree, or each member of the memcg, and wait.
    Signal {
        /// Which.
        signal: Signal,
        /// How long to wait for it to work.
        wait_ms: u32,
    },
    /// Have the service manager stop the unit, and wait.
    StopUnit {
        /// How long to wait for it to work.
        wait_ms: u32,
    },
    /// Run a hook that the administrator configured, and wait.
    Hook {
        /// Its name under `[hooks]`.
        name: String,
        /// How long to wait for it to work.
        wait_ms: u32,
    },
}

impl Step {
    /// Send a signal and wait. A wait is at most an hour; a longer one is an error in a native test.
    #[track_caller]
    pub fn signal(signal: Signal, wait_ms: u32) -> Self {
        Self::Signal { signal, wait_ms: bounded("wait_ms", wait_ms, 0, WAIT_MS_MAX) }
    }

    /// Have the service manager stop the unit and wait.
    #[track_caller]
    pub fn stop_unit(wait_ms: u32) -> Self {
        Self::StopUnit { wait_ms: bounded("wait_ms", wait_ms, 0, WAIT_MS_MAX) }
    }

    /// Run the hook of this name and wait.
    #[track_caller]
    pub fn hook(name: impl Into<String>, wait_ms: u32) -> Self {
        Self::Hook { name: name.into(), wait_ms: bounded("wait_ms", wait_ms, 0, WAIT_MS_MAX) }
    }
}
