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
use crate::greatest::greatest;
use crate::terms::Terms;
use crate::units::{Unit, Units};

/// None of a swarm or flock is larger than so many times the mean of the alike: that one is something else.
const UNLIKE: u64 = 4;
/// How often on average a process is looked at in search of swarms; a chain of forks would make it quadratic.
const LOOKS_MAX: usize = 16;
/// Entries that one flock may take of the ballot: the largest.
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
    let members = || root.subtree().filter(|&p| field.is_open(p));
    let name = name_of_most(members());
    let (mut bytes, mut largest) = (0_u64, 0);
    let (mut alike, mut alike_bytes) = (0, 0_u64);
    for p in members() {
        let own = p.anon_and_swap_bytes();
        (bytes, largest) = (bytes.saturating_add(own), own.max(largest));
        if field.config.is_young(p.age_ms()) && name_of(p) == name {
            (alike, alike_bytes) = (alike + 1, alike_bytes.saturating_add(own));
        }
    }
    alike >= field.config.swarm && alike_bytes >= bytes / 4 * 3 && is_alike(largest, alike_bytes, alike)
}

/// The name that more than half of the memory is in, if there is one; else any. In one pass and without a
/// table: Boyer and Moore, "MJRTY - A Fast Majority Vote Algorithm", 1991, with a weight for each vote.
fn name_of_most<'s>(members: impl Iterator<Item = Process<'s>>) -> u128 {
    let (mut name, mut lead) = (0, 0_u64);
    for p in members {
        let (own, weight) = (name_of(p), p.anon_and_swap_bytes().max(1));
        match lead.checked_sub(weight) {
            _ if own == name => lead = lead.saturating_add(weight),
            Some(less) => lead = less,
            None => (name, lead) = (own, weight - lead),
        }
    }
    name
}

/// A name as a number, so that many are compared fast: the kernel keeps 15 bytes (`TASK_COMM_LEN`). Longer
/// ones, of kernel threads, are none of a swarm's.
fn name_of(p: Process<'_>) -> u128 {
    p.comm().iter().fold(0, |name, &byte| name << 8 | u128::from(byte))
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

/// One that may be of a flock. Siblings of one flock are alike in all but their size.
#[derive(Clone, Copy)]
struct Sibling<'s> {
    kind: (Option<Memcg<'s>>, Option<u32>, u128),
    bytes: u64,
    process: Process<'s>,
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
    let may_be = |p: Process<'s>| field.is_open(p) && !families[p].is_closed && !is_taken(p) && is_new(p);
    let sibling = |p: Process<'s>| Sibling {
        kind: (p.memcg(), p.uid(), name_of(p)),
        bytes: families[p].bytes,
        process: p,
    };
    let mut members = Vec::new();
    let mut siblings: Vec<Sibling<'s>> = Vec::new();
    let roots = field.snapshot.processes().filter(|p| p.parent().is_none());
    siblings.extend(roots.filter(|&p| may_be(p)).map(sibling));
    add_flocks(&mut members, &mut siblings, field, blame);
    for parent in field.snapshot.processes().filter(|p| p.subtree().len() > swarm) {
        siblings.extend(parent.children().filter(|&p| may_be(p)).map(sibling));
        add_flocks(&mut members, &mut siblings, field, blame);
    }
    members
}

/// Divides the children of one parent into flocks.
fn add_flocks<'s>(
    members: &mut Vec<FlockMember<'s>>,
    siblings: &mut Vec<Sibling<'s>>,
    field: &Field<'s>,
    blame: &Blame,
) {
    if siblings.len() >= field.config.swarm {
        siblings.sort_unstable_by_key(|sibling| sibling.kind);
        for flock in siblings.chunk_by(|a, b| a.kind == b.kind) {
            add_flock(members, flock, field, blame);
        }
    }
    siblings.clear();
}

/// What is much larger than the others is none of them.
fn add_flock<'s>(
    members: &mut Vec<FlockMember<'s>>,
    flock: &[Sibling<'s>],
    field: &Field<'s>,
    blame: &Blame,
) {
    let size = |sibling: &Sibling<'s>| (sibling.bytes, 0, sibling.process.pid());
    let mut number = flock.len();
    let mut sum = flock.iter().map(|sibling| sibling.bytes).fold(0, u64::saturating_add);
    let largest = flock.iter().map(|sibling| sibling.bytes).max().unwrap_or(0);
    let most = if is_alike(largest, sum, number) { FLOCK_ENTRIES_MAX } else { number };
    let mut largest = greatest(most, flock.iter().map(size)).into_iter().map(|at| &flock[at]).peekable();
    while let Some(unlike) = largest.next_if(|largest| !is_alike(largest.bytes, sum, number)) {
        (sum, number) = (sum.saturating_sub(unlike.bytes), number - 1);
    }
    let Some(first) = largest.peek().copied().filter(|_| number >= field.config.swarm) else { return };
    let alike = flock.iter().filter(|sibling| size(sibling) <= size(first));
    let together = blame.together(alike.flat_map(|sibling| sibling.process.subtree()), field);
    let largest = largest.take(FLOCK_ENTRIES_MAX);
    members.extend(largest.map(|&Sibling { process, .. }| FlockMember { process, together, number }));
}
