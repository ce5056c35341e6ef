//! What a decision remembers for the next one.

use alloc::string::String;
use alloc::vec::Vec;

use jettison_model::{Plan, ProcessId};

/// A victim that has been named and is not gone yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// Who goes.
    pub members: Vec<ProcessId>,
    /// What its end should give back.
    pub predicted_relief_bytes: u64,
    /// It should be gone by now and is not (a task in D state): its relief is no longer counted on.
    pub is_overdue: bool,
}

/// What one policy last said of one process, as far as it stays in force when the policy faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Whom.
    pub id: ProcessId,
    /// Its protection; 0 if the policy gave it up and only its held value stays.
    pub strength: u16,
    /// The value it asked for.
    pub oom_score_adj: Option<i16>,
}

/// The protections and held values of a policy's last good ballot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastGood {
    /// The policy's configured name.
    pub policy: String,
    /// By row of the snapshot it was about.
    pub kept: Vec<Kept>,
}

/// What a decision remembers for the next one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Victims on their way.
    pub in_flight: Vec<InFlight>,
    /// When victims were named in the last minute, by the boot clock.
    pub named_at_ms: Vec<u64>,
    /// Per policy, in the order of the configuration.
    pub last_good: Vec<LastGood>,
}

/// For so long a victim counts towards `kills_per_minute_max`.
const MINUTE_MS: u64 = 60_000;

impl State {
    /// Enters the victims of a plan that is being carried out.
    pub fn note(&mut self, plan: &Plan, now_ms: u64) {
        self.named_at_ms.extend(plan.victims.iter().map(|_| now_ms));
        self.in_flight.extend(plan.victims.iter().map(|victim| InFlight {
            members: victim.members.clone(),
            predicted_relief_bytes: victim.predicted_relief_bytes,
            is_overdue: false,
        }));
    }

    /// Forgets what was named more than a minute ago.
    pub fn forget_before(&mut self, now_ms: u64) {
        self.named_at_ms.retain(|&at| now_ms.saturating_sub(at) < MINUTE_MS);
    }

    /// Forgets the policies that are no longer configured; their holds go with them.
    pub fn keep_policies(&mut self, is_configured: impl Fn(&str) -> bool) {
        self.last_good.retain(|good| is_configured(&good.policy));
    }
}
