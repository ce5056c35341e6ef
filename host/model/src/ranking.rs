//! The tally's result: one order over all processes, and the exclusions.

use alloc::vec::Vec;

use crate::ballot::{Entry, Target, Vote};
use crate::column::NONE_U32;
use crate::snapshot::ProcessId;

/// Where a process stands, and how far up in there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Given up by some policy and protected by none. Sum of `weight * urgency`.
    Sacrifice(u64),
    /// No policy named it. The built-in badness, in bytes shifted by `oom_score_adj`.
    Unranked(i64),
    /// Some policy protects it: 1..=999.
    Protected(u16),
    /// Some policy protects it with 1000.
    Never,
}

impl Tier {
    /// Whether a policy protects it, at a price.
    #[must_use]
    pub fn is_protected(self) -> bool {
        matches!(self, Self::Protected(_))
    }

    /// The word used in logs and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sacrifice(_) => "sacrifice",
            Self::Unranked(_) => "unranked",
            Self::Protected(_) => "protected",
            Self::Never => "never",
        }
    }
}

/// Which entry of which policy's ballot spoke for this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Index into the votes.
    pub vote: u32,
    /// Index into that vote's ballot.
    pub entry: u32,
}

/// One process in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// Its row in the snapshot.
    pub row: u32,
    /// The process.
    pub id: ProcessId,
    /// Where it stands.
    pub tier: Tier,
    /// Sum of `weight * urgency` of the policies that give it up, though another protects it; 0 if none does.
    pub given_up: u64,
    /// The unit that it is acted on with.
    pub unit: Target,
    /// What the end of that unit would give back.
    pub relief_bytes: u64,
    /// The value the host should hold.
    pub oom_score_adj: i16,
    /// Its part of [`Ranking::said`]: first and number.
    pub said: (u32, u32),
}

/// Why a process may not be a victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exclusion {
    /// Process 1.
    Init,
    /// A kernel thread.
    KernelThread,
    /// The daemon itself.
    Itself,
    /// It had -1000 before us.
    Unkillable,
    /// A rule under `[guard]`.
    Guard,
    /// Outside `--scope`.
    OutOfScope,
    /// The daemon may not signal it (kill(2)): another user's, and no CAP_KILL. Or the kernel has refused a
    /// signal to it.
    NotPermitted,
}

impl Exclusion {
    /// The word used in logs and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::KernelThread => "kernel_thread",
            Self::Itself => "self",
            Self::Unkillable => "unkillable",
            Self::Guard => "guard",
            Self::OutOfScope => "out_of_scope",
            Self::NotPermitted => "not_permitted",
        }
    }
}

/// The order in which processes would go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranking {
    /// First to go first.
    pub order: Vec<Ranked>,
    /// Which entries were about which process; [`Ranked::said`] points in here.
    pub said: Vec<Said>,
    /// The exclusions, by row.
    pub excluded: Vec<(u32, Exclusion)>,
    /// No usable ballot was left, so the built-in badness decided.
    pub is_builtin: bool,
    /// By row: the row of the root of its service, a tree that some policy protects with steps of its own;
    /// `NONE_U32` if it belongs to none. Empty if there is no service.
    pub services: Vec<u32>,
}

impl Ranking {
    /// The root of the service that a process belongs to, itself included, by row.
    #[must_use]
    pub fn service_of(&self, row: u32) -> Option<u32> {
        self.services.get(row as usize).copied().filter(|&root| root != NONE_U32)
    }

    /// What was said of one of its processes.
    #[must_use]
    pub fn said_of(&self, ranked: &Ranked) -> &[Said] {
        let (first, number) = ranked.said;
        self.said.get(first as usize..(first + number) as usize).unwrap_or(&[])
    }

    /// The entries about one of its processes, each with the vote that it is of.
    pub fn entries_of<'a>(
        &'a self,
        ranked: &Ranked,
        votes: &'a [Vote],
    ) -> impl Iterator<Item = (&'a Vote, &'a Entry)> + use<'a> {
        self.said_of(ranked).iter().filter_map(move |said| {
            let vote = votes.get(said.vote as usize)?;
            Some((vote, vote.answer.as_ref().ok()?.entries.get(said.entry as usize)?))
        })
    }
}
