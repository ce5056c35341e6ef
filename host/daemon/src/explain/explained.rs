//! What is explained.

use std::collections::BTreeMap;

use jettison_decide::{Passed, Signals, State, plan};
use jettison_model::{Exclusion, Plan, Ranked, Snapshot, Tier, Vote};
use jettison_tick::{Decision, Pipeline};

use super::kernel::Kernel;
use super::look::Looked;
use super::what_if::{Again, short};
use super::words;
use crate::cli;
use crate::failure::Failure;
use crate::policies::Policies;
use crate::users::Users;

/// A decision, and what it was made from.
pub(super) struct Explained {
    pub(super) snapshot: Snapshot,
    pub(super) policies: Policies,
    pub(super) users: Users,
    pub(super) decision: Decision,
    /// Why ranked processes stay that go with no victim, by row.
    pub(super) passed: BTreeMap<u32, Passed>,
    /// Unless the tick is armed.
    pub(super) short: Option<Short>,
    pub(super) without: Option<Without>,
    pub(super) kernel: Option<Kernel>,
    pub(super) sense_us: u64,
    pub(super) sense_faults: u64,
}

/// What would be decided if memory were short.
pub(super) struct Short {
    /// With so little available.
    pub(super) available_bytes: u64,
    pub(super) plan: Plan,
    pub(super) passed: BTreeMap<u32, Passed>,
}

/// Policies that have no say here, and where each process stands with them.
pub(super) struct Without {
    pub(super) names: Vec<String>,
    /// By row: place in the order, from 1, and tier.
    pub(super) places: BTreeMap<u32, (usize, Tier)>,
}

impl Explained {
    pub(super) fn of(args: &cli::Explain) -> Result<Self, Failure> {
        let Looked { snapshot, mut policies, settings, users, sense_us, sense_faults } =
            Looked::of(&args.look)?;
        silence(&mut policies, &args.without)?;
        let mut pipeline = Pipeline::new((), policies, settings.clone()).with_snapshot(snapshot);
        pipeline.gate(&Signals { is_manual: true, ..Signals::default() });
        let decision = pipeline.decide(Vec::new());
        let passed = pipeline.passed(&decision).into_iter().collect();
        let (snapshot, mut policies) = pipeline.into_parts();
        let without = (!args.without.is_empty()).then(|| {
            let votes = with_a_say(&decision.votes, &args.without);
            let excluded = decision.ranking.excluded.clone();
            let (_, ranking, _) = plan(&snapshot, excluded, &votes, &[], State::default(), &settings);
            let places = (1..).zip(&ranking.order).map(|(rank, ranked)| (ranked.row, (rank, ranked.tier)));
            Without { names: args.without.clone(), places: places.collect() }
        });
        let is_calm = !snapshot.request.cause.is_armed();
        let short = is_calm.then(|| {
            let again =
                Again::with(&mut policies, &settings, short(&snapshot, &settings), Default::default());
            let passed = again.passed(&settings).into_iter().collect();
            let available_bytes = again.snapshot.host.memory_available_bytes;
            Short { available_bytes, plan: again.plan, passed }
        });
        let kernel = args.kernel.then(|| Kernel::of(&snapshot, &decision));
        Ok(Self {
            snapshot,
            policies,
            users,
            decision,
            passed,
            short,
            without,
            kernel,
            sense_us,
            sense_faults,
        })
    }

    /// All that is said of a row: its reasons, why it stays, and where it stands with others.
    pub(super) fn said(&self, rank: usize, ranked: &Ranked) -> impl Iterator<Item = String> {
        let Decision { ranking, votes, .. } = &self.decision;
        let why = words::why(&self.snapshot, ranking, votes, ranked);
        [Some(why), self.passed_over(ranked), self.with_them(rank, ranked)].into_iter().flatten()
    }

    /// Why a row is passed over, now or if memory were short; not of one that comes after the last victim.
    fn passed_over(&self, ranked: &Ranked) -> Option<String> {
        let is_said = |passed: &&Passed| **passed != Passed::NotNeeded;
        let now = self.passed.get(&ranked.row).filter(is_said);
        let short = || self.short.as_ref()?.passed.get(&ranked.row).filter(is_said);
        match (now, short()) {
            (Some(now), _) => Some(format!("passed over: {now}")),
            (None, Some(short)) => Some(format!("would be passed over: {short}")),
            (None, None) => None,
        }
    }

    /// Where a row stands with the policies that have no say here, if elsewhere.
    fn with_them(&self, rank: usize, ranked: &Ranked) -> Option<String> {
        let Without { names, places } = self.without.as_ref()?;
        let &(with, tier) = places.get(&ranked.row)?;
        ((with, tier) != (rank, ranked.tier))
            .then(|| format!("with {}: rank {with}, {}", names.join(" and "), tier.as_str()))
    }

    pub(super) fn exclusion(&self, row: u32) -> Option<Exclusion> {
        let excluded = &self.decision.ranking.excluded;
        let place = excluded.binary_search_by_key(&row, |&(row, _)| row).ok()?;
        excluded.get(place).map(|&(_, why)| why)
    }
}

/// A policy without a say is consulted all the same, as a shadow is.
fn silence(policies: &mut Policies, names: &[String]) -> Result<(), Failure> {
    for name in names {
        let Some(loaded) = policies.loaded.iter_mut().find(|loaded| loaded.config.name == *name) else {
            let known: Vec<&str> = policies.loaded.iter().map(|loaded| loaded.config.name.as_str()).collect();
            let known = known.join(", ");
            return Err(Failure::Usage(format!(
                "--without {name}: there is no such policy; there are {known}"
            )));
        };
        if loaded.config.shadow {
            return Err(Failure::Usage(format!("--without {name}: it is a shadow, and has no say anyway")));
        }
        loaded.config.shadow = true;
    }
    Ok(())
}

fn with_a_say(votes: &[Vote], names: &[String]) -> Vec<Vote> {
    let is_shadow = |vote: &Vote| vote.shadow && !names.contains(&vote.policy);
    votes.iter().map(|vote| Vote { shadow: is_shadow(vote), ..vote.clone() }).collect()
}
