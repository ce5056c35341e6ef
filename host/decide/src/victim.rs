//! A unit as a victim: which processes go, what that gives back, how they go, and why.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::{Cell, OnceCell};
use core::cmp::Reverse;

use jettison_model::column::row as row_of;
use jettison_model::signal::SIGTERM;
use jettison_model::{
    Addressees, Entry, ProcessId, Ranked, Ranking, Snapshot, Stance, Step, Target, Tree, Unit, Victim, Vote,
};

use crate::badness::{badness, score};
use crate::domain::in_use_bytes;
use crate::settings::Settings;
use crate::unit::{oom_group, rows_of};

/// The name under which the built-in ranking stands in logs and JSON.
pub const BUILT_IN: &str = "built-in";

/// What victims are made from.
pub(crate) struct Maker<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) votes: &'a [Vote],
    pub(crate) ranking: &'a Ranking,
    pub(crate) settings: &'a Settings,
    /// Children of every process, built when a tree is first asked for.
    pub(crate) tree: OnceCell<Tree>,
    /// Up to which strength the tiers could give enough, once that is asked.
    pub(crate) enough_up_to: OnceCell<u16>,
    /// What is protected and holds to be the cause, once that is asked.
    pub(crate) kept_causes: OnceCell<Vec<&'a Ranked>>,
    /// Whether what no policy speaks of waits, once that is asked.
    pub(crate) waits_for_the_kept: Cell<Option<bool>>,
}

/// The processes that go with a ranked one.
pub(crate) struct Going {
    /// The unit, grown to its `memory.oom.group` if it has one.
    target: Target,
    is_group: bool,
    /// The rows of the unit as it was named.
    named: Vec<u32>,
    /// The rows that go.
    pub(crate) rows: Vec<u32>,
    pub(crate) relief_bytes: u64,
}

impl Maker<'_> {
    /// The unit of a ranked process, whole, minus its spared members.
    pub(crate) fn going(&self, ranked: &Ranked, is_spared: impl Fn(usize) -> bool) -> Going {
        let processes = &self.snapshot.processes;
        let named = rows_of(self.snapshot, ranked.unit, &self.tree);
        let group = oom_group(self.snapshot, ranked, &named, &is_spared);
        let (target, mut rows) = match group {
            Some(memcg) => (memcg, rows_of(self.snapshot, memcg, &self.tree)),
            None => (ranked.unit, named.clone()),
        };
        rows.retain(|&row| row == ranked.row || !is_spared(row as usize));
        self.leave_services(ranked, &mut rows);
        let private = rows
            .iter()
            .fold(0_u64, |sum, &row| sum.saturating_add(processes.anon_and_swap_bytes(row as usize)));
        // What a part of a service shares stays with the service: a database's buffers.
        let is_part = self.service_left(ranked, &rows).is_some();
        let shared = rows.iter().filter(|_| !is_part);
        let shmem = shared.map(|&row| processes.shmem_bytes(row as usize)).max().unwrap_or(0);
        // Children that share their pages with their parent each count all of them: a thousand of them seem
        // to hold more than there is.
        let relief_bytes = private.saturating_add(shmem).min(in_use_bytes(self.snapshot));
        Going { target, is_group: group.is_some(), named, rows, relief_bytes }
    }

    /// Takes out what is given up in a service that stays: it goes as a part of that, by steps of its own. A
    /// service goes with its root.
    fn leave_services(&self, ranked: &Ranked, rows: &mut Vec<u32>) {
        let service_of = |row: u32| self.ranking.service_of(row);
        let own = service_of(ranked.row);
        if !rows.iter().any(|&row| service_of(row).is_some_and(|root| Some(root) != own)) {
            return;
        }
        let mut goes = vec![false; self.snapshot.processes.len()];
        rows.iter().for_each(|&row| goes[row as usize] = true);
        rows.retain(|&row| {
            let service = service_of(row).filter(|&root| Some(root) != own);
            service.is_none_or(|root| goes.get(root as usize).copied().unwrap_or(false))
        });
    }

    /// The victim. `None` only where the snapshot does not identify its root.
    pub(crate) fn victim(&self, ranked: &Ranked, going: &Going) -> Option<Victim> {
        let (processes, rows) = (&self.snapshot.processes, &going.rows);
        let root_row = match ranked.unit {
            Target::Tree(root) if rows.contains(&root) => root,
            Target::Process(_) | Target::Tree(_) | Target::Memcg(_) => ranked.row,
        };
        let root = processes.id(root_row as usize)?;
        let mut members: Vec<ProcessId> = rows.iter().filter_map(|&row| processes.id(row as usize)).collect();
        members.sort_by_key(|&member| (member != root, member));
        let (policy, reason, shutdown) = self.words(ranked);
        let addressees = match ranked.unit {
            // The steps that a policy gave are for the unit that it named, not for what goes along with it.
            Target::Process(_) | Target::Tree(_) if !going.is_group || shutdown.is_some() => {
                Addressees::These(self.tops(&going.named, rows))
            }
            Target::Process(_) | Target::Tree(_) | Target::Memcg(_) => Addressees::All,
        };
        let default = || vec![Step::Signal { number: SIGTERM, wait_ms: self.settings.grace_ms }];
        Some(Victim {
            unit: self.unit(going.target),
            root,
            addressees,
            comm: processes.comms.get(root_row as usize).to_vec(),
            members,
            predicted_relief_bytes: going.relief_bytes,
            shutdown: shutdown.unwrap_or_else(default),
            policy,
            reason,
            service: self.service_left(ranked, rows).and_then(|root| processes.id(root as usize)),
        })
    }

    fn unit(&self, target: Target) -> Unit {
        match target {
            Target::Process(_) => Unit::Process,
            Target::Tree(_) => Unit::Tree,
            Target::Memcg(row) => Unit::Memcg(self.snapshot.memcgs.paths.get(row as usize).to_vec()),
        }
    }

    /// Those of a unit that go and whose parent does not: of a whole tree the root alone.
    fn tops(&self, unit: &[u32], going: &[u32]) -> Vec<ProcessId> {
        let processes = &self.snapshot.processes;
        let mut is_going = vec![false; processes.len()];
        going.iter().for_each(|&row| is_going[row as usize] = true);
        let is_top = |row: usize| {
            let parent = processes.parents.get(row).copied().and_then(row_of);
            is_going[row] && !parent.and_then(|parent| is_going.get(parent).copied()).unwrap_or(false)
        };
        let rows = unit.iter().map(|&row| row as usize);
        rows.filter(|&row| is_top(row)).filter_map(|row| processes.id(row)).collect()
    }

    /// Whether it is a part of a service that stays.
    pub(crate) fn is_part(&self, ranked: &Ranked, going: &Going) -> bool {
        self.service_left(ranked, &going.rows).is_some()
    }

    /// The root of the service of which these rows are a part; the whole of it is none.
    fn service_left(&self, ranked: &Ranked, rows: &[u32]) -> Option<u32> {
        self.ranking.service_of(ranked.row).filter(|root| !rows.contains(root))
    }

    /// What was said of a ranked process, the most urgent entry last.
    fn entries(&self, ranked: &Ranked) -> Vec<(&Vote, &Entry)> {
        let mut entries: Vec<(&Vote, &Entry)> = self.ranking.entries_of(ranked, self.votes).collect();
        entries.sort_by_key(|(vote, entry)| (urgency(vote, entry), Reverse(&vote.policy)));
        entries
    }

    /// How a ranked process likes to go, if that was said: one policy may know which is to go, and another
    /// how. Of those that say how, the most urgent.
    fn steps<'e>(entries: &[(&Vote, &'e Entry)], ranked: &Ranked) -> Option<&'e [Step]> {
        let mut entries = entries.iter().rev().map(|(_, entry)| *entry);
        let entry = entries.find(|entry| entry.target == ranked.unit && !entry.shutdown.is_empty())?;
        Some(&entry.shutdown)
    }

    /// Which policy made it the victim, why, and how it likes to go, if that was said.
    fn words(&self, ranked: &Ranked) -> (String, String, Option<Vec<Step>>) {
        let mut entries = self.entries(ranked);
        let shutdown = Self::steps(&entries, ranked).map(<[Step]>::to_vec);
        // A part of a service may have been named with all of its tree only.
        if entries.iter().any(|(_, entry)| entry.target == ranked.unit) {
            entries.retain(|(_, entry)| entry.target == ranked.unit);
        } else if self.ranking.service_of(ranked.row).is_none() {
            entries.clear();
        }
        match entries.pop() {
            Some((vote, entry)) => (vote.policy.clone(), entry.reason.clone(), shutdown),
            None => (BUILT_IN.into(), built_in_reason(self.snapshot, ranked.row as usize), None),
        }
    }

    /// How long a ranked process takes to end by its own steps, at most.
    pub(crate) fn shutdown_ms(&self, ranked: &Ranked) -> u64 {
        let steps = Self::steps(&self.entries(ranked), ranked).unwrap_or_default();
        let waits = steps.iter().fold(0_u64, |sum, step| sum.saturating_add(u64::from(step.wait_ms())));
        match steps {
            [] => u64::from(self.settings.grace_ms),
            _ => waits.min(u64::from(self.settings.grace_max_ms)),
        }
    }
}

fn urgency(vote: &Vote, entry: &Entry) -> u64 {
    match entry.stance {
        Stance::Sacrifice(urgency) => u64::from(vote.weight) * u64::from(urgency),
        Stance::Protect(_) => 0,
    }
}

/// The built-in ranking's reason for where a process stands.
#[must_use]
pub fn built_in_reason(snapshot: &Snapshot, row: usize) -> String {
    let processes = &snapshot.processes;
    let badness = badness(processes, row, snapshot.host.memory_total_bytes);
    let (score, mib) = (score(snapshot, badness), processes.footprint_bytes(row) >> 20);
    match processes.oom_score_adj(row) {
        0 => format!("badness {score} of 1000 for {mib} MiB"),
        adj => format!("badness {score} of 1000 for {mib} MiB and oom_score_adj {adj}"),
    }
}
