//! From what a guest returned to a [`Ballot`] that the tally can trust, or the first thing that is wrong with
//! it.

use std::ops::RangeInclusive;

use jettison_model::limits::{SHUTDOWN_STEPS_MAX, STEP_WAIT_MS_MAX, STRENGTH_MAX};
use jettison_model::signal::{SIGCONT, SIGKILL, SIGSTOP};
use jettison_model::{Ballot, Entry, Fault, Snapshot, Stance, Step, Target};

use crate::limits::Limits;
use crate::raw;
use crate::text::{one_line, short_line};

/// Signals there are, signal(7).
const SIGNALS: RangeInclusive<u8> = 1..=64;
/// The end is the host's, and the other two end nothing.
const SIGNALS_OF_THE_HOST: [(u8, &str); 3] = [(SIGKILL, "KILL"), (SIGCONT, "CONT"), (SIGSTOP, "STOP")];
/// What a policy may have held; -1000 would take a process away from the kernel's OOM killer.
const ADJS: RangeInclusive<i16> = -999..=1000;

/// What a ballot may speak of, and how much: this many rows, these hooks, so many entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) processes: usize,
    pub(crate) memcgs: usize,
    pub(crate) hooks: &'a [String],
    pub(crate) limits: &'a Limits,
}

impl<'a> Scope<'a> {
    pub(crate) fn of(snapshot: &Snapshot, hooks: &'a [String], limits: &'a Limits) -> Self {
        Self { processes: snapshot.processes.len(), memcgs: snapshot.memcgs.len(), hooks, limits }
    }
}

/// Takes the whole ballot or none of it: half a ballot is not trusted.
pub(crate) fn checked(ballot: raw::Ballot, scope: Scope<'_>) -> Result<Ballot, Fault> {
    let given = ballot.entries.len();
    let most = scope.limits.ballot_entries;
    if given > most {
        return Err(bad(most, format!("{given} entries, at most {most} are taken")));
    }
    let entries = ballot
        .entries
        .into_iter()
        .enumerate()
        .map(|(index, raw)| entry(raw, scope).map_err(|problem| bad(index, problem)))
        .collect::<Result<Vec<_>, _>>()?;
    no_duplicates(&entries)?;
    Ok(Ballot { entries })
}

fn bad(index: usize, problem: String) -> Fault {
    Fault::BadBallot { entry: u32::try_from(index).unwrap_or(u32::MAX), problem }
}

fn entry(raw: raw::Entry, scope: Scope<'_>) -> Result<Entry, String> {
    let reason = raw.reason;
    let most = scope.limits.reason_bytes;
    if reason.len() > most {
        return Err(format!("its reason has {} bytes, at most {most} are taken", reason.len()));
    }
    if let Some(adj) = raw.oom_score_adj.filter(|adj| !ADJS.contains(adj)) {
        return Err(format!("oom-score-adj {adj} is not in {}..={}", ADJS.start(), ADJS.end()));
    }
    let given = raw.shutdown.len();
    if given > SHUTDOWN_STEPS_MAX {
        return Err(format!("{given} shutdown steps, at most {SHUTDOWN_STEPS_MAX} are taken"));
    }
    Ok(Entry {
        target: target(raw.target, scope)?,
        stance: stance(raw.stance)?,
        oom_score_adj: raw.oom_score_adj,
        shutdown: raw.shutdown.into_iter().map(|raw| step(raw, scope)).collect::<Result<_, _>>()?,
        reason: one_line(reason),
    })
}

fn target(raw: raw::Target, scope: Scope<'_>) -> Result<Target, String> {
    let (target, rows) = match raw {
        raw::Target::Process(row) => (Target::Process(row), scope.processes),
        raw::Target::Tree(row) => (Target::Tree(row), scope.processes),
        raw::Target::Memcg(row) => (Target::Memcg(row), scope.memcgs),
    };
    if (target.row() as usize) < rows {
        return Ok(target);
    }
    Err(format!("{} of row {}, but there are {rows} rows, from 0", target.kind(), target.row()))
}

fn stance(raw: raw::Stance) -> Result<Stance, String> {
    let (stance, kind, number) = match raw {
        raw::Stance::Protect(strength) => (Stance::Protect(strength), "protect", strength),
        raw::Stance::Sacrifice(urgency) => (Stance::Sacrifice(urgency), "sacrifice", urgency),
    };
    if (1..=STRENGTH_MAX).contains(&number) {
        return Ok(stance);
    }
    Err(format!("{kind} {number} is not in 1..={STRENGTH_MAX}"))
}

fn step(raw: raw::Step, scope: Scope<'_>) -> Result<Step, String> {
    let (step, wait_ms) = match raw {
        raw::Step::Signal(raw::SignalStep { number, wait_ms }) => {
            signal(number)?;
            (Step::Signal { number, wait_ms }, wait_ms)
        }
        raw::Step::StopUnit(wait_ms) => (Step::StopUnit { wait_ms }, wait_ms),
        raw::Step::Hook(raw::HookStep { name, wait_ms }) => {
            if !scope.hooks.contains(&name) {
                let name = short_line(&name);
                return Err(format!(
                    "hook {name:?} is not configured: add [hooks.{name}] or leave out the step"
                ));
            }
            (Step::Hook { name, wait_ms }, wait_ms)
        }
    };
    if wait_ms > STEP_WAIT_MS_MAX {
        return Err(format!("a step that waits {wait_ms} ms, at most {STEP_WAIT_MS_MAX} are taken"));
    }
    Ok(step)
}

fn signal(number: u8) -> Result<(), String> {
    if !SIGNALS.contains(&number) {
        return Err(format!("signal {number} is not in {}..={}", SIGNALS.start(), SIGNALS.end()));
    }
    match SIGNALS_OF_THE_HOST.iter().find(|(its, _)| *its == number) {
        Some((_, name)) => Err(format!("signal {number} ({name}) is the host's alone")),
        None => Ok(()),
    }
}

/// The later of two entries about the same is the wrong one.
fn no_duplicates(entries: &[Entry]) -> Result<(), Fault> {
    let mut targets: Vec<(Target, usize)> =
        entries.iter().enumerate().map(|(index, entry)| (entry.target, index)).collect();
    targets.sort_unstable();
    let twice = targets
        .windows(2)
        .filter_map(|pair| match pair {
            [(first, earlier), (second, later)] if first == second => Some((*later, *earlier, *first)),
            _ => None,
        })
        .min();
    match twice {
        Some((later, earlier, target)) => Err(bad(
            later,
            format!(
                "{} of row {} is already in entry {earlier}, and each may be named once",
                target.kind(),
                target.row()
            ),
        )),
        None => Ok(()),
    }
}
