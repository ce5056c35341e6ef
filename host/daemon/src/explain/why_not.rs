//! `jettison why --not PID`: the smallest changes that would save a process.
//!
//! Each is found by deciding again, policies included, with more or less of it. The shortage stays as it is:
//! what the process would not hold, another of its memcg would.

use std::io::{Result as Written, Write};
use std::sync::Arc;

use jettison_model::column::{UNKNOWN_S64, known_u64, set};
use jettison_model::text::Escaped;
use jettison_model::{Ballot, Entry, ProcessId, Ranked, Snapshot, Stance, Target, Vote};
use serde::Serialize;

use super::look::Looked;
use super::what_if::{Again, Change, short};
use super::words;
use crate::cli;
use crate::failure::{Failure, printed};
use crate::layout::{Paint, WIDTH, bytes, wrap};
use crate::least::least;
use crate::policies::Policies;

const MIB: u64 = 1 << 20;
/// Columns that stand before everything else.
const BEFORE_WORDS: usize = 10;

/// `jettison why --not PID --json`. Fields are added, never changed.
#[derive(Debug, Serialize)]
struct WhyNot {
    schema: &'static str,
    taken_at: u64,
    cause: &'static str,
    pid: u32,
    comm: String,
    /// What was assumed to be available, since memory is not short.
    if_short_bytes: Option<u64>,
    /// Whether it would go.
    goes: bool,
    excluded: Option<&'static str>,
    rank: Option<usize>,
    tier: Option<&'static str>,
    /// Why it ranks there.
    why: Option<String>,
    /// Why it would not go.
    passed_over: Option<String>,
    saved_by: Option<SavedBy>,
}

/// The least of each that would save it; null where none would.
#[derive(Debug, Serialize)]
struct SavedBy {
    /// If it held so much less.
    less_bytes: Option<Saved<u64>>,
    /// With a policy more that protects it so strongly.
    protect: Option<Saved<u64>>,
    /// If it had this value of its own.
    oom_score_adj: Option<Saved<i16>>,
    guard: Option<Saved<()>>,
}

#[derive(Debug, Serialize)]
struct Saved<T> {
    value: T,
    /// What would go in its place.
    instead: Vec<String>,
}

/// What is tried, on what.
struct Trial {
    policies: Policies,
    settings: jettison_decide::Settings,
    snapshot: Snapshot,
    id: ProcessId,
    row: u32,
}

pub(crate) fn why_not(args: &cli::Why) -> Result<(), Failure> {
    let Looked { snapshot, mut policies, settings, .. } = Looked::of(&args.look)?;
    let Ok(row) = snapshot.processes.pids.binary_search(&args.pid) else {
        return Err(Failure::Failed(format!("there is no process {}", args.pid)));
    };
    let id = snapshot.processes.id(row);
    let (Some(id), Ok(row)) = (id, u32::try_from(row)) else {
        return Err(Failure::Failed(format!("process {} is not known well enough", args.pid)));
    };
    let now = Again::with(&mut policies, &settings, snapshot.clone(), Change::default());
    let is_armed = now.snapshot.request.cause.is_armed();
    let assumed = (!is_armed).then(|| short(&snapshot, &settings));
    let if_short_bytes = assumed.as_ref().map(|snapshot| snapshot.host.memory_available_bytes);
    let mut trial = Trial { policies, settings, snapshot: assumed.unwrap_or(snapshot), id, row };
    let found = trial.found(if_short_bytes);
    let mut out = std::io::stdout().lock();
    let written = if args.asks.json {
        serde_json::to_writer_pretty(&mut out, &found)
            .map_err(std::io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        text(&mut out, &found)
    };
    printed(written)
}

impl Trial {
    fn found(&mut self, if_short_bytes: Option<u64>) -> WhyNot {
        let again = self.decide(self.snapshot.clone(), Change::default());
        let goes = self.goes(&again);
        let of_row = |ranked: &Ranked| ranked.row == self.row;
        let place = again.ranking.order.iter().position(of_row);
        let ranked = place.and_then(|place| again.ranking.order.get(place));
        let excluded = again.ranking.excluded.iter().find(|&&(row, _)| row == self.row);
        let passed = again.passed(&self.settings);
        let passed = passed.iter().find(|&&(row, _)| row == self.row);
        WhyNot {
            schema: "jettison.why-not/1",
            taken_at: again.snapshot.taken_at_ms,
            cause: again.snapshot.request.cause.as_str(),
            pid: self.id.pid,
            comm: String::from_utf8_lossy(again.snapshot.processes.comms.get(self.row as usize)).into_owned(),
            if_short_bytes,
            goes,
            excluded: excluded.map(|(_, why)| why.as_str()),
            rank: place.map(|place| place + 1),
            tier: ranked.map(|ranked| ranked.tier.as_str()),
            why: ranked.map(|ranked| words::why(&again.snapshot, &again.ranking, &again.votes, ranked)),
            passed_over: passed.map(|(_, passed)| passed.to_string()),
            saved_by: goes.then(|| self.saved_by()),
        }
    }

    fn decide(&mut self, snapshot: Snapshot, change: Change) -> Again {
        Again::with(&mut self.policies, &self.settings, snapshot, change)
    }

    fn goes(&self, again: &Again) -> bool {
        again.plan.victims.iter().any(|victim| victim.members.contains(&self.id))
    }

    /// What would go in its place with this change; `None` if it would go all the same.
    fn without_it(&mut self, snapshot: Snapshot, change: Change) -> Option<Vec<String>> {
        let again = self.decide(snapshot, change);
        let name = |comm: &[u8]| String::from_utf8_lossy(comm).into_owned();
        (!self.goes(&again)).then(|| again.plan.victims.iter().map(|victim| name(&victim.comm)).collect())
    }

    fn saved_by(&mut self) -> SavedBy {
        let row = self.row as usize;
        let most_mib = (held_bytes(&self.snapshot, row) / MIB).max(1);
        let less = least(most_mib, |mib| {
            self.without_it(holding_less(&self.snapshot, row, mib * MIB), Change::default())
        });
        let protect = least(1000, |strength| {
            let vote = Some(protecting(self.row, u16::try_from(strength).ok()?));
            self.without_it(self.snapshot.clone(), Change { vote, ..Change::default() })
        });
        let original = self.snapshot.processes.oom_score_adj(row);
        // `None` where that is no value of 16 bits, which `most` rules out.
        let lowered = |by: u64| i16::try_from(i64::from(original) - i64::try_from(by).ok()?).ok();
        let most = u64::try_from(i64::from(original) + 1000).unwrap_or(0);
        let adj = least(most, |by| {
            let snapshot = with_oom_score_adj(&self.snapshot, row, lowered(by)?);
            self.without_it(snapshot, Change::default())
        });
        let guarded = Some(self.row);
        let guard = self.without_it(self.snapshot.clone(), Change { guarded, ..Change::default() });
        SavedBy {
            less_bytes: less.map(|(mib, instead)| Saved { value: mib * MIB, instead }),
            protect: protect.map(|(value, instead)| Saved { value, instead }),
            oom_score_adj: adj.and_then(|(by, instead)| Some(Saved { value: lowered(by)?, instead })),
            guard: guard.map(|instead| Saved { value: (), instead }),
        }
    }
}

fn held_bytes(snapshot: &Snapshot, row: usize) -> u64 {
    let processes = &snapshot.processes;
    processes.anon_and_swap_bytes(row).saturating_add(processes.shmem_bytes(row))
}

/// The same machine, but the process holds so much less: of anonymous memory, then of swap and of shared
/// memory. So much less of it was taken.
fn holding_less(snapshot: &Snapshot, row: usize, less_bytes: u64) -> Snapshot {
    let mut snapshot = snapshot.clone();
    let table = &mut snapshot.processes;
    let mut rest = less_bytes;
    for column in [&mut table.rss_anon_bytes, &mut table.swap_bytes, &mut table.rss_shmem_bytes] {
        rest -= lower(column, row, rest);
    }
    let less = less_bytes - rest;
    lower(&mut table.pss_bytes, row, less);
    if let Some(taken) = Arc::make_mut(&mut table.taken_bytes).get_mut(row)
        && *taken != UNKNOWN_S64
    {
        *taken = taken.saturating_sub_unsigned(less).max(UNKNOWN_S64 + 1);
    }
    snapshot
}

/// Takes as much of this as is there. Returns how much that is.
fn lower(column: &mut Arc<Vec<u64>>, row: usize, by: u64) -> u64 {
    let Some(value) = Arc::make_mut(column).get_mut(row) else { return 0 };
    let taken = known_u64(*value).map_or(0, |known| known.min(by));
    *value -= taken;
    taken
}

fn with_oom_score_adj(snapshot: &Snapshot, row: usize, value: i16) -> Snapshot {
    let mut snapshot = snapshot.clone();
    let table = &mut snapshot.processes;
    for column in [&mut table.oom_score_adjs, &mut table.oom_score_adjs_now] {
        set(column, row, value);
    }
    snapshot
}

fn protecting(row: u32, strength: u16) -> Vote {
    let (target, stance) = (Target::Process(row), Stance::Protect(strength));
    let entry = Entry { target, stance, oom_score_adj: None, shutdown: Vec::new(), reason: String::new() };
    Vote { policy: "what-if".into(), weight: 1, shadow: false, answer: Ok(Ballot { entries: vec![entry] }) }
}

fn text(out: &mut impl Write, found: &WhyNot) -> Written<()> {
    let WhyNot { pid, comm, cause, .. } = found;
    let comm = Escaped(comm.as_bytes());
    if let Some(excluded) = found.excluded {
        return writeln!(out, "process   {pid} ({comm}) never goes: {excluded}");
    }
    let when = match found.if_short_bytes {
        Some(bytes_left) => format!("if {} were available", bytes(bytes_left)),
        None => format!("now ({cause})"),
    };
    let verdict = if found.goes { "would go" } else { "would not go" };
    writeln!(out, "process   {pid} ({comm}) {verdict} {when}")?;
    if let (Some(rank), Some(tier), Some(why)) = (found.rank, found.tier, &found.why) {
        let tier = Paint::of_stdout().tier(tier, tier);
        lines(out, "rank", &format!("{rank}, {tier}: {why}"))?;
    }
    if let Some(passed) = &found.passed_over {
        lines(out, "stays", passed)?;
    }
    found.saved_by.as_ref().map_or(Ok(()), |saved| saved_by(out, saved))
}

fn saved_by(out: &mut impl Write, saved: &SavedBy) -> Written<()> {
    let SavedBy { less_bytes, protect, oom_score_adj, guard } = saved;
    let ways = [
        less_bytes
            .as_ref()
            .map(|it| (format!("{} less", bytes(it.value)), &it.instead))
            .ok_or("holding less, down to nothing"),
        protect
            .as_ref()
            .map(|it| (format!("a protection of {}", it.value), &it.instead))
            .ok_or("a protection, however strong"),
        oom_score_adj
            .as_ref()
            .map(|it| (format!("an oom_score_adj of {}", it.value), &it.instead))
            .ok_or("any oom_score_adj"),
        guard.as_ref().map(|it| ("a rule under [guard]".into(), &it.instead)).ok_or("a rule under [guard]"),
    ];
    for way in ways {
        match way {
            Ok((what, instead)) if instead.is_empty() => {
                lines(out, "saved by", &format!("{what}; nothing goes then"))?;
            }
            Ok((what, instead)) => {
                let instead: Vec<String> =
                    instead.iter().map(|comm| Escaped(comm.as_bytes()).to_string()).collect();
                lines(out, "saved by", &format!("{what}; {} goes then", instead.join(", ")))?;
            }
            Err(what) => lines(out, "not by", what)?,
        }
    }
    Ok(())
}

fn lines(out: &mut impl Write, what: &str, text: &str) -> Written<()> {
    let text = wrap(text, WIDTH - BEFORE_WORDS).join(&format!("\n{:BEFORE_WORDS$}", ""));
    writeln!(out, "{what:<9} {text}")
}
