//! Several ballots, one ranking (docs/reference/ballots.md).
//!
//! Deterministic, total, and independent of the order of policies and rows. Linear in rows and entries but
//! for the one sort: sums over trees and memcgs are taken bottom-up once, not once for each unit.

use alloc::vec;
use alloc::vec::Vec;

use jettison_model::column::{NONE_U32, row as row_of};
use jettison_model::ranking::Said;
use jettison_model::snapshot::flags;
use jettison_model::{
    Ballot, Entry, Exclusion, Hold, Ranked, Ranking, Snapshot, Stance, Target, Tier, Tree, Vote,
};

use crate::badness::{badness, score};
use crate::order;
use crate::relief::Relief;
use crate::service::Services;
use crate::state::{Kept, LastGood, State};
use crate::unit::inherit;

/// What all policies together say of one process.
#[derive(Clone, Copy)]
struct Sum {
    strength: u16,
    score: u64,
    unit: Option<(u64, Target)>,
    lowest_asked: Option<i16>,
    highest_asked: Option<i16>,
    /// The root of the tree that it is protected with, if that goes by steps of its own.
    kept_with: Option<u32>,
    said: (u32, u32),
}

const SILENCE: Sum = Sum {
    strength: 0,
    score: 0,
    unit: None,
    lowest_asked: None,
    highest_asked: None,
    kept_with: None,
    said: (0, 0),
};

impl Sum {
    /// The value to hold.
    fn oom_score_adj(&self, original: i16) -> i16 {
        if self.strength > 0 {
            self.lowest_asked.map_or(original, |asked| original.min(asked))
        } else {
            self.highest_asked.map_or(original, |asked| original.max(asked))
        }
    }
}

/// Ranks every process that is not excluded, and keeps what must outlive a policy's next fault in `state`.
///
/// Also the values that protecting policies ask for on guarded processes: a guard keeps the daemon from
/// ending a process, and the value keeps the kernel from it.
pub(crate) fn tally_and_shields(
    snapshot: &Snapshot,
    votes: &[Vote],
    excluded: Vec<(u32, Exclusion)>,
    state: &mut State,
) -> (Ranking, Vec<Hold>) {
    let count = snapshot.processes.len();
    let mut is_out = vec![false; count];
    for &(row, _) in &excluded {
        is_out[row as usize] = true;
    }
    for (row, is_out) in is_out.iter_mut().enumerate() {
        *is_out |= snapshot.processes.has(row, flags::ZOMBIE);
    }
    let family = Family::of(snapshot);
    let mut sums = vec![SILENCE; count];
    let mut said = Vec::with_capacity(count);
    let mut is_builtin = true;
    for (number, vote) in (0_u32..).zip(votes).filter(|(_, vote)| !vote.shadow) {
        match &vote.answer {
            Ok(ballot) => {
                is_builtin = false;
                let entries = family.resolve(snapshot, ballot);
                add(&mut sums, &mut said, (number, vote, ballot), &entries, &family);
                remember(state, snapshot, vote, ballot, &entries);
            }
            Err(_) => recall(&mut sums, snapshot, &vote.policy, state),
        }
    }
    let said = index(&mut sums, said);
    let services = Services::of(snapshot, &family.order, sums.iter().filter_map(|sum| sum.kept_with));
    settle(&mut sums, &services, &is_out);
    let counts = |row: usize| !is_out[row] && sums[row].strength == 0;
    let relief = Relief::of(snapshot, &family.order, counts);
    let mut order = Vec::with_capacity(count);
    let eligible = (0..count).filter(|&row| !is_out[row]);
    order.extend(eligible.filter_map(|row| ranked(snapshot, row, &sums[row], &relief, is_builtin)));
    if !services.is_empty() {
        // The whole of a service gives back what its protected members hold, too.
        let whole = Relief::of(snapshot, &family.order, |row| !is_out[row]);
        let is_whole =
            |ranked: &&mut Ranked| ranked.tier.is_protected() && matches!(ranked.unit, Target::Tree(_));
        order.iter_mut().filter(is_whole).for_each(|ranked| ranked.relief_bytes = whole.bytes(ranked.unit));
    }
    order::sort(snapshot, &mut order, is_builtin);
    let shields = excluded.iter().filter_map(|&(row, why)| shield(snapshot, row, why, &sums)).collect();
    (Ranking { order, said, excluded, is_builtin, services: services.into_rows() }, shields)
}

/// What is protected with a service goes with it, and stays where its root does. What is given up in one goes
/// without its root.
fn settle(sums: &mut [Sum], services: &Services, is_out: &[bool]) {
    if services.is_empty() {
        return;
    }
    let stays = |root: u32| is_out[root as usize] || sums[root as usize].strength >= 1000;
    let is_stuck: Vec<bool> = sums.iter().map(|sum| sum.kept_with.is_some_and(stays)).collect();
    for ((row, sum), is_stuck) in (0_u32..).zip(sums).zip(is_stuck) {
        if is_stuck {
            sum.strength = 1000;
        }
        sum.unit = sum.unit.map(|(score, unit)| (score, services.within(row, unit)));
    }
}

/// Parents and children, parents before children.
struct Family {
    order: Vec<u32>,
    /// By row: how many ancestors.
    depths: Vec<u32>,
}

impl Family {
    fn of(snapshot: &Snapshot) -> Self {
        let parents = &snapshot.processes.parents;
        let tree = Tree::of(parents);
        let mut order = Vec::with_capacity(parents.len());
        let mut is_placed = vec![false; parents.len()];
        let mut depths = vec![0_u32; parents.len()];
        let roots = (0_u32..).zip(parents.iter()).filter(|&(_, &parent)| parent as usize >= parents.len());
        // A torn scan can close a cycle; its rows hang from no root and start trees of their own.
        let starts: Vec<u32> = roots.map(|(row, _)| row).collect();
        let leftovers = (0_u32..).zip(parents.iter()).map(|(row, _)| row);
        for start in starts.into_iter().chain(leftovers) {
            let mut next = order.len();
            if !core::mem::replace(&mut is_placed[start as usize], true) {
                order.push(start);
            }
            while let Some(&row) = order.get(next) {
                next += 1;
                for &child in tree.children(row as usize) {
                    if !core::mem::replace(&mut is_placed[child as usize], true) {
                        depths[child as usize] = depths[row as usize] + 1;
                        order.push(child);
                    }
                }
            }
        }
        Self { order, depths }
    }

    /// Orders targets that all hold one process: greater is narrower. Two trees or two memcgs that share a
    /// process lie one in the other, so that the deeper one is the narrower; an inner memcg comes later by
    /// path.
    fn narrowness(&self, target: Target) -> (u8, u32) {
        match target {
            Target::Process(_) => (2, 0),
            Target::Tree(row) => (1, self.depths[row as usize]),
            Target::Memcg(row) => (0, row),
        }
    }

    /// Of two rows above a third the one that is closer to it.
    fn nearer(&self, a: Option<u32>, b: u32) -> Option<u32> {
        a.filter(|&a| self.depths[a as usize] >= self.depths[b as usize]).or(Some(b))
    }

    /// Which entry of a ballot speaks for each process: `process` beats `tree` beats `memcg`; of several
    /// trees the nearest root, of several memcgs the deepest.
    fn resolve(&self, snapshot: &Snapshot, ballot: &Ballot) -> Vec<u32> {
        let (processes, memcgs) = (&snapshot.processes, &snapshot.memcgs);
        let mut of_memcg = vec![NONE_U32; memcgs.len()];
        let mut of_tree = vec![NONE_U32; processes.len()];
        let mut of_process = vec![NONE_U32; processes.len()];
        for (number, entry) in (0_u32..).zip(&ballot.entries) {
            match entry.target {
                Target::Process(row) => of_process[row as usize] = number,
                Target::Tree(row) => of_tree[row as usize] = number,
                Target::Memcg(row) => of_memcg[row as usize] = number,
            }
        }
        // By path, so parents come first.
        for row in 0..of_memcg.len() {
            inherit(&mut of_memcg, row, &memcgs.parents);
        }
        for &row in &self.order {
            inherit(&mut of_tree, row as usize, &processes.parents);
        }
        for (row, slot) in of_process.iter_mut().enumerate() {
            if *slot == NONE_U32 {
                *slot = of_tree[row];
            }
            if let (NONE_U32, Some(memcg)) = (*slot, row_of(processes.memcgs[row])) {
                *slot = of_memcg[memcg];
            }
        }
        of_process
    }
}

fn add(
    sums: &mut [Sum],
    said: &mut Vec<(u32, Said)>,
    (number, vote, ballot): (u32, &Vote, &Ballot),
    entries: &[u32],
    family: &Family,
) {
    for ((row, sum), &entry_number) in (0_u32..).zip(sums).zip(entries) {
        let Some(entry) = ballot.entries.get(entry_number as usize) else {
            continue;
        };
        said.push((row, Said { vote: number, entry: entry_number }));
        match entry.stance {
            Stance::Protect(strength) => {
                sum.strength = sum.strength.max(strength);
                sum.lowest_asked = lowest(sum.lowest_asked, entry.oom_score_adj);
                if let Some(root) = service_of(entry) {
                    sum.kept_with = family.nearer(sum.kept_with, root);
                }
            }
            Stance::Sacrifice(urgency) => {
                let score = u64::from(vote.weight) * u64::from(urgency);
                sum.score = sum.score.saturating_add(score);
                sum.highest_asked = sum.highest_asked.max(entry.oom_score_adj);
                let is_first =
                    |(best, unit)| (score, family.narrowness(entry.target)) > (best, family.narrowness(unit));
                if sum.unit.is_none_or(is_first) {
                    sum.unit = Some((score, entry.target));
                }
            }
        }
    }
}

/// The root of the service that an entry makes: a tree that it protects and gives steps of its own.
fn service_of(entry: &Entry) -> Option<u32> {
    match (entry.target, entry.stance) {
        (Target::Tree(root), Stance::Protect(_)) if !entry.shutdown.is_empty() => Some(root),
        _ => None,
    }
}

fn lowest(a: Option<i16>, b: Option<i16>) -> Option<i16> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

/// A good ballot takes the place of the policy's last good one.
fn remember(state: &mut State, snapshot: &Snapshot, vote: &Vote, ballot: &Ballot, entries: &[u32]) {
    let kept = entries.iter().enumerate().filter_map(|(row, &number)| {
        let entry = ballot.entries.get(number as usize)?;
        let strength = match entry.stance {
            Stance::Protect(strength) => strength,
            Stance::Sacrifice(_) => 0,
        };
        let id = snapshot.processes.id(row)?;
        let service = service_of(entry).and_then(|root| snapshot.processes.id(root as usize));
        let oom_score_adj = entry.oom_score_adj;
        (strength > 0 || oom_score_adj.is_some()).then_some(Kept { id, strength, oom_score_adj, service })
    });
    match state.last_good.iter_mut().find(|good| good.policy == vote.policy) {
        Some(good) => {
            good.kept.clear();
            good.kept.extend(kept);
        }
        None => state.last_good.push(LastGood { policy: vote.policy.clone(), kept: kept.collect() }),
    }
}

/// A faulted policy's protections and held values stay as its last good ballot had them.
fn recall(sums: &mut [Sum], snapshot: &Snapshot, policy: &str, state: &State) {
    let Some(good) = state.last_good.iter().find(|good| good.policy == policy) else {
        return;
    };
    for kept in &good.kept {
        let Some(sum) = snapshot.processes.row_of(kept.id).and_then(|row| sums.get_mut(row)) else {
            continue;
        };
        sum.strength = sum.strength.max(kept.strength);
        if kept.strength > 0 {
            let root = kept.service.and_then(|root| snapshot.processes.row_of(root));
            sum.kept_with = root.and_then(|root| u32::try_from(root).ok()).or(sum.kept_with);
            sum.lowest_asked = lowest(sum.lowest_asked, kept.oom_score_adj);
        } else {
            sum.highest_asked = sum.highest_asked.max(kept.oom_score_adj);
        }
    }
}

/// Sorts what was said by row, so that each process has its own run of it.
fn index(sums: &mut [Sum], mut said: Vec<(u32, Said)>) -> Vec<Said> {
    said.sort_by_key(|&(row, said)| (row, said.vote));
    for (place, &(row, _)) in (0_u32..).zip(&said) {
        let run = &mut sums[row as usize].said;
        if run.1 == 0 {
            run.0 = place;
        }
        run.1 += 1;
    }
    said.into_iter().map(|(_, said)| said).collect()
}

fn shield(snapshot: &Snapshot, row: u32, why: Exclusion, sums: &[Sum]) -> Option<Hold> {
    let (processes, row) = (&snapshot.processes, row as usize);
    let sum = sums.get(row).filter(|sum| why == Exclusion::Guard && sum.strength > 0)?;
    let original = processes.oom_score_adj(row);
    let hold = Hold { id: processes.id(row)?, original, value: sum.oom_score_adj(original) };
    (hold.value != original && !processes.has(row, flags::ZOMBIE)).then_some(hold)
}

fn ranked(snapshot: &Snapshot, row: usize, sum: &Sum, relief: &Relief, is_builtin: bool) -> Option<Ranked> {
    let processes = &snapshot.processes;
    let number = u32::try_from(row).ok()?;
    let alone = Target::Process(number);
    let (tier, unit) = match (sum.strength, sum.unit) {
        (1000.., _) => (Tier::Never, alone),
        (1..1000, _) => (Tier::Protected(sum.strength), sum.kept_with.map_or(alone, Target::Tree)),
        (0, Some((_, unit))) => (Tier::Sacrifice(sum.score), unit),
        (0, None) => {
            let badness = badness(processes, row, snapshot.host.memory_total_bytes);
            (
                if is_builtin { Tier::Sacrifice(score(snapshot, badness)) } else { Tier::Unranked(badness) },
                alone,
            )
        }
    };
    let oom_score_adj = sum.oom_score_adj(processes.oom_score_adj(row));
    Some(Ranked {
        row: number,
        id: processes.id(row)?,
        tier,
        given_up: if tier.is_protected() { sum.score } else { 0 },
        unit,
        relief_bytes: relief.bytes(unit),
        oom_score_adj,
        said: sum.said,
    })
}
