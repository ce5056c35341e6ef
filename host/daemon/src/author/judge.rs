//! Holds a decision against what is expected.

use std::collections::{BTreeMap, BTreeSet};

use jettison_decide::built_in_reason;
use jettison_machines::{Expect, Machine, Subject, is_called};
use jettison_model::{Ranked, Snapshot, Target, Tier, Unit, Victim};
use jettison_tick::Decision;

use super::outcome::Outcome;
use crate::layout::bytes;

/// Rows of the order that a failed test shows.
const ORDER_MAX: usize = 6;
/// Names that are there, of those that a test could have meant.
const NAMES_MAX: usize = 12;

/// What a process is called in a test.
pub(super) struct Names(BTreeMap<u32, (String, String)>);

impl Names {
    /// Labels and command names.
    pub(super) fn of_machine(machine: &Machine) -> Self {
        let named = |process: &jettison_machines::Process| {
            (process.pid, (process.label.clone(), process.comm.clone()))
        };
        Self(machine.processes.iter().map(named).collect())
    }

    /// Command names.
    pub(super) fn of_snapshot(snapshot: &Snapshot) -> Self {
        let processes = &snapshot.processes;
        let comm = |row: usize| String::from_utf8_lossy(processes.comms.get(row)).into_owned();
        let named = processes.pids.iter().enumerate().map(|(row, &pid)| (pid, (comm(row), comm(row))));
        Self(named.collect())
    }

    fn is(&self, pid: u32, name: &str) -> bool {
        self.0.get(&pid).is_some_and(|(label, comm)| comm == name || is_called(label, name))
    }

    fn comm(&self, pid: u32) -> &str {
        self.0.get(&pid).map_or("?", |(_, comm)| comm)
    }

    fn has(&self, name: &str) -> bool {
        self.0.keys().any(|&pid| self.is(pid, name))
    }

    fn all(&self) -> String {
        let names: BTreeSet<&str> = self.0.values().map(|(label, _)| label.as_str()).collect();
        let mut said: Vec<&str> = names.iter().copied().take(NAMES_MAX).collect();
        if names.len() > NAMES_MAX {
            said.push("...");
        }
        said.join(", ")
    }
}

/// What goes.
struct Gone {
    kind: Kind,
    root: u32,
    members: Vec<u32>,
    relief_bytes: u64,
    reason: String,
}

enum Kind {
    Process,
    Tree,
    Cgroup(String),
}

impl Gone {
    fn of_victim(victim: &Victim) -> Self {
        let kind = match &victim.unit {
            Unit::Process => Kind::Process,
            Unit::Tree => Kind::Tree,
            Unit::Memcg(path) => Kind::Cgroup(String::from_utf8_lossy(path).into_owned()),
        };
        Self {
            kind,
            root: victim.root.pid,
            members: victim.members.iter().map(|id| id.pid).collect(),
            relief_bytes: victim.predicted_relief_bytes,
            reason: victim.reason.clone(),
        }
    }

    /// What would go if anything had to: the first of the order, with its unit.
    fn of_order(decision: &Decision, snapshot: &Snapshot) -> Option<Self> {
        let first = decision.ranking.order.first().filter(|first| first.tier != Tier::Never)?;
        let members = decision.ranking.order.iter().filter(|ranked| ranked.unit == first.unit);
        let (kind, root) = match first.unit {
            Target::Process(_) => (Kind::Process, first.id.pid),
            Target::Tree(row) => {
                let root = snapshot.processes.pids.get(row as usize).copied();
                (Kind::Tree, root.unwrap_or(first.id.pid))
            }
            Target::Memcg(row) => {
                let path = snapshot.memcgs.paths.get(row as usize);
                (Kind::Cgroup(String::from_utf8_lossy(path).into_owned()), first.id.pid)
            }
        };
        Some(Self {
            kind,
            root,
            members: members.map(|ranked| ranked.id.pid).collect(),
            relief_bytes: first.relief_bytes,
            reason: reason(decision, snapshot, first),
        })
    }

    fn is(&self, subject: &Subject<'_>, names: &Names) -> bool {
        match (subject, &self.kind) {
            (Subject::Any(name), _) => self.members.iter().any(|&pid| names.is(pid, name)),
            (Subject::Process(name), Kind::Process) | (Subject::Tree(name), Kind::Tree) => {
                names.is(self.root, name)
            }
            (Subject::Cgroup(path), Kind::Cgroup(own)) => path == own,
            _ => false,
        }
    }

    fn named(&self, names: &Names) -> String {
        let (comm, pid) = (names.comm(self.root).escape_debug(), self.root);
        match &self.kind {
            Kind::Process => format!("process {comm} (pid {pid})"),
            Kind::Tree => format!("tree of {comm} (pid {pid}), {} processes", self.members.len()),
            Kind::Cgroup(path) => format!("cgroup {}, {} processes", path.escape_debug(), self.members.len()),
        }
    }

    fn described(&self, names: &Names) -> String {
        format!("{}, {}: {}", self.named(names), bytes(self.relief_bytes), self.reason)
    }
}

fn reason(decision: &Decision, snapshot: &Snapshot, ranked: &Ranked) -> String {
    let said = decision.ranking.entries_of(ranked, &decision.votes).next();
    said.map_or_else(|| built_in_reason(snapshot, ranked.row as usize), |(_, entry)| entry.reason.clone())
}

/// What a decision came to. Any fault of a policy fails the test.
pub(super) fn judged(expect: &Expect, decision: &Decision, snapshot: &Snapshot, names: &Names) -> Outcome {
    let mut outcome = Outcome::default();
    for vote in decision.votes.iter() {
        if let Err(fault) = &vote.answer {
            outcome.wrong.push(format!("{} faulted: {}: {fault}", vote.policy, fault.kind()));
        }
    }
    let lines = decision.consulted.iter().flat_map(|consulted| &consulted.log);
    outcome.details.extend(lines.map(|line| format!("log: {}", line.message)));
    if !outcome.is_good() {
        return outcome;
    }
    let victims: Vec<Gone> = decision.plan.victims.iter().map(Gone::of_victim).collect();
    let would = if victims.is_empty() { Gone::of_order(decision, snapshot) } else { None };
    let first = victims.first().or(would.as_ref());
    outcome.what = match (victims.first(), &would) {
        (Some(first), _) => format!("first goes the {}", first.described(names)),
        (None, Some(would)) => format!("nothing goes; first would go the {}", would.described(names)),
        (None, None) => "nothing goes, and nothing could".into(),
    };
    check_first(expect, first, !victims.is_empty(), names, &mut outcome.wrong);
    check_never(expect, &victims, names, &mut outcome.wrong);
    check_tiers(expect, decision, names, &mut outcome.wrong);
    let order = decision.ranking.order.iter().take(ORDER_MAX);
    outcome.details.extend(order.map(|ranked| row(decision, snapshot, ranked, names)));
    outcome
}

fn check_first(expect: &Expect, first: Option<&Gone>, goes: bool, names: &Names, wrong: &mut Vec<String>) {
    let subjects: Vec<Subject<'_>> = expect.first.0.iter().map(|text| Subject::of(text)).collect();
    for name in subjects.iter().filter_map(Subject::name) {
        check_there(name, names, wrong);
    }
    let is_one = first.is_some_and(|first| subjects.iter().any(|subject| first.is(subject, names)));
    if !subjects.is_empty() && !is_one {
        let wanted: Vec<String> = subjects.iter().map(ToString::to_string).collect();
        let found = first.map_or_else(|| "nothing".into(), |first| first.named(names));
        wrong.push(format!("expected first: {}; it is: {found}", wanted.join(" or ")));
    }
    if expect.none && goes {
        wrong.push("expected that nothing goes".into());
    }
    if let Some(text) = &expect.reason
        && !first.is_some_and(|first| first.reason.contains(text))
    {
        wrong.push(format!("expected {text:?} in the reason"));
    }
}

fn check_never(expect: &Expect, victims: &[Gone], names: &Names, wrong: &mut Vec<String>) {
    for name in &expect.never {
        check_there(name, names, wrong);
        let with = victims.iter().find(|gone| gone.members.iter().any(|&pid| names.is(pid, name)));
        if let Some(gone) = with {
            wrong.push(format!("expected never: {name}; it goes with the {}", gone.described(names)));
        }
    }
}

fn check_tiers(expect: &Expect, decision: &Decision, names: &Names, wrong: &mut Vec<String>) {
    let is_kept = |tier: Tier| matches!(tier, Tier::Protected(_) | Tier::Never);
    let is_given_up = |tier: Tier| matches!(tier, Tier::Sacrifice(_));
    type IsMet<'f> = &'f dyn Fn(Tier) -> bool;
    let kept: (&str, &[String], IsMet<'_>) = ("kept", &expect.kept, &is_kept);
    let checks = [kept, ("given_up", &expect.given_up, &is_given_up)];
    for (key, expected, is_met) in checks {
        for name in expected {
            check_there(name, names, wrong);
            let other =
                decision.ranking.order.iter().find(|it| names.is(it.id.pid, name) && !is_met(it.tier));
            if let Some(other) = other {
                let (pid, tier) = (other.id.pid, other.tier.as_str());
                wrong.push(format!("expected {key}: {name}; pid {pid} is {tier}"));
            }
        }
    }
}

fn check_there(name: &str, names: &Names, wrong: &mut Vec<String>) {
    if !names.has(name) {
        wrong.push(format!("there is no {name:?} on this machine; there are {}", names.all()));
    }
}

fn row(decision: &Decision, snapshot: &Snapshot, ranked: &Ranked, names: &Names) -> String {
    let tier = match ranked.tier {
        Tier::Sacrifice(urgency) => format!("sacrifice {urgency}"),
        Tier::Protected(strength) => format!("protected {strength}"),
        Tier::Unranked(_) | Tier::Never => ranked.tier.as_str().into(),
    };
    let comm = names.comm(ranked.id.pid).escape_debug().to_string();
    let (pid, why) = (ranked.id.pid, reason(decision, snapshot, ranked));
    format!("{tier:14} {comm:16} {pid:>6}  {:>9}  {why}", bytes(ranked.relief_bytes))
}
