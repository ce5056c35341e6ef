//! Which victims would have been others.

use std::io::{Result, Write};

use jettison_model::text::Escaped;
use jettison_model::{Plan, Snapshot, Victim};
use serde::Serialize;

use super::time::shown;
use crate::layout::bytes;

/// A victim, as changes name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Named {
    pid: u32,
    comm: String,
    unit: &'static str,
    predicted_relief_bytes: u64,
    policy: String,
    reason: String,
}

/// What is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    AnotherVictim,
    AnotherOrder,
    NoVictim,
    AVictim,
}

/// Armed ticks in a row whose victims would have been others in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    /// Of the first: milliseconds since 1970.
    at: u64,
    cause: &'static str,
    kind: Kind,
    before: Vec<Named>,
    after: Vec<Named>,
    /// What the ends of victims that are not in both would have given back.
    at_stake_bytes: u64,
    ticks: u64,
}

/// All of them, in order.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) all: Vec<Change>,
    is_open: bool,
}

impl Changes {
    /// Takes in a tick, with the plan of one side and of the other.
    pub(crate) fn tick(&mut self, snapshot: &Snapshot, before: &Plan, after: &Plan) {
        let Some(change) = change(snapshot, before, after) else {
            self.is_open = false;
            return;
        };
        let pids = |named: &[Named]| named.iter().map(|named| named.pid).collect::<Vec<_>>();
        let is_same = |last: &&mut Change| {
            pids(&last.before) == pids(&change.before) && pids(&last.after) == pids(&change.after)
        };
        match self.all.last_mut().filter(|_| self.is_open).filter(is_same) {
            Some(last) => last.ticks += 1,
            None => self.all.push(change),
        }
        self.is_open = true;
    }
}

fn change(snapshot: &Snapshot, before: &Plan, after: &Plan) -> Option<Change> {
    let roots = |plan: &Plan| plan.victims.iter().map(|victim| victim.root).collect::<Vec<_>>();
    let (mut old, mut new) = (roots(before), roots(after));
    if old == new {
        return None;
    }
    let is_in = |plan: &Plan, victim: &Victim| plan.victims.iter().any(|other| other.root == victim.root);
    let only = |one: &Plan, other: &Plan| {
        let only = one.victims.iter().filter(|victim| !is_in(other, victim));
        only.fold(0_u64, |sum, victim| sum.saturating_add(victim.predicted_relief_bytes))
    };
    let at_stake_bytes = only(before, after).max(only(after, before));
    let kind = match (old.is_empty(), new.is_empty()) {
        (true, _) => Kind::AVictim,
        (_, true) => Kind::NoVictim,
        _ => {
            old.sort_unstable();
            new.sort_unstable();
            if old == new { Kind::AnotherOrder } else { Kind::AnotherVictim }
        }
    };
    let [before, after] = [before, after].map(|plan| plan.victims.iter().map(named).collect());
    let (at, cause) = (snapshot.taken_at_ms, snapshot.request.cause.as_str());
    Some(Change { at, cause, kind, before, after, at_stake_bytes, ticks: 1 })
}

fn named(victim: &Victim) -> Named {
    Named {
        pid: victim.root.pid,
        comm: String::from_utf8_lossy(&victim.comm).into_owned(),
        unit: victim.unit.kind(),
        predicted_relief_bytes: victim.predicted_relief_bytes,
        policy: victim.policy.clone(),
        reason: victim.reason.clone(),
    }
}

/// One change on some lines.
pub(crate) fn print(out: &mut impl Write, change: &Change, [before, after]: [&str; 2]) -> Result<()> {
    let kind = match change.kind {
        Kind::AnotherVictim => "another victim",
        Kind::AnotherOrder => "another order",
        Kind::NoVictim => "no victim",
        Kind::AVictim => "a victim where there was none",
    };
    let times = if change.ticks > 1 { format!(", in {} ticks", change.ticks) } else { String::new() };
    let (at, stake) = (shown(change.at), bytes(change.at_stake_bytes));
    writeln!(out, "{at}  {}: {kind}, {stake} at stake{times}", change.cause)?;
    for (side, victims) in [(before, &change.before), (after, &change.after)] {
        if victims.is_empty() {
            writeln!(out, "    {side:<9} no process")?;
        }
        for victim in victims {
            let Named { pid, predicted_relief_bytes, .. } = victim;
            let [comm, policy, reason] = [&victim.comm, &victim.policy, &victim.reason]
                .map(|text| Escaped(text.as_bytes()).to_string());
            let relief = bytes(*predicted_relief_bytes);
            writeln!(out, "    {side:<9} pid {pid} ({comm}), {relief}: {policy}: {reason}")?;
        }
    }
    Ok(())
}
