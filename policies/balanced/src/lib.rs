//! The default policy: what grows, is young and is big goes first; what is old and steady stays.
//!
//! It first looks who is in question ([`field`]), then weighs each process and each family of many small ones ([`swarms`]) by what
//! speaks for giving it up ([`terms`]), and names the first few dozen ([`candidates`]) with its reasons ([`reasons`]).
//! Integers only; the same snapshot gives the same ballot.
#![forbid(unsafe_code)]

mod candidates;
mod config;
mod families;
mod field;
mod reasons;
mod swarms;
mod terms;
#[cfg(test)]
mod tests;

use std::cell::LazyCell;

use jettison_sdk::{Ballot, Cause, Description, Policy, Problem, Snapshot};

use crate::candidates::{Candidate, Unit, candidates};
pub use crate::config::Config;
use crate::field::Field;

/// The policy `balanced`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Balanced {
    config: Config,
}

impl Policy for Balanced {
    type Config = Config;

    fn describe() -> Description {
        Description {
            name: "balanced",
            version: env!("CARGO_PKG_VERSION"),
            summary: env!("CARGO_PKG_DESCRIPTION"),
        }
    }

    fn validate(config: &Config) -> Vec<Problem> {
        config.problems()
    }

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn rank(&self, snapshot: &Snapshot, ballot: &mut Ballot) -> Result<(), String> {
        let config = &self.config;
        let field = Field::of(snapshot, config);
        for p in field.settled() {
            let share = field.share_permille(p);
            ballot
                .protect(p, config.strength)
                .hold(-share.min(hold_max(config)))
                .because(reasons::kept(p, share));
        }
        for p in field.avoided().filter(|p| candidates::bytes_at_most(*p) >= candidates::BYTES_MIN) {
            // systemd has a setting of its own for what the kernel's OOM killer is told: OOMScoreAdjust=.
            ballot
                .protect(p, config.avoid_strength)
                .without_hold()
                .because("its unit has ManagedOOMPreference=avoid");
        }
        let candidates = candidates(&field);
        let worst = LazyCell::new(|| worst_badness_permille(&field));
        for candidate in &candidates {
            let entry = ballot
                .sacrifice(candidate.target(), terms::urgency(candidate.value))
                .because(reasons::given_up(candidate));
            if let Some(adj) = hold(candidate, || *worst, &field) {
                entry.hold(adj);
            }
        }
        Ok(())
    }
}

fn hold_max(config: &Config) -> i16 {
    i16::try_from(config.hold_max).unwrap_or(999)
}

/// The highest badness that the kernel sees in anybody, in thousandths of the memory in question.
fn worst_badness_permille(field: &Field<'_>) -> i16 {
    let inside = field.snapshot.processes().filter(|&p| field.is_inside(p) && !p.is_kernel_thread());
    inside.map(|p| field.share_permille(p).saturating_add(p.oom_score_adj().unwrap_or(0))).max().unwrap_or(0)
}

/// What it takes that the kernel's OOM killer, should it be faster than the host, picks this one rather than the largest:
/// asked for who is about to double, once memory is getting short.
fn hold(candidate: &Candidate<'_>, worst: impl FnOnce() -> i16, field: &Field<'_>) -> Option<i16> {
    let is_short = !matches!(field.snapshot.cause(), Cause::Routine | Cause::Manual);
    if !is_short || !candidate.terms.is_surging(field.config) {
        return None;
    }
    let own = match candidate.unit {
        Unit::Alone => field.share_permille(candidate.process),
        Unit::Swarm | Unit::Flock(_) => 0,
    };
    let adj = worst().saturating_sub(own).saturating_add(1).min(hold_max(field.config));
    (adj > candidate.process.oom_score_adj().unwrap_or(0)).then_some(adj)
}

jettison_sdk::export!(Balanced);
