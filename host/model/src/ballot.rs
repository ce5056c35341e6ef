//! What a policy says: one [`Ballot`] for each consultation.

use alloc::string::String;
use alloc::vec::Vec;

use crate::fault::Fault;

/// What an entry is about. Rows of the snapshot that was consulted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// One process.
    Process(u32),
    /// A process and all its descendants.
    Tree(u32),
    /// All processes in and below a memcg.
    Memcg(u32),
}

impl Target {
    /// The word used in logs and JSON.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Process(_) => "process",
            Self::Tree(_) => "tree",
            Self::Memcg(_) => "memcg",
        }
    }

    /// The row of the process table or, for a memcg, of the memcg table.
    #[must_use]
    pub fn row(self) -> u32 {
        match self {
            Self::Process(row) | Self::Tree(row) | Self::Memcg(row) => row,
        }
    }
}

/// Which way, and how strongly: 1..=1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stance {
    /// Keep it. 1000 means never by this host.
    Protect(u16),
    /// Give it up.
    Sacrifice(u16),
}

/// One step of how a target likes to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send a signal (1..=64, never KILL, STOP or CONT) and wait.
    Signal {
        /// The signal's number.
        number: u8,
        /// How long to wait for it to work.
        wait_ms: u32,
    },
    /// Ask the service manager to stop the unit, and wait.
    StopUnit {
        /// How long to wait for it to work.
        wait_ms: u32,
    },
    /// Run a configured hook, and wait.
    Hook {
        /// The name under `[hooks]`.
        name: String,
        /// How long to wait for it to work.
        wait_ms: u32,
    },
}

impl Step {
    /// How long to wait for it to work.
    #[must_use]
    pub fn wait_ms(&self) -> u32 {
        match self {
            Self::Signal { wait_ms, .. } | Self::StopUnit { wait_ms } | Self::Hook { wait_ms, .. } => {
                *wait_ms
            }
        }
    }
}

/// One line of a ballot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is about.
    pub target: Target,
    /// Which way.
    pub stance: Stance,
    /// The value to hold while this policy is loaded, -999..=1000.
    pub oom_score_adj: Option<i16>,
    /// How it likes to go; empty means SIGTERM and the configured grace period.
    pub shutdown: Vec<Step>,
    /// Why, for people.
    pub reason: String,
}

/// One policy's answer, already checked against the snapshot it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ballot {
    /// In the policy's own order, which means nothing.
    pub entries: Vec<Entry>,
}

/// A policy's answer, with the weight that the administrator gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The policy's configured name.
    pub policy: String,
    /// 1..=100
    pub weight: u32,
    /// Recorded, but without a say.
    pub shadow: bool,
    /// The answer, or why there is none.
    pub answer: Result<Ballot, Fault>,
}
