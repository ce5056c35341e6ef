//! A process of the machine, and the calls that reach it.

use jettison_model::ProcessId;
use rustix::io::Errno;

/// What a process does about a graceful signal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    EndsWithin(u64),
    Deaf,
    /// Forks, and goes on.
    Forks,
}

#[derive(Clone)]
pub(super) struct Process {
    pub(super) id: ProcessId,
    pub(super) parent: u32,
    /// The process that forked it, whatever its parent is now.
    pub(super) forked_by: Option<ProcessId>,
    pub(super) comm: &'static [u8],
    /// Row of the memcg: 0 is `/`, 1 is [`MEMCG`](super::machine::MEMCG).
    pub(super) memcg: u32,
    pub(super) adj: i16,
    /// What it would have without us.
    pub(super) original: i16,
    pub(super) anon_bytes: u64,
    pub(super) growth_bytes_per_ms: u64,
    /// Those of one number share their memory (CLONE_VM).
    pub(super) mm: u32,
    pub(super) manner: Manner,
    /// In D state: no signal ends it.
    pub(super) is_stuck: bool,
    pub(super) is_zombie: bool,
    pub(super) is_stopped: bool,
    /// SIGKILL has reached it.
    pub(super) is_killed: bool,
    pub(super) ends_at_ms: Option<u64>,
    /// What every call on it fails with.
    pub(super) refuses: Option<Errno>,
    /// Its original value cannot be known: a call on it failed, or it was orphaned before a scan saw its
    /// parent.
    pub(super) is_excused: bool,
    /// Forked since the last scan.
    pub(super) is_new: bool,
    /// The policy that protects it for ever has said so, and it was no victim then.
    pub(super) is_kept: bool,
    /// Another program has written its value since the last tick that kept its journal.
    pub(super) is_rewritten: bool,
    /// We have written its value.
    pub(super) is_written: bool,
}

/// One call that changes something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) id: ProcessId,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Signal(u8),
    Reap {
        /// After a SIGKILL, or a try of it.
        is_killed: bool,
    },
    Adjust,
}

/// Ends a tick at any call, as SIGKILL would end the daemon.
pub(super) struct Crash;
