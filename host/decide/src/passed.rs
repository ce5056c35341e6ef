//! Why a ranked process goes with no victim. For `explain` and `why` only, never in a tick.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use jettison_model::text::Bytes;
use jettison_model::{Idle, Ranked, Ranking, Snapshot, Tier, Vote, limits};

use crate::choose::{CRUMB, Chooser, Found, Need, Spared, sum};
use crate::domain::is_inside;
use crate::plan::need;
use crate::settings::{Reach, Settings};
use crate::state::{InFlight, State};
use crate::victim::Maker;

/// Why a plan passes over a ranked process (docs/reference/ballots.md, the four laws).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// It is a victim under way already.
    UnderWay,
    /// It is a part of a service, went through all its steps and is still there.
    Unanswered,
    /// It is outside of the memcg that is at its limit.
    Outside,
    /// `act.reach` ends before its tier.
    BeyondReach,
    /// It is protected, and the protected are not reached yet.
    NotReached,
    /// No policy speaks of it, and what one holds to be the cause is protected by another and was not asked
    /// to go yet.
    Waits,
    /// Law 3: its unit gives less than a sixteenth of what is needed.
    Crumb {
        /// What its unit gives.
        relief_bytes: u64,
        /// What a plan is measured against.
        needed_bytes: u64,
        /// All units of its flock together give no more.
        is_flock: bool,
    },
    /// Its unit gives less than any victim must.
    Tiny {
        /// What it gives.
        relief_bytes: u64,
    },
    /// Law 1: its tier and the cheaper ones give less than half, and what is dearer is enough without them.
    LeftAlone {
        /// What they give together.
        cheaper_bytes: u64,
        /// What a plan is measured against.
        needed_bytes: u64,
    },
    /// Law 2: all that may be reached gives less than half.
    Hopeless {
        /// What that gives.
        reachable_bytes: u64,
        /// What a plan is measured against.
        needed_bytes: u64,
    },
    /// Law 4: a later victim is enough without it.
    Needless,
    /// The units before it are enough.
    NotNeeded,
    /// It would go, but for `act.kills_per_minute_max`.
    NoRoom,
    /// No plan is made.
    Idle(Idle),
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UnderWay => f.write_str("it is a victim on its way already"),
            Self::Unanswered => f.write_str("it was asked to end and did not answer"),
            Self::Outside => f.write_str("it is outside of the memcg that is at its limit"),
            Self::BeyondReach => f.write_str("act.reach ends before it"),
            Self::NotReached => f.write_str("it is protected, and not reached before critical"),
            Self::Waits => f.write_str("it waits for what took the memory, which is protected"),
            Self::Crumb { relief_bytes, needed_bytes, is_flock } => {
                let flock = if is_flock { "and all of its flock " } else { "" };
                let (relief, needed) = (Bytes(relief_bytes), Bytes(needed_bytes));
                write!(f, "gives {relief}, {flock}less than a sixteenth of {needed} needed")
            }
            Self::Tiny { relief_bytes } => {
                let least = Bytes(limits::RELIEF_BYTES_MIN);
                write!(f, "gives {}, less than the {least} that a victim must", Bytes(relief_bytes))
            }
            Self::LeftAlone { cheaper_bytes, needed_bytes } => {
                let (cheaper, needed) = (Bytes(cheaper_bytes), Bytes(needed_bytes));
                write!(
                    f,
                    "left alone: all that is as cheap gives {cheaper}, less than half of {needed} needed"
                )
            }
            Self::Hopeless { reachable_bytes, needed_bytes } => {
                let (reachable, needed) = (Bytes(reachable_bytes), Bytes(needed_bytes));
                write!(f, "all within reach gives {reachable}, less than half of {needed} needed")
            }
            Self::Needless => f.write_str("not needed: a later victim is enough without it"),
            Self::NotNeeded => f.write_str("not needed: the plan has enough without it"),
            Self::NoRoom => f.write_str("as many victims as act.kills_per_minute_max allows go before it"),
            Self::Idle(idle) => idle.fmt(f),
        }
    }
}

/// Why each ranked process stays that goes with no victim, by row, in the order of the ranking. Empty if the
/// tick is not armed: then no process goes, and none is passed over. Those that are `never` say so by their
/// tier.
///
/// The arguments are those of [`crate::plan()`] with its ranking; the walk over the tiers is the plan's own.
#[must_use]
pub fn passed(
    snapshot: &Snapshot,
    votes: &[Vote],
    ranking: &Ranking,
    in_flight: &[InFlight],
    state: &State,
    settings: &Settings,
) -> Vec<(u32, Passed)> {
    if !snapshot.request.cause.is_armed() {
        return Vec::new();
    }
    let chooser = Chooser { snapshot, votes, ranking, in_flight, state, settings };
    let stays = Stays::of(&chooser, need(snapshot, in_flight, state, settings));
    let order = (0..).zip(&ranking.order);
    order.filter_map(|(place, ranked)| Some((ranked.row, stays.why(place, ranked)?))).collect()
}

/// What a plan did with each row.
struct Stays<'a> {
    chooser: &'a Chooser<'a>,
    maker: Maker<'a>,
    planned: Result<Planned<'a>, Idle>,
    is_under_way: Vec<bool>,
}

/// A walk over the tiers, looked at from the rows.
struct Planned<'a> {
    need: Need,
    found: Found<'a>,
    /// Rows that go with a victim.
    is_going: Vec<bool>,
    /// Which of the units worth taking a row belongs to.
    unit_of: Vec<Option<usize>>,
    /// What goes with no further unit.
    spared: Spared,
    /// Of the last unit to take, in the order.
    last_place: Option<usize>,
}

impl<'a> Stays<'a> {
    fn of(chooser: &'a Chooser<'a>, need: Result<Need, Idle>) -> Self {
        let maker = chooser.maker();
        let processes = &chooser.snapshot.processes;
        let mut is_under_way = vec![false; processes.len()];
        let members = chooser.in_flight.iter().flat_map(|victim| &victim.members);
        members.filter_map(|&member| processes.row_of(member)).for_each(|row| is_under_way[row] = true);
        let planned = need.and_then(|need| Planned::of(chooser, &maker, need));
        Self { chooser, maker, planned, is_under_way }
    }

    fn why(&self, place: usize, ranked: &Ranked) -> Option<Passed> {
        let row = ranked.row as usize;
        if ranked.tier == Tier::Never {
            return None;
        }
        if self.is_under_way[row] {
            return Some(Passed::UnderWay);
        }
        if self.chooser.state.has_not_answered(ranked.id) {
            return Some(Passed::Unanswered);
        }
        if !is_inside(self.chooser.snapshot, row) {
            return Some(Passed::Outside);
        }
        match &self.planned {
            Ok(planned) if planned.is_going[row] => None,
            Ok(planned) => Some(self.unplanned(planned, place, ranked)),
            Err(idle) => Some(Passed::Idle(*idle)),
        }
    }

    fn unplanned(&self, planned: &Planned<'_>, place: usize, ranked: &Ranked) -> Passed {
        if !self.chooser.is_within_reach(ranked, &planned.need, &self.maker) {
            let reach = self.chooser.settings.reach;
            return match ranked.tier {
                Tier::Protected(_) if reach >= Reach::Protected => Passed::NotReached,
                Tier::Unranked(_) if reach >= Reach::Unranked => Passed::Waits,
                Tier::Sacrifice(_) | Tier::Unranked(_) | Tier::Protected(_) | Tier::Never => {
                    Passed::BeyondReach
                }
            };
        }
        let Found { worthwhile, left_alone, chosen } = &planned.found;
        let needed_bytes = planned.need.scale_bytes;
        let is_after = planned.last_place.is_some_and(|last| place > last);
        let Some(unit) = planned.unit_of[ranked.row as usize] else {
            return if is_after { Passed::NotNeeded } else { self.crumb(planned, ranked) };
        };
        let row = worthwhile[unit].ranked.row;
        match chosen {
            Err(_) => Passed::Hopeless { reachable_bytes: sum(worthwhile), needed_bytes },
            Ok(_) if unit < *left_alone => {
                Passed::LeftAlone { cheaper_bytes: sum(&worthwhile[..*left_alone]), needed_bytes }
            }
            Ok(chosen) if chosen.iter().any(|chosen| chosen.ranked.row == row) => Passed::NoRoom,
            Ok(_) if is_after => Passed::NotNeeded,
            Ok(_) => Passed::Needless,
        }
    }

    /// Of a unit that is not worth taking.
    fn crumb(&self, planned: &Planned<'_>, ranked: &Ranked) -> Passed {
        let needed_bytes = planned.need.scale_bytes;
        let is_small = ranked.relief_bytes < needed_bytes / CRUMB;
        // What the tally predicts counts the members, too, that go with an earlier unit.
        let gives = || self.maker.going(ranked, |row| planned.spared.has(row, ranked)).relief_bytes;
        let predicted = if is_small { ranked.relief_bytes } else { gives() };
        let relief_bytes = self.chooser.state.trusted(self.chooser.snapshot, ranked.row, predicted);
        if predicted < limits::RELIEF_BYTES_MIN && relief_bytes >= needed_bytes / CRUMB {
            return Passed::Tiny { relief_bytes };
        }
        let has_flock = predicted >= limits::RELIEF_BYTES_MIN && self.chooser.flock_of(ranked).is_some();
        Passed::Crumb { relief_bytes, needed_bytes, is_flock: has_flock }
    }
}

impl<'a> Planned<'a> {
    fn of(chooser: &'a Chooser<'a>, maker: &Maker<'a>, need: Need) -> Result<Self, Idle> {
        let found = chooser.walk(&need, maker);
        if let Err(Idle::OnTheWay) = found.chosen {
            return Err(Idle::OnTheWay);
        }
        let rows = chooser.snapshot.processes.len();
        let (mut is_going, mut unit_of, mut spared) = (vec![false; rows], vec![None; rows], chooser.spared());
        let chosen = found.chosen.as_deref().unwrap_or_default();
        for (_, going) in chooser.allowed(chosen, &need, maker)? {
            going.rows.iter().for_each(|&row| is_going[row as usize] = true);
        }
        for (unit, (_, going)) in chooser.going(found.worthwhile.iter(), maker).iter().enumerate() {
            going.rows.iter().for_each(|&row| unit_of[row as usize] = Some(unit));
            spared.take(going);
        }
        let last = chosen.last().map(|unit| unit.ranked.row);
        let last_place = chooser.ranking.order.iter().position(|ranked| Some(ranked.row) == last);
        Ok(Self { need, found, is_going, unit_of, spared, last_place })
    }
}
