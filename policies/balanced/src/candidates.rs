//! What to give up, the most valuable first.
//!
//! Where memory was taken by some processes, they are named, and no others: if they are not worth ending yet,
//! the host waits. Where all hold what they held before, the young and the large are named. Where the memory
//! is held by no process, none is.

use jettison_sdk::{Process, Target};

use crate::blame::Blame;
use crate::families::Families;
use crate::field::Field;
use crate::greatest::{Key, greatest};
use crate::swarms::{flocks, swarms};
use crate::terms::Terms;
use crate::units::Units;

/// How many are named. The host acts on the first few; the rest is for people.
const CANDIDATES_MAX: usize = 64;
/// A process that holds less is not worth ending.
pub(crate) const BYTES_MIN: u64 = 1 << 20;

/// What is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One process.
    Alone,
    /// A tree that multiplies.
    Swarm,
    /// A process and what is below it, one of so many siblings.
    Flock(usize),
}

/// A process or a tree to give up.
pub(crate) struct Candidate<'s> {
    /// The process, or the root of the tree.
    pub(crate) process: Process<'s>,
    pub(crate) shape: Shape,
    /// Of all that the value is for: for a flock of all siblings together.
    pub(crate) terms: Terms,
    pub(crate) value: u64,
}

impl Candidate<'_> {
    pub(crate) fn target(&self) -> Target {
        match self.shape {
            Shape::Alone => self.process.into(),
            Shape::Swarm => self.process.tree(),
            Shape::Flock(_) if self.process.subtree().len() == 1 => self.process.into(),
            Shape::Flock(_) => self.process.tree(),
        }
    }
}

/// The candidates, the most valuable first; of equal ones the younger, then the one with the higher pid.
pub(crate) fn candidates<'s>(
    field: &Field<'s>,
    units: &Units<'s>,
    families: &Families,
    blame: &Blame,
) -> Vec<Candidate<'s>> {
    let mut found: Vec<Candidate<'s>> = Vec::new();
    let mut is_taken = field.snapshot.per_process(|_| false);
    let value = |terms: &Terms| value(terms, blame, field);
    for root in swarms(field, units, families) {
        let terms = blame.together(root.subtree().filter(|&p| field.is_open(p)), field);
        if let Some(value) = value(&terms) {
            root.subtree().for_each(|member| is_taken[member] = true);
            found.push(Candidate { process: root, shape: Shape::Swarm, terms, value });
        }
    }
    for member in flocks(field, families, blame, |p| is_taken[p]) {
        if let Some(value) = value(&member.together) {
            member.process.subtree().for_each(|p| is_taken[p] = true);
            let (process, shape) = (member.process, Shape::Flock(member.number));
            found.push(Candidate { process, shape, terms: member.together, value });
        }
    }
    let singles: Vec<(u64, Process<'s>)> = field
        .snapshot
        .processes()
        .filter(|&p| field.is_open(p) && !is_taken[p] && blame.terms[p].bytes >= BYTES_MIN)
        .filter_map(|p| Some((value(&blame.of_one(p, field))?, p)))
        .collect();
    let first = greatest(CANDIDATES_MAX, singles.iter().map(|&(value, p)| key(value, p)));
    found.extend(first.into_iter().map(|at| singles[at]).map(|(value, process)| Candidate {
        process,
        shape: Shape::Alone,
        terms: blame.of_one(process, field),
        value,
    }));
    let first = greatest(CANDIDATES_MAX, found.iter().map(|one| key(one.value, one.process)));
    let mut found: Vec<_> = found.into_iter().map(Some).collect();
    first.into_iter().filter_map(|at| found[at].take()).collect()
}

/// What speaks for giving it up; `None` if nothing does.
fn value(terms: &Terms, blame: &Blame, field: &Field<'_>) -> Option<u64> {
    match (blame.is_known, blame.is_by_no_process) {
        (true, _) => blame.is_suspect(terms).then(|| terms.guilt()),
        (false, false) => Some(terms.value(field.config)),
        (false, true) => None,
    }
}

/// Of equal value the younger, then the one with the higher pid goes first.
fn key(value: u64, p: Process<'_>) -> Key {
    (value, u64::MAX - p.age_ms(), p.pid())
}
