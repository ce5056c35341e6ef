//! What is kept, and at what price: what an administrator asked for, what much depends on, what is old and
//! steady.
//!
//! Protection is a price. What itself took what is missing is not kept, whatever depends on it.

use jettison_sdk::Process;

use crate::blame::Blame;
use crate::essentials::Essentials;
use crate::field::Field;
use crate::terms::{WARMING_MS, leaked_bytes};
use crate::units::Units;

const MIB: i64 = 1 << 20;

/// The strength of a process that a host or session cannot do without.
const ESSENTIAL: u16 = 700;
/// Of a small one that belongs to the system, which no user can start by a name: its end brings next to
/// nothing, and on a small board even that would be worth a plan. And of all that is not to blame where
/// no process took what is missing: its end would not bring that back, however short memory is.
const NEVER: u16 = 1000;
/// Where one did that may not go, such as a guarded one: until critical, since the kernel would choose then.
const UNTAKEN: u16 = 50;
/// Accounts of the system are below this (`SYS_UID_MAX` in login.defs(5)).
const USERS_UID_MIN: u32 = 1000;
/// The strength of the head of a unit: all of the unit would end with it.
const HEAD: u16 = 150;
/// A unit of which the head is kept holds at least this part of memory, in thousandths, or has so many
/// processes.
const UNIT_PERMILLE: u64 = 20;
const UNIT_MEMBERS: usize = 4;
/// A process stands out that is more than so many times the largest of so many siblings at least.
const OUTLIER: u64 = 3;
const SIBLINGS_MIN: usize = 2;
/// So many are looked at: ten thousand for each of ten thousand would have no end.
const SIBLINGS_MAX: usize = 64;

/// A process that is kept.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) strength: u16,
    pub(crate) why: Why,
}

/// Why.
#[derive(Clone, Debug)]
pub(crate) enum Why {
    /// `ManagedOOMPreference=avoid`.
    Avoided,
    /// By its name; what depends on it.
    Essential(&'static str),
    /// Its `oom_score_adj`, which is negative.
    Adjusted(i16),
    /// Old, steady and large.
    Settled,
    /// What is missing is held by no process.
    Untaken,
    /// The name of the unit that would end with it.
    Head(String),
}

/// Whether and why a process in question is kept.
#[inline(never)]
pub(crate) fn kept<'s>(
    p: Process<'s>,
    field: &Field<'s>,
    units: &Units<'s>,
    blame: &Blame,
    essentials: &Essentials,
) -> Option<Kept> {
    let own = kept_for_itself(p, field, units, blame, essentials);
    if !blame.is_by_no_process || blame.is_guilty(&blame.terms[p]) {
        return own;
    }
    let least = if blame.is_in_no_process { NEVER } else { UNTAKEN };
    Some(match own {
        Some(own) => Kept { strength: own.strength.max(least), ..own },
        None => Kept { strength: least, why: Why::Untaken },
    })
}

/// The same where processes took what is missing.
fn kept_for_itself<'s>(
    p: Process<'s>,
    field: &Field<'s>,
    units: &Units<'s>,
    blame: &Blame,
    essentials: &Essentials,
) -> Option<Kept> {
    let config = field.config;
    let keep = |strength, why| Some(Kept { strength, why });
    if field.is_avoided(p) {
        return keep(config.avoid_strength, Why::Avoided);
    }
    if blame.is_guilty_although_kept(&blame.terms[p]) {
        return None;
    }
    let adj = p.oom_score_adj().unwrap_or(0);
    if let Some(what) = essentials.of(p.comm()) {
        // These are small by nature. One that has half of all is what is missing.
        if !blame.is_known && p.footprint_bytes() > field.memory_bytes(p) / 2 {
            return None;
        }
        let is_of_the_system = p.uid().is_some_and(|uid| uid < USERS_UID_MIN);
        let is_small = p.footprint_bytes() < field.large_bytes(p);
        let strength = if is_of_the_system && is_small { NEVER } else { ESSENTIAL };
        return keep(strength, Why::Essential(what));
    }
    if adj < 0 && !is_inherited(p, adj) {
        return keep(100 + adj.unsigned_abs() / 10 * 8, Why::Adjusted(adj));
    }
    let is_vouched_for = || blame.is_known || is_vouched_for(p, field, units);
    if is_settled(p, field) && !blame.is_guilty(&blame.terms[p]) && is_vouched_for() {
        let share = field.share_permille(p).unsigned_abs();
        return keep(config.strength.saturating_add(share / 4).min(999), Why::Settled);
    }
    let (top, unit) = units.headed_by(p).filter(|_| adj == 0)?;
    if blame.is_of_the_head(p, top) {
        return None;
    }
    let is_large = unit.bytes >= field.memory_bytes(p) / 1000 * UNIT_PERMILLE;
    let name = String::from_utf8_lossy(top.unit()).into_owned();
    (is_large || unit.members >= UNIT_MEMBERS).then_some(Kept { strength: HEAD, why: Why::Head(name) })
}

/// Whether its parent has the same value. What all of a service has inherited tells none of its processes
/// from another: its head was given it.
fn is_inherited(p: Process<'_>, adj: i16) -> bool {
    p.parent().is_some_and(|parent| parent.oom_score_adj() == Some(adj) && parent.memcg() == p.memcg())
}

/// Old, steady and large. A process that raised its own `oom_score_adj` asked not to be kept.
fn is_settled(p: Process<'_>, field: &Field<'_>) -> bool {
    let config = field.config;
    let footprint = p.footprint_bytes();
    // Asked first: nearly all are too small.
    if footprint < field.large_bytes(p)
        || config.is_young(p.age_ms())
        || p.oom_score_adj().is_some_and(|adj| adj > 0)
    {
        return false;
    }
    let steady = i64::try_from(footprint / 1000 * config.steady_permille_per_s).unwrap_or(i64::MAX);
    p.growth_bytes_per_s().is_some_and(|_| field.growth_bytes_per_s(p) <= steady.max(MIB))
        && leaked_bytes(p) == 0
        && !stands_out(p)
}

/// Whether it is several times what its siblings are that do the same: a worker that has leaked, and grows no
/// more, is no server that holds what it needs.
fn stands_out(p: Process<'_>) -> bool {
    let is_like = |other: &Process<'_>| {
        *other != p && other.comm() == p.comm() && other.memcg() == p.memcg() && other.uid() == p.uid()
    };
    let Some(parent) = p.parent() else { return false };
    let (number, largest) = parent
        .children()
        .take(SIBLINGS_MAX)
        .filter(is_like)
        .fold((0, 0), |(number, largest), other| (number + 1, other.footprint_bytes().max(largest)));
    number >= SIBLINGS_MIN && p.footprint_bytes() > largest.saturating_mul(OUTLIER)
}

/// Whether more is known of it than that it is still at this moment. Where the daemon has not seen memory at
/// ease and no process is to blame, what is large and of today may be what took it.
fn is_vouched_for<'s>(p: Process<'s>, field: &Field<'s>, units: &Units<'s>) -> bool {
    // At ease nothing was taken, of which a memcg at its own limit knows nothing.
    let taken = if field.is_host() { p.taken_bytes() } else { field.measured_taken_bytes(p) };
    taken.is_some() || p.age_ms() >= WARMING_MS || units.holds_the_usual(p)
}
