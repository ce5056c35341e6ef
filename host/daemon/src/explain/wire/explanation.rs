//! `jettison.explain/1`: the JSON of `explain --json`. Frozen: fields are added, never changed.

use std::borrow::Cow;

use jettison_model::column::known_u64;
use jettison_model::{Idle, Plan, Snapshot, Victim};
use jettison_tick::Decision;
use serde::Serialize;

use super::rank::{Owner, Rank, comm, parent, percent, pid};
use crate::explain::explained::{Explained, Short};
use crate::explain::kernel::Kernel;
use crate::policies::Policies;
use crate::users::Users;

#[derive(Serialize)]
pub(crate) struct Explanation<'a> {
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
    /// Unless the tick is armed.
    if_short: Option<IfShort<'a>>,
    without: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<&'a Kernel>,
    sense_faults: u64,
    timings_us: Timings,
}

/// What would be decided with so little available.
#[derive(Serialize)]
struct IfShort<'a> {
    available_bytes: u64,
    plan: WirePlan<'a>,
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

#[derive(Serialize)]
struct Excluded<'a> {
    pid: u32,
    #[serde(flatten)]
    owner: Owner,
    comm: Cow<'a, str>,
    reason: &'static str,
    parent: Option<u32>,
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
    pub(crate) fn of(explained: &'a Explained) -> Self {
        let Explained { snapshot, policies: asked, users, decision, passed, short, sense_us, .. } = explained;
        let without = explained.without.as_ref();
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
                    let row = &ranked.row;
                    Rank::of(rank, snapshot, users, decision, ranked)
                        .passed_over(passed.get(row))
                        .if_short(short.as_ref().and_then(|short| short.passed.get(row)))
                        .with(without.and_then(|without| without.places.get(row)))
                })
                .collect(),
            excluded: excluded(snapshot, users, decision),
            plan: WirePlan::of(snapshot, users, &decision.plan, snapshot.request.cause.is_armed()),
            if_short: short.as_ref().map(|Short { available_bytes, plan, .. }| IfShort {
                available_bytes: *available_bytes,
                plan: WirePlan::of(snapshot, users, plan, true),
            }),
            without: without.map_or(&[], |without| &without.names),
            kernel: explained.kernel.as_ref(),
            sense_faults: explained.sense_faults,
            timings_us: Timings {
                sense: *sense_us,
                consult: decision.consult_us,
                decide: decision.decide_us,
            },
        }
    }
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
            parent: parent(snapshot, row as usize),
        })
        .collect()
}

impl<'a> WirePlan<'a> {
    fn of(snapshot: &Snapshot, users: &Users, plan: &'a Plan, armed: bool) -> Self {
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
            armed,
            outcome: plan.idle.map(Idle::as_str).or((!plan.victims.is_empty()).then_some("victims")),
            idle: plan.idle.map(|idle| idle.to_string()),
            victims: plan.victims.iter().map(victim).collect(),
            holds: holds
                .map(|hold| WireHold { pid: hold.id.pid, original: hold.original, value: hold.value })
                .collect(),
        }
    }
}
