//! A ballot as the host sees it, in pids and paths.

use std::cmp::Reverse;
use std::fmt;

use crate::ballot::{Entry, Kind, Stance, Target};
use crate::memcg::Memcg;
use crate::process::Process;
use crate::snapshot::Snapshot;

/// What an entry is about, in terms that a test knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The process with this pid.
    Process(u32),
    /// The process with this pid and all its descendants.
    Tree(u32),
    /// All processes in and below the memcg with this path.
    Memcg(String),
}

/// What a policy said of a test machine: its ballot, merged and checked as the host gets it.
#[derive(Debug)]
pub struct Verdict {
    snapshot: Snapshot,
    entries: Vec<Entry>,
}

impl Verdict {
    pub(super) fn new(snapshot: Snapshot, entries: Vec<Entry>) -> Self {
        Self { snapshot, entries }
    }

    /// All entries, with what each is about.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (Subject, &Entry)> {
        self.entries.iter().map(|entry| (self.subject(entry.target), entry))
    }

    /// What the policy gives up, the most urgent first; of equal ones the narrower target, then the lower
    /// pid.
    pub fn sacrifices(&self) -> Vec<Subject> {
        let mut urgencies: Vec<(Reverse<u16>, Target)> = self
            .entries
            .iter()
            .filter_map(|entry| match entry.stance {
                Stance::Sacrifice(urgency) => Some((Reverse(urgency), entry.target)),
                Stance::Protect(_) => None,
            })
            .collect();
        urgencies.sort_unstable();
        urgencies.into_iter().map(|(_, target)| self.subject(target)).collect()
    }

    /// What the policy would give up first.
    pub fn first(&self) -> Option<Subject> {
        self.sacrifices().into_iter().next()
    }

    /// The entry that speaks for this process: its own beats that of a tree, the nearest first, and that of a
    /// memcg, the deepest first.
    pub fn of(&self, pid: u32) -> Option<&Entry> {
        let process = self.snapshot.process(pid)?;
        let trees = std::iter::successors(Some(process), Process::parent).map(|p| p.tree());
        let memcgs = std::iter::successors(process.memcg(), Memcg::parent).map(Target::from);
        let mut targets = std::iter::once(Target::from(process)).chain(trees).chain(memcgs);
        targets.find_map(|target| self.entries.iter().find(|entry| entry.target == target))
    }

    /// How urgently this process is given up, if it is.
    pub fn urgency(&self, pid: u32) -> Option<u16> {
        match self.of(pid)?.stance {
            Stance::Sacrifice(urgency) => Some(urgency),
            Stance::Protect(_) => None,
        }
    }

    /// How strongly this process is protected, if it is.
    pub fn strength(&self, pid: u32) -> Option<u16> {
        match self.of(pid)?.stance {
            Stance::Protect(strength) => Some(strength),
            Stance::Sacrifice(_) => None,
        }
    }

    fn subject(&self, Target(kind, row): Target) -> Subject {
        let (snapshot, row) = (&self.snapshot, row as usize);
        match kind {
            Kind::Process => Subject::Process(Process { snapshot, row }.pid()),
            Kind::Tree => Subject::Tree(Process { snapshot, row }.pid()),
            Kind::Memcg => {
                Subject::Memcg(String::from_utf8_lossy(Memcg { snapshot, row }.path()).into_owned())
            }
        }
    }
}

/// One line for each entry, for a failing test.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (subject, entry) in self.entries() {
            write!(f, "{subject:?} {:?}", entry.stance)?;
            if let Some(adj) = entry.oom_score_adj {
                write!(f, " hold {adj}")?;
            }
            writeln!(f, ": {}", entry.reason)?;
        }
        Ok(())
    }
}
