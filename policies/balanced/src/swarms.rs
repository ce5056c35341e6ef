//! Many small and alike processes that together are a big one: a fork bomb, a build gone wild, two hundred
//! workers.
//!
//! A *swarm* is a tree that multiplies now, and is given up whole, so that none of it is left to fork on.
//! Where there is no such tree (their parent has died, or is an old shell or server that also has other
//! children) they are a *flock* of siblings: each goes alone, but with the weight of all.

use jettison_sdk::{Memcg, Process};

use crate::blame::Blame;
use crate::families::Families;
use crate::field::Field;
use crate::terms::Terms;
use crate::units::{Unit, Units};

/// None of a swarm or flock is larger than so many times the mean of the alike: that one is something else.
const UNLIKE: u64 = 4;
/// How often on average a process is looked at in search of swarms; a chain of forks would make it quadratic.
const LOOKS_MAX: usize = 16;
/// Entries that one flock may take of the ballot, the largest first.
const FLOCK_ENTRIES_MAX: usize = 32;
/// One child in the 10 s that births are counted over.
const ONE_BIRTH_PER_1000S: u32 = 100;

/// The roots of all swarms, none within another.
pub(crate) fn swarms<'s>(field: &Field<'s>, units: &Units<'s>, families: &Families) -> Vec<Process<'s>> {
    let mut looks = field.snapshot.processes().len() * LOOKS_MAX;
    let mut taken = field.snapshot.per_process(|_| false);
    let mut roots = Vec::new();
    for p in field.snapshot.processes_by_family() {
        if taken[p] || p.subtree().len() > looks || !may_be_swarm(p, field, units, families) {
            continue;
        }
        looks -= p.subtree().len();
        if is_swarm(p, field) {
            let root = narrowed(p, field, families);
            root.subtree().for_each(|member| taken[member] = true);
            roots.push(root);
        }
    }
    roots
}

/// Whether a unit ends with this process and is a swarm from there on: then it is no more dear than the rest.
pub(crate) fn is_swarming_head<'s>(
    head: Process<'s>,
    field: &Field<'s>,
    units: &Units<'s>,
    families: &Families,
) -> bool {
    // All heads together are looked below no further than there are processes, or twice that.
    let is_of_unit = |(_, unit): (Memcg<'s>, &Unit<'s>)| head.subtree().len() <= 2 * unit.members;
    may_be_swarm(head, field, units, families)
        && units.headed_by(head).is_some_and(is_of_unit)
        && is_swarm(head, field)
        && narrowed(head, field, families) == head
}

/// What is cheap to ask. A root of more than twice the age of the young is a server or a session that was
/// there before.
fn may_be_swarm<'s>(p: Process<'s>, field: &Field<'s>, units: &Units<'s>, families: &Families) -> bool {
    let (config, family) = (field.config, &families[p]);
    family.young >= config.swarm
        && !family.is_closed
        && field.is_open(p)
        && p.age_ms() <= 2 * config.old_s * 1000
        && is_multiplying(p, field, families)
        && !is_known_service(p, units)
}

/// Whether the tree starts children now, as many as make a swarm within 10 s. What starts is not what is
/// young: a server that was started a moment ago has its processes, and no more. Where births are not
/// counted, to be young has to do.
fn is_multiplying(p: Process<'_>, field: &Field<'_>, families: &Families) -> bool {
    let least = u32::try_from(field.config.swarm).unwrap_or(u32::MAX).saturating_mul(ONE_BIRTH_PER_1000S);
    families[p].births_per_1000s.is_none_or(|births| births >= least)
}

/// A service that has run before is no bomb, however many connections it has to answer.
fn is_known_service<'s>(p: Process<'s>, units: &Units<'s>) -> bool {
    units.headed_by(p).is_some_and(|(top, _)| top.usual_bytes().is_some())
}

/// Whether most of a tree's memory is in young processes of one name and none of it stands out.
fn is_swarm(root: Process<'_>, field: &Field<'_>) -> bool {
    let mut members: Vec<Process<'_>> = root.subtree().filter(|&p| field.is_open(p)).collect();
    members.sort_by_key(Process::comm);
    let Some(namesakes) = members.chunk_by(|a, b| a.comm() == b.comm()).max_by_key(|run| held_bytes(run))
    else {
        return false;
    };
    let alike: Vec<Process<'_>> =
        namesakes.iter().copied().filter(|p| field.config.is_young(p.age_ms())).collect();
    let largest = members.iter().map(Process::anon_and_swap_bytes).max().unwrap_or(0);
    alike.len() >= field.config.swarm
        && held_bytes(&alike) >= held_bytes(&members) / 4 * 3
        && is_alike(largest, held_bytes(&alike), alike.len())
}

fn held_bytes(members: &[Process<'_>]) -> u64 {
    members.iter().map(Process::anon_and_swap_bytes).fold(0, u64::saturating_add)
}

fn is_alike(largest: u64, sum: u64, count: usize) -> bool {
    largest.saturating_mul(count as u64) <= sum.saturating_mul(UNLIKE)
}

/// The lowest tree that still is the swarm, without the shells and launchers above it.
fn narrowed<'s>(top: Process<'s>, field: &Field<'s>, families: &Families) -> Process<'s> {
    let most = families[top].bytes / 8 * 7;
    let mut root = top;
    while let Some(child) = root
        .children()
        .find(|&child| families[child].bytes >= most && families[child].young >= field.config.swarm)
    {
        root = child;
    }
    root
}

/// One of a flock: the root of its subtree, and what it and its like weigh together.
#[derive(Clone, Copy)]
pub(crate) struct FlockMember<'s> {
    pub(crate) process: Process<'s>,
    pub(crate) together: Terms,
    pub(crate) number: usize,
}

/// The members of all flocks: siblings of the same name, user and memcg, each with what is below it, that are
/// young or took memory since it was at ease.
pub(crate) fn flocks<'s>(
    field: &Field<'s>,
    families: &Families,
    blame: &Blame,
    is_taken: impl Fn(Process<'s>) -> bool,
) -> Vec<FlockMember<'s>> {
    let swarm = field.config.swarm;
    let is_new = |p: Process<'s>| field.config.is_young(p.age_ms()) || families[p].has_taken;
    let mut siblings: Vec<(Option<u32>, Process<'s>)> = field
        .snapshot
        .processes()
        .filter(|&p| field.is_open(p) && !families[p].is_closed && !is_taken(p) && is_new(p))
        .map(|p| (p.parent().map(|parent| parent.pid()), p))
        .collect();
    siblings.sort_by_key(|&(parent, _)| parent);
    let mut members = Vec::new();
    for siblings in siblings.chunk_by_mut(|a, b| a.0 == b.0).filter(|siblings| siblings.len() >= swarm) {
        siblings.sort_by_key(|&(_, p)| kind(p));
        for flock in siblings.chunk_by_mut(|a, b| kind(a.1) == kind(b.1)) {
            flock.sort_by_key(|&(_, p)| families[p].bytes);
            add_flock(&mut members, flock, field, families, blame);
        }
    }
    members
}

/// What siblings of one flock have in common.
fn kind<'s>(p: Process<'s>) -> (Option<Memcg<'s>>, Option<u32>, &'s [u8]) {
    (p.memcg(), p.uid(), p.comm())
}

/// `flock` is in ascending order of size. What is much larger than those below it is none of them.
fn add_flock<'s>(
    members: &mut Vec<FlockMember<'s>>,
    flock: &[(Option<u32>, Process<'s>)],
    field: &Field<'s>,
    families: &Families,
    blame: &Blame,
) {
    let mut flock = flock;
    while let Some(((_, largest), smaller)) = flock.split_last() {
        let sum = flock.iter().map(|&(_, p)| families[p].bytes).fold(0, u64::saturating_add);
        if is_alike(families[*largest].bytes, sum, flock.len()) {
            break;
        }
        flock = smaller;
    }
    if flock.len() < field.config.swarm {
        return;
    }
    let all = flock.iter().flat_map(|(_, p)| p.subtree());
    let together = blame.together(all, field);
    let largest = flock.iter().rev().take(FLOCK_ENTRIES_MAX);
    members.extend(largest.map(|&(_, process)| FlockMember { process, together, number: flock.len() }));
}
