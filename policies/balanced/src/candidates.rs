//! Whom to give up, the most valuable first.

use std::cmp::Ordering;

use jettison_sdk::{Process, Target};

use crate::families::{Families, families};
use crate::field::{Field, Standing};
use crate::swarms::{flocks, swarms};
use crate::terms::Terms;

/// How many are named. The host acts on the first few; the rest is for people.
const CANDIDATES_MAX: usize = 64;
/// Who holds less is not worth ending.
pub(crate) const BYTES_MIN: u64 = 1 << 20;

/// What is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// One process.
    Alone,
    /// A tree of young, alike processes.
    Swarm,
    /// A process and what is below it, one of so many siblings.
    Flock(usize),
}

/// Somebody to give up.
pub(crate) struct Candidate<'s> {
    /// The process, or the root of the tree.
    pub(crate) process: Process<'s>,
    pub(crate) unit: Unit,
    /// Of all that the value is for: for a flock of all siblings together.
    pub(crate) terms: Terms,
    pub(crate) value: u64,
}

impl Candidate<'_> {
    pub(crate) fn target(&self) -> Target {
        match self.unit {
            Unit::Alone => self.process.into(),
            Unit::Swarm => self.process.tree(),
            Unit::Flock(_) if self.process.subtree().len() == 1 => self.process.into(),
            Unit::Flock(_) => self.process.tree(),
        }
    }
}

/// The candidates, the most valuable first; of equal ones the younger, then the one with the higher pid.
pub(crate) fn candidates<'s>(field: &Field<'s>) -> Vec<Candidate<'s>> {
    let config = field.config;
    let families = families(field);
    let mut found: Vec<Candidate<'s>> = Vec::new();
    let mut taken = field.snapshot.per_process(|_| false);
    for root in swarms(field, &families) {
        root.subtree().for_each(|member| taken[member] = true);
        found.push(candidate(root, Unit::Swarm, Terms::together(root.subtree(), config), field));
    }
    let birds = flocks(field, &families, |p| taken[p]);
    for bird in birds {
        taken[bird.process] = true;
        found.push(candidate(bird.process, Unit::Flock(bird.birds), bird.together, field));
    }
    let alone = |p| alone(p, field, &families);
    let mut singles: Vec<(u64, Process<'s>)> = field
        .snapshot
        .processes()
        .filter(|&p| field.is_open(p) && !taken[p] && bytes_at_most(p) >= BYTES_MIN)
        .map(|p| (alone(p), p))
        .filter(|(terms, _)| terms.bytes >= BYTES_MIN)
        .map(|(terms, p)| (terms.value(config), p))
        .collect();
    keep_first(&mut singles, |&a, &b| by_value(a, b));
    found.extend(singles.into_iter().map(|(_, p)| candidate(p, Unit::Alone, alone(p), field)));
    let order = |a: &Candidate<'_>, b: &Candidate<'_>| by_value((a.value, a.process), (b.value, b.process));
    keep_first(&mut found, order);
    found.sort_by(order);
    found
}

fn candidate<'s>(process: Process<'s>, unit: Unit, terms: Terms, field: &Field<'_>) -> Candidate<'s> {
    Candidate { process, unit, terms, value: terms.value(field.config) }
}

/// The terms of a process on its own, with the shared memory that no relative maps as well: a database's buffers do not come
/// back with one of its backends.
fn alone(p: Process<'_>, field: &Field<'_>, families: &Families) -> Terms {
    let shmem = match p.rss_shmem_bytes() {
        None | Some(0) => 0,
        Some(_) => {
            let parent = p.parent().filter(|&parent| field.standings[parent] != Standing::Closed);
            families[parent.unwrap_or(p)].shmem_of_its_own(p)
        }
    };
    Terms::of(p, shmem, field.config)
}

/// What its terms can come to, without weighing them: most processes of a machine are too small to bother.
pub(crate) fn bytes_at_most(p: Process<'_>) -> u64 {
    p.anon_and_swap_bytes().saturating_add(p.rss_shmem_bytes().unwrap_or(0))
}

/// Of equal value the younger, then the one with the higher pid goes first.
fn by_value(a: (u64, Process<'_>), b: (u64, Process<'_>)) -> Ordering {
    b.0.cmp(&a.0).then_with(|| a.1.age_ms().cmp(&b.1.age_ms())).then_with(|| b.1.pid().cmp(&a.1.pid()))
}

/// Drops all but the first, without sorting ten thousand for the sake of a few dozen.
fn keep_first<T>(items: &mut Vec<T>, order: impl FnMut(&T, &T) -> Ordering) {
    if items.len() > CANDIDATES_MAX {
        items.select_nth_unstable_by(CANDIDATES_MAX, order);
        items.truncate(CANDIDATES_MAX);
    }
}
