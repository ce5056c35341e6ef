//! What to do: values to hold, and victims if the tick is armed.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::ballot::Step;
use crate::snapshot::ProcessId;

/// A value of `oom_score_adj` to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The process.
    pub id: ProcessId,
    /// What it had before us.
    pub original: i16,
    /// What it should have.
    pub value: i16,
}

/// What ends as one. Unlike [`crate::Target`] it holds no row, so it stays valid after its tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// One process.
    Process,
    /// A process and all its descendants, the later ones included.
    Tree,
    /// All processes in and below the memcg of this path, the later ones included. Bytes.
    Memcg(Vec<u8>),
}

impl Unit {
    /// The word used in logs and JSON.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Tree => "tree",
            Self::Memcg(_) => "memcg",
        }
    }
}

/// Which members of a victim get its graceful signals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addressees {
    /// Every member, those that join later too: a memcg.
    All,
    /// The process, or the root of the tree. Of a tree whose root stays, the tops: members without a
    /// parent among the members.
    These(Vec<ProcessId>),
}

/// A unit to shut down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Victim {
    /// What it is.
    pub unit: Unit,
    /// The process that it is known by; for a memcg, and for a tree whose root stays, its top-ranked member.
    pub root: ProcessId,
    /// Which members get graceful signals.
    pub addressees: Addressees,
    /// The root's name, for the log. Bytes.
    pub comm: Vec<u8>,
    /// All processes that go, root first: the unit minus its never and protected members.
    pub members: Vec<ProcessId>,
    /// What its end should give back.
    pub predicted_relief_bytes: u64,
    /// How it goes. Never empty: SIGTERM and the configured grace period where no policy said.
    pub shutdown: Vec<Step>,
    /// The policy whose entry made it the victim; `built-in` where no policy named it.
    pub policy: String,
    /// Why, for people.
    pub reason: String,
    /// The root of the service that it is a part of, and not the whole. Then it never gets SIGKILL: it would
    /// take the service down.
    pub service: Option<ProcessId>,
}

/// Why an armed plan names no victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// The victims under way are expected to give back enough.
    OnTheWay,
    /// `act.cool_down_ms` has not passed since the last victim.
    CoolingDown,
    /// `act.kills_per_minute_max` victims were named within the last minute.
    KillsPerMinute,
    /// All that may be ended now would give back too little.
    NotWorthIt {
        /// What it would give back.
        reachable_bytes: u64,
        /// What a plan is measured against, [`crate::Request::scale_bytes`].
        needed_bytes: u64,
        /// What those protected below 1000 would give back, which are reached at critical, or not at all.
        protected_bytes: u64,
    },
}

impl Idle {
    /// The word used in JSON and in the environment of notifications.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnTheWay => "on-the-way",
            Self::CoolingDown => "cooling-down",
            Self::KillsPerMinute => "kills-per-minute",
            Self::NotWorthIt { .. } => "not-worth-it",
        }
    }
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnTheWay => f.write_str("the victims on their way will give back enough"),
            Self::CoolingDown => f.write_str("cooling down after the last victim"),
            Self::KillsPerMinute => {
                f.write_str("as many victims in the last minute as act.kills_per_minute_max allows")
            }
            Self::NotWorthIt { reachable_bytes, needed_bytes, protected_bytes } => {
                let mib = |bytes: u64| bytes >> 20;
                let (reachable, needed) = (mib(*reachable_bytes), mib(*needed_bytes));
                write!(f, "nothing is worth ending: {reachable} MiB within reach, of {needed} MiB needed")?;
                match mib(*protected_bytes) {
                    0 => Ok(()),
                    protected => write!(f, "; {protected} MiB are protected and not reached yet"),
                }
            }
        }
    }
}

/// What to do in this tick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Every value that should differ from its original, by pid. Whatever is held and not in here is let go.
    pub holds: Vec<Hold>,
    /// In order; empty unless the tick is armed.
    pub victims: Vec<Victim>,
    /// Why an armed plan names no victim.
    pub idle: Option<Idle>,
}

/// One thing to do to a victim now. What the escalation asks for and the actuator carries out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Send a signal of a graceful step.
    Signal {
        /// The process.
        id: ProcessId,
        /// Its number.
        number: u8,
    },
    /// SIGSTOP, so that it cannot fork while its family is killed.
    Stop {
        /// The process.
        id: ProcessId,
    },
    /// SIGCONT, for a process that was stopped and is let off.
    Resume {
        /// The process.
        id: ProcessId,
    },
    /// SIGKILL.
    Kill {
        /// The process.
        id: ProcessId,
    },
    /// SIGKILL to all processes in and below a memcg at once, those that are being forked included
    /// (`cgroup.kill`, Documentation/admin-guide/cgroup-v2.rst).
    KillMemcg {
        /// The victim's root.
        id: ProcessId,
        /// The memcg's path. Bytes.
        memcg: Vec<u8>,
    },
    /// `process_mrelease`, after SIGKILL only.
    Reap {
        /// The process whose memory is to be freed.
        id: ProcessId,
    },
}

impl Command {
    /// The process that it is about.
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
