//! Many young, small and alike processes that together are a big one: a fork bomb, a build gone wild.
//!
//! A *swarm* is a whole tree of them and is given up whole, so that nobody is left to fork on. Where there is no such tree
//! (their parent has died, or is an old shell or server that also has other children) they are a *flock* of siblings: each goes
//! alone, but with the weight of all.

use jettison_sdk::Process;

use crate::families::Families;
use crate::field::Field;
use crate::terms::Terms;

/// None of a swarm or flock is larger than so many times the mean of the alike: that one is something else.
const UNLIKE: u64 = 4;
/// How often on average a process is looked at in search of swarms; a chain of forks would make it quadratic.
const LOOKS_MAX: usize = 16;
/// Entries that one flock may take of the ballot, the largest first.
const FLOCK_ENTRIES_MAX: usize = 32;

/// The roots of all swarms, none within another.
pub(crate) fn swarms<'s>(field: &Field<'s>, families: &Families) -> Vec<Process<'s>> {
    let config = field.config;
    let mut looks = field.snapshot.processes().len() * LOOKS_MAX;
    let mut taken = field.snapshot.per_process(|_| false);
    let mut roots = Vec::new();
    for p in field.snapshot.processes_by_family() {
        let family = &families[p];
        // A root of more than twice the age of the young is a server or a session that was there before.
        if family.young < config.swarm
            || family.is_closed
            || taken[p]
            || !field.is_open(p)
            || p.age_ms() > 2 * config.old_s * 1000
            || p.subtree().len() > looks
        {
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

/// Whether most of a tree's memory is in young processes of one name and nobody in it stands out.
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
pub(crate) struct Bird<'s> {
    pub(crate) process: Process<'s>,
    pub(crate) together: Terms,
    pub(crate) birds: usize,
}

/// The members of all flocks: young siblings of the same name, user and memcg, each with what is below it.
pub(crate) fn flocks<'s>(
    field: &Field<'s>,
    families: &Families,
    is_taken: impl Fn(Process<'s>) -> bool,
) -> Vec<Bird<'s>> {
    let swarm = field.config.swarm;
    let mut siblings: Vec<(Option<u32>, Process<'s>)> = field
        .snapshot
        .processes()
        .filter(|&p| field.is_open(p) && field.config.is_young(p.age_ms()))
        .filter(|&p| !families[p].is_closed && !is_taken(p))
        .map(|p| (p.parent().map(|parent| parent.pid()), p))
        .collect();
    siblings.sort_by_key(|&(parent, _)| parent);
    let mut birds = Vec::new();
    for siblings in siblings.chunk_by_mut(|a, b| a.0 == b.0).filter(|siblings| siblings.len() >= swarm) {
        siblings.sort_by_key(|&(_, p)| kind(p));
        for flock in siblings.chunk_by_mut(|a, b| kind(a.1) == kind(b.1)) {
            flock.sort_by_key(|&(_, p)| families[p].bytes);
            add_flock(&mut birds, flock, field, families);
        }
    }
    birds
}

/// What siblings of one flock have in common.
fn kind<'s>(p: Process<'s>) -> (&'s [u8], Option<u32>, Option<&'s [u8]>) {
    (p.comm(), p.uid(), p.memcg().map(|memcg| memcg.path()))
}

/// `flock` is in ascending order of size. Whoever is much larger than those below it is none of them.
fn add_flock<'s>(
    birds: &mut Vec<Bird<'s>>,
    flock: &[(Option<u32>, Process<'s>)],
    field: &Field<'s>,
    families: &Families,
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
    let together = Terms::together(flock.iter().flat_map(|(_, p)| p.subtree()), field.config);
    let largest = flock.iter().rev().take(FLOCK_ENTRIES_MAX);
    birds.extend(largest.map(|&(_, process)| Bird { process, together, birds: flock.len() }));
}
