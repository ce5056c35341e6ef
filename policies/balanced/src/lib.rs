//! The default policy: what took the memory goes; what much depends on stays as long as anything else can
//! help.
//!
//! It first finds which processes are in question ([`field`]) and what belongs together ([`units`]); then
//! what took the memory since it was last at ease ([`blame`]), what is kept and at what price ([`keep`]), and
//! what is given up, process by process ([`terms`]) or many alike at once ([`swarms`]): the first few dozen
//! ([`candidates`]), with its reasons ([`reasons`]). Integers only; the same snapshot gives the same ballot.
#![forbid(unsafe_code)]

mod blame;
mod candidates;
mod config;
mod essentials;
mod families;
mod field;
mod greatest;
mod keep;
mod reasons;
mod swarms;
mod terms;
#[cfg(test)]
mod tests;
mod units;

use std::cell::LazyCell;

use jettison_sdk::{Ballot, Cause, Description, Policy, Problem, Process, Snapshot};

use crate::blame::Blame;
use crate::candidates::{BYTES_MIN, Candidate, Shape, candidates};
pub use crate::config::Config;
use crate::essentials::Essentials;
use crate::families::Families;
use crate::field::{Field, Standing};
use crate::keep::{Kept, Why, kept};
use crate::swarms::is_swarming_head;
use crate::units::Units;

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
        let mut field = Field::of(snapshot, &self.config);
        let units = Units::of(snapshot);
        let mut families = Families::of(&field);
        let blame = Blame::of(&field, &units, &families);
        let essentials = Essentials::new();
        for p in snapshot.processes() {
            let price =
                if field.is_in_question(p) { kept(p, &field, &units, &blame, &essentials) } else { None };
            let is_price = |kept: &Kept| {
                !matches!(kept.why, Why::Head(_)) || !is_swarming_head(p, &field, &units, &families)
            };
            if let Some(kept) = price.filter(is_price) {
                field.standings[p] = Standing::Kept;
                protect(ballot, p, &kept, &field);
            }
        }
        families.close(&field);
        let worst = LazyCell::new(|| worst_badness_permille(&field));
        for candidate in &candidates(&field, &units, &families, &blame) {
            let entry = ballot
                .sacrifice(candidate.target(), terms::urgency(candidate.value))
                .because(reasons::given_up(candidate, &blame, &units, &field));
            if let Some(adj) = hold(candidate, || *worst, &field) {
                entry.hold(adj);
            }
        }
        Ok(())
    }
}

/// Enters what is kept, if it holds anything that its end could give back.
fn protect(ballot: &mut Ballot, p: Process<'_>, kept: &Kept, field: &Field<'_>) {
    let bytes = p.anon_and_swap_bytes().saturating_add(p.rss_shmem_bytes().unwrap_or(0));
    if bytes < BYTES_MIN {
        return;
    }
    let share = field.share_permille(p);
    let entry = ballot.protect(p, kept.strength).because(reasons::kept(p, kept, share));
    match kept.why {
        // Its steady size is not to count against it.
        Why::Settled => entry.hold(-share.min(hold_max(field.config))),
        // Their units have settings of their own for what the kernel is told (OOMScoreAdjust=), or none is
        // needed.
        Why::Avoided | Why::Essential(_) | Why::Adjusted(_) | Why::Untaken | Why::Head(_) => {
            entry.without_hold()
        }
    };
}

fn hold_max(config: &Config) -> i16 {
    i16::try_from(config.hold_max).unwrap_or(999)
}

/// The highest badness that the kernel sees in any process, in thousandths of the memory in question.
fn worst_badness_permille(field: &Field<'_>) -> i16 {
    let inside = field.snapshot.processes().filter(|&p| field.is_inside(p) && !p.is_kernel_thread());
    inside.map(|p| field.share_permille(p).saturating_add(p.oom_score_adj().unwrap_or(0))).max().unwrap_or(0)
}

/// What it takes that the kernel's OOM killer, should it be faster than the host, picks this one rather than
/// the largest: asked for what is about to double, once memory is getting short.
fn hold(candidate: &Candidate<'_>, worst: impl FnOnce() -> i16, field: &Field<'_>) -> Option<i16> {
    let is_short = !matches!(field.snapshot.cause(), Cause::Routine | Cause::Manual);
    if !is_short || !candidate.terms.is_surging(field.config) {
        return None;
    }
    let own = match candidate.shape {
        Shape::Alone => field.share_permille(candidate.process),
        Shape::Swarm | Shape::Flock(_) => 0,
    };
    let adj = worst().saturating_sub(own).saturating_add(1).min(hold_max(field.config));
    (adj > candidate.process.oom_score_adj().unwrap_or(0)).then_some(adj)
}

jettison_sdk::export!(Balanced);
