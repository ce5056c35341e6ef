//! What to do: values to hold, and victims if the tick is armed.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ballot::{Step, Target};
use crate::snapshot::ProcessId;

/// A value of `oom_score_adj` to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// On whom.
    pub id: ProcessId,
    /// What it had before us.
    pub original: i16,
    /// What it should have.
    pub value: i16,
}

/// Whom the graceful signals of a victim go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addressees {
    /// Every member, those that join later too: a memcg.
    Everybody,
    /// The process, or the root of the tree. Of a tree whose root stays, those whose parent is no member.
    These(Vec<ProcessId>),
}

/// A unit to shut down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Victim {
    /// The unit, in rows of the snapshot of this plan: valid within the tick.
    pub unit: Target,
    /// The process that it is known by; for a memcg, and for a tree whose root stays, its highest-ranked member.
    pub root: ProcessId,
    /// Whom graceful signals go to.
    pub addressees: Addressees,
    /// The root's name, for the log. Bytes.
    pub comm: Vec<u8>,
    /// Everybody that goes, root first: the unit minus its never and protected members.
    pub members: Vec<ProcessId>,
    /// Whether some member of the unit stays, so that the unit cannot be killed as one.
    pub is_partial: bool,
    /// The memcg's path, for a memcg. Bytes.
    pub memcg: Vec<u8>,
    /// What its end should give back.
    pub predicted_relief_bytes: u64,
    /// How it goes. Never empty: SIGTERM and the configured grace period where no policy said.
    pub shutdown: Vec<Step>,
    /// The policy whose entry made it the victim; `built-in` where none spoke.
    pub policy: String,
    /// Why, for people.
    pub reason: String,
}

/// What to do in this tick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Every value that should differ from its original, by pid. Whatever is held and not in here is let go.
    pub holds: Vec<Hold>,
    /// In order; empty unless the tick is armed.
    pub victims: Vec<Victim>,
    /// Why an armed plan names nobody, for the log.
    pub idle: Option<&'static str>,
}

/// One thing to do to a victim now. What the escalation asks for and the actuator carries out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Send a signal of a graceful step.
    Signal {
        /// To whom.
        id: ProcessId,
        /// Its number.
        number: u8,
    },
    /// SIGSTOP, so that it cannot fork while its family is killed.
    Stop {
        /// Whom.
        id: ProcessId,
    },
    /// SIGCONT, for one who was stopped and is let off.
    Resume {
        /// Whom.
        id: ProcessId,
    },
    /// SIGKILL.
    Kill {
        /// To whom.
        id: ProcessId,
    },
    /// SIGKILL to everybody in and below a memcg at once, those that are being forked included (`cgroup.kill`,
    /// Documentation/admin-guide/cgroup-v2.rst).
    KillMemcg {
        /// The victim's root.
        id: ProcessId,
        /// The memcg's path. Bytes.
        memcg: Vec<u8>,
    },
    /// `process_mrelease`, after SIGKILL only.
    Reap {
        /// Whose memory.
        id: ProcessId,
    },
}

impl Order {
    /// Whom it is about.
    #[must_use]
    pub fn id(&self) -> ProcessId {
        match self {
            Self::Signal { id, .. }
            | Self::Stop { id }
            | Self::Resume { id }
            | Self::Kill { id }
            | Self::KillMemcg { id, .. }
            | Self::Reap { id } => *id,
        }
    }
}
