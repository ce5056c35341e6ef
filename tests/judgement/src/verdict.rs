//! What was taken, and whether it was right.

use std::fmt;

use jettison_machines::hit;

use crate::Machine;

/// What a contender takes, in its order: the labels of the members of each unit, its root first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Units.
    pub units: Vec<Vec<String>>,
    /// Why, or what is peculiar about it.
    pub note: String,
}

/// Whether it was right. A later one is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// One that must never go is among those taken.
    Wrong,
    /// None that must never go is taken, but the first is not one that should go.
    Missed,
    /// The first is one that should go, and none that must never.
    Right,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Wrong => "WRONG",
            Self::Missed => "missed",
            Self::Right => "right",
        })
    }
}

impl Verdict {
    /// The same word, back.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Wrong, Self::Missed, Self::Right].into_iter().find(|verdict| verdict.to_string() == word)
    }
}

impl Taken {
    /// The label of the first.
    #[must_use]
    pub fn first(&self) -> Option<&str> {
        self.units.first()?.first().map(String::as_str)
    }
}

/// Judges what was taken.
#[must_use]
pub fn judge(machine: &Machine, taken: &Taken) -> Verdict {
    if taken.units.iter().flatten().any(|label| hit(label, &machine.never)) {
        return Verdict::Wrong;
    }
    let is_right = taken.first().map_or(machine.may_be_none, |label| hit(label, &machine.right));
    if is_right { Verdict::Right } else { Verdict::Missed }
}
