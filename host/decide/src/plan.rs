//! Ranking to plan: the values to hold and, if the tick is armed, as many victims as are needed.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::OnceCell;
use core::cmp::Reverse;

use jettison_model::column::{known_u64, row as row_of};
use jettison_model::{
    Addressees, Cause, Entry, Exclusion, Hold, Plan, ProcessId, Ranked, Ranking, Snapshot, Stance, Step,
    Target, Tier, Tree, Victim, Vote, limits,
};

use crate::badness::{badness, score};
use crate::eligible::is_below;
use crate::settings::{Reach, Settings};
use crate::state::{InFlight, State};
use crate::tally::tally_and_shields;
use crate::unit::{oom_group, rows_of};
use crate::{border, gate};

/// SIGTERM, the same number on every Linux architecture but those we do not run on (signal(7)).
const SIGTERM: u8 = 15;
/// The name under which the built-in ranking stands in logs and JSON.
pub const BUILT_IN: &str = "built-in";

/// The whole decision of a tick.
///
/// `excluded` is what [`crate::exclusions`] said of this snapshot. Victims that the plan names are entered
/// into the state by [`State::note`], once they are being carried out. Arguments that do not fit each other abort
/// a test; a release goes on without what does not fit.
#[must_use]
pub fn plan(
    snapshot: &Snapshot,
    excluded: Vec<(u32, Exclusion)>,
    votes: &[Vote],
    state: State,
    settings: &Settings,
) -> (Plan, Ranking, State) {
    let Some(misfit) = border::misfit(snapshot, &excluded, votes) else {
        return decide(snapshot, excluded, votes, state, settings);
    };
    debug_assert!(false, "{misfit}");
    let (snapshot, excluded, votes) = border::mended(snapshot, excluded, votes);
    decide(&snapshot, excluded, &votes, state, settings)
}

/// The decision, on arguments that fit each other.
pub(crate) fn decide(
    snapshot: &Snapshot,
    excluded: Vec<(u32, Exclusion)>,
    votes: &[Vote],
    mut state: State,
    settings: &Settings,
) -> (Plan, Ranking, State) {
    let (ranking, shields) = tally_and_shields(snapshot, votes, excluded, &mut state);
    let mut plan = Plan { holds: holds(snapshot, &ranking, shields, settings), ..Plan::default() };
    if snapshot.request.cause.is_armed() {
        state.forget_before(snapshot.now_ms);
        match needed_bytes(snapshot, &state, settings) {
            Ok(needed) => {
                plan.victims =
                    Chooser { snapshot, votes, ranking: &ranking, state: &state, settings }.choose(needed);
                if plan.victims.is_empty() {
                    plan.idle = Some("nobody within reach has memory to give back");
                }
            }
            Err(reason) => plan.idle = Some(reason),
        }
    }
    (plan, ranking, state)
}

fn holds(snapshot: &Snapshot, ranking: &Ranking, shields: Vec<Hold>, settings: &Settings) -> Vec<Hold> {
    if !settings.is_adjusting {
        return Vec::new();
    }
    let mut holds = shields;
    let ranked = ranking
        .order
        .iter()
        .map(|ranked| (ranked, snapshot.processes.oom_score_adj(ranked.row as usize)))
        .filter(|&(ranked, original)| ranked.oom_score_adj != original)
        .map(|(ranked, original)| Hold { id: ranked.id, original, value: ranked.oom_score_adj });
    holds.extend(ranked);
    holds.sort_unstable_by_key(|hold| hold.id);
    holds
}

/// How many bytes new victims should give back, beyond what is already on its way.
fn needed_bytes(snapshot: &Snapshot, state: &State, settings: &Settings) -> Result<u64, &'static str> {
    let helps = |victim: &&InFlight| !victim.is_overdue && could_relieve(snapshot, &victim.members);
    let on_its_way = state
        .in_flight
        .iter()
        .filter(helps)
        .fold(0_u64, |sum, victim| sum.saturating_add(victim.predicted_relief_bytes));
    let needed = snapshot.request.deficit_bytes.max(1);
    if on_its_way >= needed {
        return Err("the victims on their way will give back enough");
    }
    if !gate::is_critical(snapshot, &settings.thresholds) {
        let since = |ms: &u64| snapshot.now_ms.saturating_sub(*ms);
        if state.named_at_ms.last().is_some_and(|last| since(last) < u64::from(settings.cool_down_ms)) {
            return Err("cooling down after the last victim");
        }
        if state.named_at_ms.len() >= settings.kills_per_minute_max as usize {
            return Err("as many victims in the last minute as act.kills_per_minute_max allows");
        }
    }
    Ok(needed - on_its_way)
}

/// The most that any victim's end can give back: all that is in use, of memory and of swap.
fn in_use_bytes(snapshot: &Snapshot) -> u64 {
    let host = &snapshot.host;
    // What is not known bounds nothing.
    let (Some(total), Some(available)) =
        (known_u64(host.memory_total_bytes), known_u64(host.memory_available_bytes))
    else {
        return u64::MAX;
    };
    let swapped = host.swap_total_bytes.saturating_sub(host.swap_free_bytes);
    total.saturating_sub(available).saturating_add(swapped)
}

/// The memcg whose own limit is the cause: victims come only from its subtree, and only they help it.
fn limited_path(snapshot: &Snapshot) -> Option<&[u8]> {
    match snapshot.request.cause {
        Cause::MemcgLimit => row_of(snapshot.request.cause_memcg).map(|row| snapshot.memcgs.paths.get(row)),
        Cause::Routine | Cause::Warning | Cause::Pressure | Cause::Critical | Cause::Manual => None,
    }
}

/// Whether a process could relieve what this tick is about.
fn is_inside(snapshot: &Snapshot, row: usize) -> bool {
    limited_path(snapshot).is_none_or(|path| {
        let memcg = snapshot.processes.memcgs.get(row).copied().and_then(row_of);
        memcg.is_some_and(|memcg| is_below(snapshot.memcgs.paths.get(memcg), path))
    })
}

/// Whether these processes have no time left: the domain that this tick is about is at its critical level, and they
/// could relieve it. A full memcg is no reason to hurry those elsewhere.
#[must_use]
pub fn is_critical_for(snapshot: &Snapshot, members: &[ProcessId], settings: &Settings) -> bool {
    gate::is_critical(snapshot, &settings.thresholds) && could_relieve(snapshot, members)
}

fn could_relieve(snapshot: &Snapshot, members: &[ProcessId]) -> bool {
    let mut rows = members.iter().filter_map(|&member| snapshot.processes.row_of(member));
    limited_path(snapshot).is_none() || rows.any(|row| is_inside(snapshot, row))
}

/// Walks the order and takes units until their predicted relief is enough.
struct Chooser<'a> {
    snapshot: &'a Snapshot,
    votes: &'a [Vote],
    ranking: &'a Ranking,
    state: &'a State,
    settings: &'a Settings,
}

impl Chooser<'_> {
    fn choose(&self, needed_bytes: u64) -> Vec<Victim> {
        let mut is_exempt = self.exempt();
        let is_protected = self.protected();
        let tree = OnceCell::new();
        let room = if gate::is_critical(self.snapshot, &self.settings.thresholds) {
            usize::MAX
        } else {
            (self.settings.kills_per_minute_max as usize).saturating_sub(self.state.named_at_ms.len())
        };
        let mut victims = Vec::new();
        let mut relief = 0_u64;
        for ranked in self.ranking.order.iter().filter(|ranked| self.is_within_reach(ranked)) {
            if relief >= needed_bytes || victims.len() >= room {
                break;
            }
            if is_exempt[ranked.row as usize] {
                continue;
            }
            let Some(victim) = self.victim(ranked, &tree, |row| is_exempt[row] || is_protected[row]) else {
                continue;
            };
            for &member in &victim.members {
                if let Some(row) = self.snapshot.processes.row_of(member) {
                    is_exempt[row] = true;
                }
            }
            relief = relief.saturating_add(victim.predicted_relief_bytes);
            victims.push(victim);
        }
        victims
    }

    fn is_within_reach(&self, ranked: &Ranked) -> bool {
        match ranked.tier {
            Tier::Sacrifice(_) => true,
            Tier::Unranked(_) => self.settings.reach >= Reach::Unranked,
            Tier::Protected(_) => self.settings.reach >= Reach::Protected,
            Tier::Never => false,
        }
    }

    /// By row: excluded, never, on their way already, or outside the memcg whose limit is the cause.
    fn exempt(&self) -> Vec<bool> {
        let processes = &self.snapshot.processes;
        let mut is_exempt = vec![true; processes.len()];
        for ranked in &self.ranking.order {
            let row = ranked.row as usize;
            is_exempt[row] = ranked.tier == Tier::Never || !is_inside(self.snapshot, row);
        }
        for member in self.state.in_flight.iter().flat_map(|victim| &victim.members) {
            if let Some(row) = processes.row_of(*member) {
                is_exempt[row] = true;
            }
        }
        is_exempt
    }

    fn protected(&self) -> Vec<bool> {
        let mut is_protected = vec![false; self.snapshot.processes.len()];
        for ranked in &self.ranking.order {
            is_protected[ranked.row as usize] = matches!(ranked.tier, Tier::Protected(_));
        }
        is_protected
    }

    /// The unit of a ranked process, whole, minus its exempt and protected members. `None` if its end gives nothing back.
    fn victim(
        &self,
        ranked: &Ranked,
        tree: &OnceCell<Tree>,
        is_spared: impl Fn(usize) -> bool,
    ) -> Option<Victim> {
        let processes = &self.snapshot.processes;
        let said = rows_of(self.snapshot, ranked.unit, tree);
        let group = oom_group(self.snapshot, ranked, &said, &is_spared);
        let (unit, everybody) = match group {
            Some(memcg) => (memcg, rows_of(self.snapshot, memcg, tree)),
            None => (ranked.unit, said.clone()),
        };
        let rows: Vec<u32> =
            everybody.iter().copied().filter(|&row| row == ranked.row || !is_spared(row as usize)).collect();
        let private = rows
            .iter()
            .fold(0_u64, |sum, &row| sum.saturating_add(processes.anon_and_swap_bytes(row as usize)));
        let shmem = rows.iter().map(|&row| processes.shmem_bytes(row as usize)).max().unwrap_or(0);
        // Children that share their pages with their parent each count all of them: a thousand of them seem to hold
        // more than there is.
        let predicted_relief_bytes = private.saturating_add(shmem).min(in_use_bytes(self.snapshot));
        if predicted_relief_bytes < limits::RELIEF_BYTES_MIN {
            return None;
        }
        let root_row = match ranked.unit {
            Target::Tree(root) if rows.contains(&root) => root,
            Target::Process(_) | Target::Tree(_) | Target::Memcg(_) => ranked.row,
        };
        let root = processes.id(root_row as usize)?;
        let mut members: Vec<ProcessId> = rows.iter().filter_map(|&row| processes.id(row as usize)).collect();
        members.sort_by_key(|&member| (member != root, member));
        let (policy, reason, shutdown) = self.words(ranked);
        let addressees = match ranked.unit {
            // Steps that a policy gave are for whom it named, and not for those who go along.
            Target::Process(_) | Target::Tree(_) if group.is_none() || shutdown.is_some() => {
                Addressees::These(self.tops(&said, &rows))
            }
            Target::Process(_) | Target::Tree(_) | Target::Memcg(_) => Addressees::Everybody,
        };
        let default = || vec![Step::Signal { number: SIGTERM, wait_ms: self.settings.grace_ms }];
        Some(Victim {
            unit,
            root,
            addressees,
            comm: processes.comms.get(root_row as usize).to_vec(),
            is_partial: rows.len() < everybody.len(),
            members,
            memcg: match unit {
                Target::Memcg(row) => self.snapshot.memcgs.paths.get(row as usize).to_vec(),
                Target::Process(_) | Target::Tree(_) => Vec::new(),
            },
            predicted_relief_bytes,
            shutdown: shutdown.unwrap_or_else(default),
            policy,
            reason,
        })
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

    /// Which policy made it the victim, why, and how it likes to go, if that was said.
    fn words(&self, ranked: &Ranked) -> (String, String, Option<Vec<Step>>) {
        let entry = self
            .ranking
            .said_of(ranked)
            .iter()
            .filter_map(|said| {
                let vote = self.votes.get(said.vote as usize)?;
                let entry = vote.answer.as_ref().ok()?.entries.get(said.entry as usize)?;
                (entry.target == ranked.unit).then_some((vote, entry))
            })
            .max_by_key(|(vote, entry)| (urgency(vote, entry), Reverse(&vote.policy)));
        match entry {
            Some((vote, entry)) => {
                let shutdown = (!entry.shutdown.is_empty()).then(|| entry.shutdown.clone());
                (vote.policy.clone(), entry.reason.clone(), shutdown)
            }
            None => (BUILT_IN.into(), built_in_reason(self.snapshot, ranked.row as usize), None),
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
