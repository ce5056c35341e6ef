//! `jettison.explain/1`: the JSON of `explain --json`. Frozen: fields are added, never changed.

use std::borrow::Cow;

use jettison_decide::{BUILT_IN, Passed, built_in_reason};
use jettison_model::column::known_u64;
use jettison_model::{Idle, Plan, Ranked, Snapshot, Step, Target, Tier, Victim, column};
use jettison_tick::Decision;
use serde::Serialize;

use super::explained::Explained;
use crate::policies::Policies;
use crate::users::Users;

#[derive(Serialize)]
pub(super) struct Explanation<'a> {
    schema: &'static str,
    /// Milliseconds since 1970.
    taken_at: u64,
    cause: &'static str,
    memory: Memory,
    pressure: Pressure,
    policies: Vec<Policy<'a>>,
    ranking: Vec<Rank<'a>>,
    excluded: Vec<Excluded<'a>>,
    plan: WirePlan<'a>,
    sense_faults: u64,
    timings_us: Timings,
}

#[derive(Serialize)]
struct Memory {
    total_bytes: u64,
    available_bytes: u64,
    swap_total_bytes: u64,
    swap_free_bytes: u64,
    deficit_bytes: u64,
}

/// PSI of memory, percent; null where the kernel has none.
#[derive(Serialize)]
struct Pressure {
    some_avg10: Option<f64>,
    full_avg10: Option<f64>,
}

#[derive(Serialize)]
struct Policy<'a> {
    name: &'a str,
    version: Option<&'a str>,
    digest: Option<&'a str>,
    source: String,
    status: &'static str,
    fault: Option<Fault>,
    imports: &'a [String],
    fuel: u64,
    us: u64,
    log: Vec<&'a str>,
}

#[derive(Serialize)]
struct Fault {
    kind: &'static str,
    message: String,
}

/// The effective user; null where the kernel did not say. Its name is null, too, where the uid has none, and
/// where the snapshot is of another host.
#[derive(Serialize)]
struct Owner {
    uid: Option<u32>,
    user: Option<String>,
}

#[derive(Serialize)]
struct Rank<'a> {
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
    unit: Unit<'a>,
    oom_score_adj: Adj,
    reasons: Vec<Reason<'a>>,
    shutdown: Vec<WireStep<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    passed_over: Option<String>,
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

#[derive(Serialize)]
struct Excluded<'a> {
    pid: u32,
    #[serde(flatten)]
    owner: Owner,
    comm: Cow<'a, str>,
    reason: &'static str,
}

#[derive(Serialize)]
struct WirePlan<'a> {
    armed: bool,
    outcome: Option<&'static str>,
    idle: Option<String>,
    victims: Vec<WireVictim<'a>>,
    holds: Vec<WireHold>,
}

#[derive(Serialize)]
struct WireVictim<'a> {
    pid: u32,
    #[serde(flatten)]
    owner: Owner,
    comm: Cow<'a, str>,
    members: usize,
    policy: &'a str,
    reason: &'a str,
    predicted_relief_bytes: u64,
}

#[derive(Serialize)]
struct WireHold {
    pid: u32,
    original: i16,
    value: i16,
}

#[derive(Serialize)]
struct Timings {
    sense: u64,
    consult: u64,
    decide: u64,
}

impl<'a> Explanation<'a> {
    pub(super) fn of(explained: &'a Explained) -> Self {
        let Explained { snapshot, policies: asked, users, decision, passed, sense_us, sense_faults } =
            explained;
        let host = &snapshot.host;
        Self {
            schema: "jettison.explain/1",
            taken_at: snapshot.taken_at_ms,
            cause: snapshot.request.cause.as_str(),
            memory: Memory {
                total_bytes: host.memory_total_bytes,
                available_bytes: host.memory_available_bytes,
                swap_total_bytes: host.swap_total_bytes,
                swap_free_bytes: host.swap_free_bytes,
                deficit_bytes: snapshot.request.deficit_bytes,
            },
            pressure: Pressure {
                some_avg10: percent(host.memory_pressure_some_avg10),
                full_avg10: percent(host.memory_pressure_full_avg10),
            },
            policies: policies(asked, decision),
            ranking: (1..)
                .zip(&decision.ranking.order)
                .map(|(rank, ranked)| {
                    Rank::of(rank, snapshot, users, decision, ranked).passed_over(passed.get(&ranked.row))
                })
                .collect(),
            excluded: excluded(snapshot, users, decision),
            plan: WirePlan::of(snapshot, users, &decision.plan),
            sense_faults: *sense_faults,
            timings_us: Timings {
                sense: *sense_us,
                consult: decision.consult_us,
                decide: decision.decide_us,
            },
        }
    }
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

fn percent(hundredths: u32) -> Option<f64> {
    column::row(hundredths).map(|_| f64::from(hundredths) / 100.0)
}

fn policies<'a>(asked: &'a Policies, decision: &'a Decision) -> Vec<Policy<'a>> {
    let loaded = asked.loaded.iter();
    loaded
        .zip(decision.votes.iter().zip(&decision.consulted))
        .map(|(loaded, (vote, consulted))| {
            let policy = loaded.policy.as_ref().ok();
            let fault = vote.answer.as_ref().err();
            Policy {
                name: &vote.policy,
                version: policy.map(|policy| policy.version()),
                digest: policy.map(|policy| policy.digest()),
                source: loaded.config.source.to_string(),
                status: match fault {
                    Some(jettison_model::Fault::Quarantined { .. }) => "quarantined",
                    Some(_) => "fault",
                    None if vote.shadow => "shadow",
                    None => "ok",
                },
                fault: fault.map(|fault| Fault { kind: fault.kind(), message: fault.to_string() }),
                imports: policy.map_or(&[], |policy| policy.imports()),
                fuel: consulted.fuel,
                us: consulted.us,
                log: consulted.log.iter().map(|line| line.message.as_str()).collect(),
            }
        })
        .collect()
}

fn excluded<'a>(snapshot: &'a Snapshot, users: &Users, decision: &Decision) -> Vec<Excluded<'a>> {
    let excluded = decision.ranking.excluded.iter();
    excluded
        .map(|&(row, reason)| Excluded {
            pid: pid(snapshot, row),
            owner: Owner::of(snapshot, users, Some(row as usize)),
            comm: comm(snapshot, row),
            reason: reason.as_str(),
        })
        .collect()
}

fn pid(snapshot: &Snapshot, row: u32) -> u32 {
    snapshot.processes.pids.get(row as usize).copied().unwrap_or_default()
}

fn comm(snapshot: &Snapshot, row: u32) -> Cow<'_, str> {
    String::from_utf8_lossy(snapshot.processes.comms.get(row as usize))
}

impl Owner {
    fn of(snapshot: &Snapshot, users: &Users, row: Option<usize>) -> Self {
        let uid = row.and_then(|row| snapshot.processes.uid(row));
        Self { uid, user: uid.and_then(|uid| users.name(uid)) }
    }
}

impl<'a> Rank<'a> {
    fn of(
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
            reasons,
            shutdown: shutdown.into_iter().flatten().map(WireStep::of).collect(),
            passed_over: None,
        }
    }

    fn passed_over(self, passed: Option<&Passed>) -> Self {
        Self { passed_over: passed.map(ToString::to_string), ..self }
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

impl<'a> WirePlan<'a> {
    fn of(snapshot: &Snapshot, users: &Users, plan: &'a Plan) -> Self {
        let victim = |victim: &'a Victim| WireVictim {
            pid: victim.root.pid,
            owner: Owner::of(snapshot, users, snapshot.processes.row_of(victim.root)),
            comm: String::from_utf8_lossy(&victim.comm),
            members: victim.members.len(),
            policy: &victim.policy,
            reason: &victim.reason,
            predicted_relief_bytes: known_u64(victim.predicted_relief_bytes).unwrap_or(0),
        };
        let holds = plan.holds.iter();
        Self {
            armed: snapshot.request.cause.is_armed(),
            outcome: plan.idle.map(Idle::as_str).or((!plan.victims.is_empty()).then_some("victims")),
            idle: plan.idle.map(|idle| idle.to_string()),
            victims: plan.victims.iter().map(victim).collect(),
            holds: holds
                .map(|hold| WireHold { pid: hold.id.pid, original: hold.original, value: hold.value })
                .collect(),
        }
    }
}
