//! A row of the ranking, in JSON.

use std::borrow::Cow;

use jettison_decide::{BUILT_IN, Passed, built_in_reason};
use jettison_model::{Ranked, Snapshot, Step, Target, Tier, column};
use jettison_tick::Decision;
use serde::Serialize;

use crate::users::Users;

/// The effective user; null where the kernel did not say. Its name is null, too, where the uid has none, and
/// where the snapshot is of another host.
#[derive(Serialize)]
pub(super) struct Owner {
    uid: Option<u32>,
    user: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Rank<'a> {
    rank: usize,
    pid: u32,
    #[serde(flatten)]
    owner: Owner,
    comm: Cow<'a, str>,
    tier: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    urgency: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strength: Option<u16>,
    relief_bytes: u64,
    growth_bytes_per_s: Option<i64>,
    unit: Unit<'a>,
    oom_score_adj: Adj,
    /// The pid of its parent, if that was seen.
    parent: Option<u32>,
    reasons: Vec<Reason<'a>>,
    shutdown: Vec<WireStep<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    passed_over: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    passed_over_if_short: Option<String>,
    /// With the policies that have no say here.
    #[serde(skip_serializing_if = "Option::is_none")]
    with: Option<With>,
}

#[derive(Serialize)]
struct With {
    rank: usize,
    tier: &'static str,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Unit<'a> {
    Process { pid: u32 },
    Tree { pid: u32 },
    Memcg { path: Cow<'a, str> },
}

#[derive(Serialize)]
struct Adj {
    original: i16,
    now: i16,
    wanted: i16,
}

#[derive(Serialize)]
struct Reason<'a> {
    policy: &'a str,
    text: Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
enum WireStep<'a> {
    Signal { number: u8, wait_ms: u32 },
    StopUnit { wait_ms: u32 },
    Hook { name: &'a str, wait_ms: u32 },
}

/// The row of one process, without the name of its user: the daemon looks up none.
pub(crate) fn ranked(
    snapshot: &Snapshot,
    decision: &Decision,
    passed: &[(u32, Passed)],
    pid: u32,
) -> Option<serde_json::Value> {
    let mut order = (1..).zip(&decision.ranking.order);
    let (rank, ranked) = order.find(|(_, ranked)| ranked.id.pid == pid)?;
    let passed = passed.iter().find(|(row, _)| *row == ranked.row).map(|(_, passed)| passed);
    let rank = Rank::of(rank, snapshot, &Users::Elsewhere, decision, ranked);
    serde_json::to_value(rank.passed_over(passed)).ok()
}

/// The first rows of the order, likewise.
pub(crate) fn first(
    snapshot: &Snapshot,
    decision: &Decision,
    passed: &[(u32, Passed)],
    count: usize,
) -> Vec<serde_json::Value> {
    let order = (1..).zip(decision.ranking.order.iter().take(count));
    let value = |(rank, ranked): (usize, &Ranked)| {
        let passed = passed.iter().find(|(row, _)| *row == ranked.row).map(|(_, passed)| passed);
        let rank = Rank::of(rank, snapshot, &Users::Elsewhere, decision, ranked);
        serde_json::to_value(rank.passed_over(passed)).ok()
    };
    order.filter_map(value).collect()
}

pub(super) fn pid(snapshot: &Snapshot, row: u32) -> u32 {
    snapshot.processes.pids.get(row as usize).copied().unwrap_or_default()
}

pub(super) fn comm(snapshot: &Snapshot, row: u32) -> Cow<'_, str> {
    String::from_utf8_lossy(snapshot.processes.comms.get(row as usize))
}

/// PSI in percent; none where the kernel has none.
pub(crate) fn percent(hundredths: u32) -> Option<f64> {
    column::row(hundredths).map(|_| f64::from(hundredths) / 100.0)
}

/// The pid of a row's parent.
pub(super) fn parent(snapshot: &Snapshot, row: usize) -> Option<u32> {
    let parent = snapshot.processes.parents.get(row).copied().and_then(column::row)?;
    snapshot.processes.pids.get(parent).copied()
}

impl Owner {
    pub(super) fn of(snapshot: &Snapshot, users: &Users, row: Option<usize>) -> Self {
        let uid = row.and_then(|row| snapshot.processes.uid(row));
        Self { uid, user: uid.and_then(|uid| users.name(uid)) }
    }
}

impl<'a> Rank<'a> {
    pub(super) fn of(
        rank: usize,
        snapshot: &'a Snapshot,
        users: &Users,
        decision: &'a Decision,
        ranked: &Ranked,
    ) -> Self {
        let processes = &snapshot.processes;
        let row = ranked.row as usize;
        let entries = || decision.ranking.entries_of(ranked, &decision.votes);
        let mut reasons: Vec<Reason<'a>> = entries()
            .map(|(vote, entry)| Reason { policy: &vote.policy, text: entry.reason.as_str().into() })
            .collect();
        if reasons.is_empty() {
            reasons.push(Reason { policy: BUILT_IN, text: built_in_reason(snapshot, row).into() });
        }
        let shutdown =
            entries().find(|(_, entry)| entry.target == ranked.unit).map(|(_, entry)| &entry.shutdown);
        Self {
            rank,
            pid: ranked.id.pid,
            owner: Owner::of(snapshot, users, Some(row)),
            comm: comm(snapshot, ranked.row),
            tier: ranked.tier.as_str(),
            urgency: match ranked.tier {
                Tier::Sacrifice(score) => Some(score.min(1000)),
                Tier::Unranked(_) | Tier::Protected(_) | Tier::Never => None,
            },
            strength: match ranked.tier {
                Tier::Protected(strength) => Some(strength),
                Tier::Never => Some(1000),
                Tier::Sacrifice(_) | Tier::Unranked(_) => None,
            },
            relief_bytes: ranked.relief_bytes,
            growth_bytes_per_s: processes
                .growth_bytes_per_s
                .get(row)
                .copied()
                .filter(|&growth| growth != column::UNKNOWN_S64),
            unit: match ranked.unit {
                Target::Process(row) => Unit::Process { pid: pid(snapshot, row) },
                Target::Tree(row) => Unit::Tree { pid: pid(snapshot, row) },
                Target::Memcg(row) => {
                    Unit::Memcg { path: String::from_utf8_lossy(snapshot.memcgs.paths.get(row as usize)) }
                }
            },
            oom_score_adj: Adj {
                original: processes.oom_score_adj(row),
                now: processes.oom_score_adj_now(row),
                wanted: ranked.oom_score_adj,
            },
            parent: parent(snapshot, row),
            reasons,
            shutdown: shutdown.into_iter().flatten().map(WireStep::of).collect(),
            passed_over: None,
            passed_over_if_short: None,
            with: None,
        }
    }

    pub(super) fn passed_over(self, passed: Option<&Passed>) -> Self {
        Self { passed_over: passed.map(ToString::to_string), ..self }
    }

    pub(super) fn if_short(self, passed: Option<&Passed>) -> Self {
        Self { passed_over_if_short: passed.map(ToString::to_string), ..self }
    }

    pub(super) fn with(self, place: Option<&(usize, Tier)>) -> Self {
        let with = place.map(|&(rank, tier)| With { rank, tier: tier.as_str() });
        Self { with, ..self }
    }
}

impl<'a> WireStep<'a> {
    fn of(step: &'a Step) -> Self {
        match step {
            &Step::Signal { number, wait_ms } => Self::Signal { number, wait_ms },
            &Step::StopUnit { wait_ms } => Self::StopUnit { wait_ms },
            Step::Hook { name, wait_ms } => Self::Hook { name, wait_ms: *wait_ms },
        }
    }
}
