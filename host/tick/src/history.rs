//! The last victims that are gone or were given up, for `jettison history`.

use std::collections::VecDeque;

use jettison_model::column::row as row_of;
use jettison_model::{Cause, Snapshot, TextColumn};

/// Victims that are remembered.
pub const HISTORY_MAX: usize = 64;

/// What shut a process down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// We did, or gave it up.
    #[default]
    Jettison,
    /// The kernel's OOM killer was faster.
    Kernel,
    /// A dry run would have.
    DryRun,
}

impl By {
    /// The word used in JSON, in the journal and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jettison => "jettison",
            Self::Kernel => "kernel",
            Self::DryRun => "dry-run",
        }
    }
}

/// Where a process lived, and what it was started as. Names are bytes, and empty where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its memcg.
    pub memcg: Vec<u8>,
    /// The systemd unit of that.
    pub service_unit: Vec<u8>,
    /// The id of its container.
    pub container: Vec<u8>,
    /// The uid of its pod.
    pub pod: Vec<u8>,
    /// Its arguments with a NUL after each, where a policy has them sensed.
    pub cmdline: Option<Vec<u8>>,
}

impl Place {
    /// Of a process of the snapshot.
    pub(crate) fn of(snapshot: &Snapshot, row: usize) -> Self {
        let (processes, memcgs) = (&snapshot.processes, &snapshot.memcgs);
        let memcg = processes.memcgs.get(row).copied().and_then(row_of);
        let name = |column: &TextColumn| memcg.map_or_else(Vec::new, |memcg| column.get(memcg).to_vec());
        let cmdline = processes.cmdlines.get(row);
        Self {
            memcg: name(&memcgs.paths),
            service_unit: name(&memcgs.units),
            container: name(&memcgs.container_ids),
            pod: name(&memcgs.pod_uids),
            cmdline: (!cmdline.is_empty()).then(|| cmdline.to_vec()),
        }
    }
}

/// A victim that is gone or was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// When it was named, in milliseconds since 1970.
    pub at_ms: u64,
    /// What ended it.
    pub by: By,
    /// Its root.
    pub pid: u32,
    /// When the root was started, in clock ticks since boot; 0 if that is not known.
    pub start_time: u64,
    /// The root's name.
    pub comm: String,
    /// The root's effective user when it was named, if that was known.
    pub uid: Option<u32>,
    /// Where the root lived when it was named.
    pub place: Place,
    /// Why the tick happened.
    pub cause: Cause,
    /// `process`, `tree` or `memcg`.
    pub target: &'static str,
    /// How many processes it had.
    pub members: usize,
    /// The policy whose entry made it the victim.
    pub policy: String,
    /// Why, for people.
    pub reason: String,
    /// Whether it took SIGKILL.
    pub was_killed: bool,
    /// The kernel refused every signal to it (EPERM): it was given up, and lives.
    pub is_refused: bool,
    /// A part of a service that did not answer its steps, and would have got SIGKILL otherwise: it was given
    /// up on, and lives.
    pub is_unanswered: bool,
    /// What was done, in order.
    pub steps: Vec<String>,
    /// From naming it until it was gone.
    pub took_ms: u64,
    /// What its end should have given back.
    pub predicted_relief_bytes: u64,
    /// What its end gave back.
    pub measured_relief_bytes: u64,
}

/// The last victims, the latest last.
#[derive(Debug, Default)]
pub(crate) struct History {
    last: VecDeque<Past>,
    /// Since the start.
    total: u64,
}

impl History {
    pub(crate) fn push(&mut self, past: Past) {
        self.remember(past);
        self.total += 1;
    }

    /// One of a daemon before us, which is no news.
    pub(crate) fn remember(&mut self, past: Past) {
        if self.last.len() == HISTORY_MAX {
            self.last.pop_front();
        }
        self.last.push_back(past);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Past> {
        self.last.iter()
    }

    /// Those since there were so many, as far as they are remembered; and how many there are now.
    pub(crate) fn since(&self, total: u64) -> (u64, impl Iterator<Item = &Past>) {
        let new = usize::try_from(self.total.saturating_sub(total)).unwrap_or(usize::MAX);
        (self.total, self.last.iter().skip(self.last.len().saturating_sub(new)))
    }
}
