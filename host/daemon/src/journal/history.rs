//! `jettison history --since`: the victims of a journal, and what decided on each.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use jettison_model::text::Escaped;
use jettison_model::{
    Ballot, Entry, Plan, ProcessId, Ranking, Snapshot, Stance, Target, Tier, Unit, Victim, Vote,
};
use jettison_record::{End, Record, Setup, Tick};
use serde::Serialize;

use super::replay::written;
use super::time::shown;
use super::walk::{decide_again, each};
use crate::failure::Failure;
use crate::layout::bytes;
use crate::least::least;
use crate::users::{self, Users};

/// Runners-up that are named.
const RUNNERS_UP: usize = 3;

/// `jettison history --since D --json`. Fields are added, never changed.
#[derive(Debug, Serialize)]
struct Told {
    schema: &'static str,
    victims: Vec<Row>,
    left_out: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    end: End,
    user: Option<String>,
    /// Which would have gone next.
    runners_up: Vec<RunnerUp>,
    /// The weakest protection that would have kept it, and what would have gone in its place.
    saved_by: Option<SavedBy>,
}

/// The next in the order, as the tick saw it.
#[derive(Clone, Debug, Serialize)]
struct RunnerUp {
    pid: u32,
    comm: String,
    tier: &'static str,
    relief_bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
struct SavedBy {
    protect: u16,
    /// The names of what would have gone; empty if nothing would.
    instead: Vec<String>,
}

/// What the tick that named a victim says of it.
type Explained = (Vec<RunnerUp>, Option<SavedBy>);

/// Which rows are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Milliseconds since 1970.
    pub(crate) since_ms: u64,
    pub(crate) is_dry: bool,
}

pub(crate) fn history(journals: &[PathBuf], wanted: Wanted, is_json: bool) -> Result<(), Failure> {
    let mut ends: Vec<End> = Vec::new();
    let mut explained: BTreeMap<(u64, ProcessId), Explained> = BTreeMap::new();
    let left_out = each(journals, |place, record| match (record, place.setup) {
        (Record::End(end), _) if is_wanted(&end, wanted) => ends.push(*end),
        (Record::Tick(tick), Some(setup)) if tick.snapshot.taken_at_ms >= wanted.since_ms => {
            for victim in &tick.plan.victims {
                let key = (tick.snapshot.taken_at_ms, victim.root);
                explained.insert(key, explain(setup, &tick, victim));
            }
        }
        _ => {}
    })?;
    let users = Users::here();
    let row = |end: End| {
        let id = ProcessId { pid: end.pid, start_time: end.start_time };
        let (runners_up, saved_by) = explained.get(&(end.at_ms, id)).cloned().unwrap_or_default();
        Row { user: end.uid.and_then(|uid| users.name(uid)), end, runners_up, saved_by }
    };
    let victims = ends.into_iter().map(row).collect();
    written(is_json, &Told { schema: "jettison.history/2", victims, left_out }, text)
}

fn is_wanted(end: &End, wanted: Wanted) -> bool {
    end.at_ms >= wanted.since_ms && (end.by == "dry-run") == wanted.is_dry
}

fn explain(setup: &Setup, tick: &Tick, victim: &Victim) -> Explained {
    let (_, ranking) = decide_again(setup, tick, &tick.votes);
    (runners_up(&tick.snapshot, &ranking, &tick.plan), saved_by(setup, tick, victim))
}

fn runners_up(snapshot: &Snapshot, ranking: &Ranking, plan: &Plan) -> Vec<RunnerUp> {
    let goes = |id: &ProcessId| plan.victims.iter().any(|victim| victim.members.contains(id));
    let stays = ranking.order.iter().filter(|ranked| !goes(&ranked.id) && ranked.tier != Tier::Never);
    let runner_up = |ranked: &jettison_model::Ranked| RunnerUp {
        pid: ranked.id.pid,
        comm: String::from_utf8_lossy(snapshot.processes.comms.get(ranked.row as usize)).into_owned(),
        tier: ranked.tier.as_str(),
        relief_bytes: ranked.relief_bytes,
    };
    stays.take(RUNNERS_UP).map(runner_up).collect()
}

/// Tries protections on the recorded tick, and finds the weakest that is enough.
fn saved_by(setup: &Setup, tick: &Tick, victim: &Victim) -> Option<SavedBy> {
    let with = |protect| {
        let mut votes = tick.votes.to_vec();
        votes.push(protecting(&tick.snapshot, victim, protect)?);
        let plan = decide_again(setup, tick, &votes).0;
        let goes = plan.victims.iter().any(|other| other.members.contains(&victim.root));
        (!goes).then_some(plan)
    };
    let (protect, kept) = least(1000, |protect| with(u16::try_from(protect).ok()?))?;
    let protect = u16::try_from(protect).ok()?;
    let instead =
        kept.victims.iter().map(|other| String::from_utf8_lossy(&other.comm).into_owned()).collect();
    Some(SavedBy { protect, instead })
}

/// The vote of a policy that protects one unit.
fn protecting(snapshot: &Snapshot, victim: &Victim, strength: u16) -> Option<Vote> {
    // A process that the snapshot does not have, as in a journal that was cut, cannot be protected.
    let root = || u32::try_from(snapshot.processes.row_of(victim.root)?).ok();
    let target = match &victim.unit {
        Unit::Process => Target::Process(root()?),
        Unit::Tree => Target::Tree(root()?),
        Unit::Memcg(path) => Target::Memcg(u32::try_from(snapshot.memcgs.row_of(path)?).ok()?),
    };
    let (stance, reason) = (Stance::Protect(strength), String::new());
    let entries = vec![Entry { target, stance, oom_score_adj: None, shutdown: Vec::new(), reason }];
    Some(Vote { policy: "what-if".into(), weight: 1, shadow: false, answer: Ok(Ballot { entries }) })
}

fn text(out: &mut io::StdoutLock<'_>, told: &Told) -> io::Result<()> {
    for line in &told.left_out {
        writeln!(out, "left out  {}", Escaped(line.as_bytes()))?;
    }
    if told.victims.is_empty() {
        writeln!(out, "no process was shut down in that time")?;
    }
    told.victims.iter().try_for_each(|row| one(out, row))
}

fn one(out: &mut io::StdoutLock<'_>, row: &Row) -> io::Result<()> {
    let end = &row.end;
    let escaped = |text: &str| Escaped(text.as_bytes()).to_string();
    let (at, comm) = (shown(end.at_ms), escaped(&end.comm));
    let user = users::shown(row.user.as_deref(), end.uid);
    writeln!(
        out,
        "{at}  pid {} ({comm}) of user {user}, {} of {}: {}",
        end.pid, end.target, end.members, end.cause
    )?;
    let predicted = bytes(end.predicted_relief_bytes);
    let measured = bytes(end.measured_relief_bytes);
    let how = match end.by.as_str() {
        "kernel" => format!("the kernel's OOM killer took it, {measured}"),
        "dry-run" => format!("would have been shut down, for {predicted}"),
        _ if end.refused => "given up: the kernel refused every signal (EPERM)".into(),
        _ if end.unanswered => "given up: it did not answer".into(),
        _ => {
            let by = if end.killed { "SIGKILL" } else { "itself" };
            format!("went by {by} in {} ms, gave back {measured} of {predicted}", end.took_ms)
        }
    };
    writeln!(out, "    {how}")?;
    writeln!(out, "    {}: {}", escaped(&end.policy), escaped(&end.reason))?;
    if !end.steps.is_empty() {
        writeln!(out, "    steps     {}", escaped(&end.steps.join(", ")))?;
    }
    let places = [
        ("memcg", &end.memcg),
        ("unit", &end.service_unit),
        ("container", &end.container),
        ("pod", &end.pod),
    ];
    for (what, place) in places.into_iter().filter(|(_, place)| !place.is_empty()) {
        writeln!(out, "    {what:<9} {}", escaped(place))?;
    }
    if let Some(cmdline) = &end.cmdline {
        writeln!(out, "    command   {}", escaped(cmdline))?;
    }
    for next in &row.runners_up {
        let (comm, relief) = (escaped(&next.comm), bytes(next.relief_bytes));
        writeln!(out, "    next      pid {} ({comm}), {}, {relief}", next.pid, next.tier)?;
    }
    if let Some(SavedBy { protect, instead }) = &row.saved_by {
        let instead = if instead.is_empty() {
            "nothing goes then".into()
        } else {
            format!("{} goes then", instead.join(", "))
        };
        writeln!(out, "    saved by  a protection of {protect}, or [guard]; {}", escaped(&instead))?;
    }
    Ok(())
}
