//! Which units go, by the four laws of docs/reference/ballots.md.
//!
//! 1. *Cheap first.* The tiers (sacrifice, unranked, then protected by strength) are entered in order. A
//!    dearer one is entered only if all that the cheaper ones can give together is less than half of what is
//!    needed; what they could give is then left alone, unless the need cannot be met without it.
//! 2. *No hopeless plan.* If all that may be reached gives less than half, no victim is named.
//! 3. *No crumbs.* A unit that gives less than a sixteenth is passed over and counts for nothing in 1 and
//!    2. Units to which one policy gave one score, a flock, count together.
//! 4. *No needless victim.* Leaving any one unit out would miss the need.
//!
//! What no policy speaks of waits while the cause of a shortage is known and protected
//! ([`Chooser::is_within_reach`]).
//!
//! Halves and sixteenths are those of `Request::scale_bytes`; the need is met at `Request::need_bytes`.

use alloc::vec;
use alloc::vec::Vec;
use core::cell::{Cell, OnceCell};

use jettison_model::snapshot::memcg_flags;
use jettison_model::{Idle, Ranked, Ranking, Snapshot, Tier, Victim, Vote, limits};

use crate::domain::{fall_bytes_per_s, is_inside};
use crate::settings::Settings;
use crate::state::{InFlight, State};
use crate::victim::{Going, Maker};

/// A unit must give this part of the scale, or it is a crumb.
pub(crate) const CRUMB: u64 = 16;

/// What a plan has to bring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// Enough.
    pub(crate) bytes: u64,
    /// What halves and sixteenths are taken of.
    pub(crate) scale_bytes: u64,
    /// How many victims may be named, parts of services not counted.
    pub(crate) room: usize,
    /// The domain is at its critical level.
    pub(crate) is_critical: bool,
    /// It is at or below `act`, and not only stalled.
    pub(crate) is_at_act: bool,
    /// Enough is on its way and comes late. What is protected would not be in time either.
    pub(crate) spares_protected: bool,
}

/// Walks the tiers and takes units until their predicted relief is enough.
pub(crate) struct Chooser<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) votes: &'a [Vote],
    pub(crate) ranking: &'a Ranking,
    pub(crate) in_flight: &'a [InFlight],
    pub(crate) state: &'a State,
    pub(crate) settings: &'a Settings,
}

/// A unit that is worth taking.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) ranked: &'a Ranked,
    pub(crate) relief_bytes: u64,
}

/// What a walk over the tiers found.
pub(crate) struct Found<'a> {
    /// The units worth taking of all tiers that were entered, in order.
    pub(crate) worthwhile: Vec<Candidate<'a>>,
    /// So many of these, the first, are of tiers that are left alone.
    pub(crate) left_alone: usize,
    /// Those to take, in order, however many a minute allows.
    pub(crate) chosen: Result<Vec<Candidate<'a>>, Idle>,
}

/// Which processes may not go with a unit, by row.
pub(crate) struct Spared {
    /// Excluded, never, under way, outside the domain, or in a unit that was taken before.
    is_exempt: Vec<bool>,
    /// 0 if it is not protected.
    strengths: Vec<u16>,
}

impl Spared {
    /// Whether a row stays when this one goes: what is protected more strongly does.
    pub(crate) fn has(&self, row: usize, going: &Ranked) -> bool {
        self.is_exempt[row] || self.strengths[row] > strength(going.tier)
    }

    pub(crate) fn take(&mut self, going: &Going) {
        going.rows.iter().for_each(|&row| self.is_exempt[row as usize] = true);
    }
}

impl<'a> Chooser<'a> {
    pub(crate) fn choose(&self, need: Need) -> Result<Vec<Victim>, Idle> {
        let maker = self.maker();
        let chosen = self.walk(&need, &maker).chosen?;
        let victims = self.allowed(&chosen, &need, &maker)?;
        Ok(victims.iter().filter_map(|(ranked, going)| maker.victim(ranked, going)).collect())
    }

    /// Those of a plan that a minute allows, in order, up to the first that is one too many. A part of a
    /// service does not count: the service goes on.
    pub(crate) fn allowed(
        &self,
        chosen: &[Candidate<'a>],
        need: &Need,
        maker: &Maker<'a>,
    ) -> Result<Vec<(&'a Ranked, Going)>, Idle> {
        let mut going = self.going(chosen.iter(), maker);
        let mut room = need.room;
        let too_many = going.iter().position(|(ranked, going)| {
            let counts = !maker.is_part(ranked, going);
            let is_too_many = counts && room == 0;
            room = room.saturating_sub(usize::from(counts));
            is_too_many
        });
        match too_many {
            Some(0) => return Err(Idle::KillsPerMinute),
            Some(count) => going.truncate(count),
            None => {}
        }
        Ok(going)
    }

    /// Laws 1 and 2: enters the tiers in order until they give enough. If that is in vain at critical,
    /// nothing waits for a kept cause any more.
    pub(crate) fn walk(&self, need: &Need, maker: &Maker<'a>) -> Found<'a> {
        let found = self.enter(need, maker);
        if need.is_critical && found.chosen.is_err() && maker.waits_for_the_kept.get() == Some(true) {
            maker.waits_for_the_kept.set(Some(false));
            return self.enter(need, maker);
        }
        found
    }

    fn enter(&self, need: &Need, maker: &Maker<'a>) -> Found<'a> {
        let mut spared = self.spared();
        let mut worthwhile: Vec<Candidate<'a>> = Vec::new();
        let mut reachable = 0_u64;
        let mut tiers = self.ranking.order.chunk_by(|a, b| is_same_tier(a.tier, b.tier));
        for tier in &mut tiers {
            let is_reached = |ranked: &&Ranked| self.is_within_reach(ranked, need, maker);
            let units = self.worthwhile(tier.iter().filter(is_reached), maker, &mut spared, need);
            let (sum, left_alone) = (sum(&units), worthwhile.len());
            reachable = reachable.saturating_add(sum);
            worthwhile.extend(units);
            let is_enough_alone = sum >= need.bytes && sum >= half(need.scale_bytes);
            if is_enough_alone || reachable >= half(need.scale_bytes) {
                let left_alone = if is_enough_alone { left_alone } else { 0 };
                let chosen =
                    needed(&worthwhile[left_alone..], self.enough(&worthwhile[left_alone..], need, maker));
                return Found { worthwhile, left_alone, chosen: Ok(chosen) };
            }
        }
        let idle = if need.spares_protected {
            Idle::OnTheWay
        } else {
            let protected_bytes = self.protected_bytes(need, maker);
            Idle::NotWorthIt { reachable_bytes: reachable, needed_bytes: need.scale_bytes, protected_bytes }
        };
        Found { worthwhile, left_alone: 0, chosen: Err(idle) }
    }

    /// What is needed of these units. A member of a flock is next to nothing of what takes the memory, so the
    /// others go on taking until it is gone; that counts up to as much again.
    fn enough(&self, units: &[Candidate<'_>], need: &Need, maker: &Maker<'a>) -> u64 {
        let first = units.first().filter(|unit| self.flock_of(unit.ranked).is_some());
        let meanwhile = first.map_or(0, |unit| {
            let ms = maker.shutdown_ms(unit.ranked);
            fall_bytes_per_s(self.snapshot).saturating_mul(ms) / 1000
        });
        need.bytes.saturating_add(meanwhile.min(need.bytes))
    }

    pub(crate) fn maker(&self) -> Maker<'a> {
        let Self { snapshot, votes, ranking, settings, .. } = *self;
        let (tree, enough_up_to) = (OnceCell::new(), OnceCell::new());
        let (kept_causes, waits_for_the_kept) = (OnceCell::new(), Cell::new(None));
        Maker { snapshot, votes, ranking, settings, tree, enough_up_to, kept_causes, waits_for_the_kept }
    }

    /// Those of a tier that are no crumbs, in order, as far as they are needed.
    pub(crate) fn worthwhile(
        &self,
        tier: impl Iterator<Item = &'a Ranked>,
        maker: &Maker<'a>,
        spared: &mut Spared,
        need: &Need,
    ) -> Vec<Candidate<'a>> {
        let tier: Vec<&Ranked> = tier.collect();
        let crumb = need.scale_bytes / CRUMB;
        let has_groups = self.snapshot.memcgs.flags.iter().any(|flags| flags & memcg_flags::OOM_GROUP != 0);
        let mut units: Vec<Candidate<'a>> = Vec::new();
        for alike in tier.chunk_by(|a, b| a.tier == b.tier) {
            let mut run: Vec<(Candidate<'a>, Option<u32>)> = Vec::new();
            for &ranked in alike {
                let flock = self.flock_of(ranked);
                // What the tally predicts of a unit is never less than what it gives, but for a
                // memory.oom.group.
                let is_small = flock.is_none() && !has_groups && ranked.relief_bytes < crumb;
                let is_out = spared.is_exempt[ranked.row as usize] || self.state.has_not_answered(ranked.id);
                if is_small || is_out {
                    continue;
                }
                let going = maker.going(ranked, |row| spared.has(row, ranked));
                let relief_bytes = self.state.trusted(self.snapshot, ranked.row, going.relief_bytes);
                // What it holds counts here: that others disappointed makes it no crumb of its own.
                if going.relief_bytes >= limits::RELIEF_BYTES_MIN
                    && (flock.is_some() || relief_bytes >= crumb)
                {
                    spared.take(&going);
                    run.push((Candidate { ranked, relief_bytes }, flock));
                }
            }
            let together = |flock| {
                let members = run.iter().filter(|(_, other)| *other == flock);
                members.fold(0_u64, |sum, (unit, _)| sum.saturating_add(unit.relief_bytes))
            };
            let mut sums: Vec<(Option<u32>, u64)> = Vec::new();
            for &(_, flock) in run.iter().filter(|(_, flock)| flock.is_some()) {
                if !sums.iter().any(|&(known, _)| known == flock) {
                    sums.push((flock, together(flock)));
                }
            }
            let is_crumb = |flock: Option<u32>| {
                sums.iter().any(|&(known, sum)| known == flock && flock.is_some() && sum < crumb)
            };
            units.extend(run.iter().filter(|(_, flock)| !is_crumb(*flock)).map(|&(unit, _)| unit));
            let found = sum(&units);
            if found >= need.bytes && found >= half(need.scale_bytes) {
                break;
            }
        }
        units
    }

    /// The policy whose one score makes a sacrificed unit part of a flock.
    pub(crate) fn flock_of(&self, ranked: &Ranked) -> Option<u32> {
        let Tier::Sacrifice(_) = ranked.tier else { return None };
        let said = self.ranking.said_of(ranked).iter().find(|said| {
            let vote = self.votes.get(said.vote as usize);
            let entries = vote.and_then(|vote| vote.answer.as_ref().ok()).map(|ballot| &ballot.entries);
            let entry = entries.and_then(|entries| entries.get(said.entry as usize));
            entry.is_some_and(|entry| entry.target == ranked.unit)
        });
        said.map(|said| said.vote)
    }

    pub(crate) fn spared(&self) -> Spared {
        let processes = &self.snapshot.processes;
        let mut is_exempt = vec![true; processes.len()];
        let mut strengths = vec![0; processes.len()];
        for ranked in &self.ranking.order {
            let row = ranked.row as usize;
            is_exempt[row] = ranked.tier == Tier::Never || !is_inside(self.snapshot, row);
            strengths[row] = strength(ranked.tier);
        }
        for member in self.in_flight.iter().flat_map(|victim| &victim.members) {
            if let Some(row) = processes.row_of(*member) {
                is_exempt[row] = true;
            }
        }
        Spared { is_exempt, strengths }
    }

    /// The processes that go with each of these units: the whole of it but for what goes with an earlier one.
    pub(crate) fn going<'b>(
        &self,
        units: impl Iterator<Item = &'b Candidate<'a>>,
        maker: &Maker<'a>,
    ) -> Vec<(&'a Ranked, Going)>
    where
        'a: 'b,
    {
        let mut spared = self.spared();
        let going = |unit: &Candidate<'a>| {
            let going = maker.going(unit.ranked, |row| spared.has(row, unit.ranked));
            spared.take(&going);
            (unit.ranked, going)
        };
        units.map(going).collect()
    }
}

/// Protection has a tier for each strength.
pub(crate) fn is_same_tier(a: Tier, b: Tier) -> bool {
    match (a, b) {
        (Tier::Sacrifice(_), Tier::Sacrifice(_))
        | (Tier::Unranked(_), Tier::Unranked(_))
        | (Tier::Never, Tier::Never) => true,
        (Tier::Protected(a), Tier::Protected(b)) => a == b,
        _ => false,
    }
}

pub(crate) fn strength(tier: Tier) -> u16 {
    match tier {
        Tier::Protected(strength) => strength,
        Tier::Sacrifice(_) | Tier::Unranked(_) | Tier::Never => 0,
    }
}

pub(crate) fn half(bytes: u64) -> u64 {
    bytes.div_ceil(2)
}

pub(crate) fn sum(units: &[Candidate<'_>]) -> u64 {
    units.iter().fold(0, |sum, unit| sum.saturating_add(unit.relief_bytes))
}

/// The first of them that together are enough, without those that the others make needless, the last ones
/// first.
fn needed<'a>(units: &[Candidate<'a>], need_bytes: u64) -> Vec<Candidate<'a>> {
    let mut chosen = Vec::new();
    let mut total = 0_u64;
    for &unit in units {
        if total >= need_bytes {
            break;
        }
        total = total.saturating_add(unit.relief_bytes);
        chosen.push(unit);
    }
    let mut kept: Vec<Candidate<'a>> = Vec::new();
    for unit in chosen.into_iter().rev() {
        if total - unit.relief_bytes.min(total) >= need_bytes {
            total -= unit.relief_bytes;
        } else {
            kept.push(unit);
        }
    }
    kept.reverse();
    kept
}
