//! Ballots that no host should take.

use crate::bindings::exports::jettison::policy::policy::{
    Ballot, Entry, HookStep, SignalStep, Stance, Step, Target,
};
use crate::bindings::jettison::policy::processes;

pub(crate) fn empty() -> Ballot {
    Ballot { entries: vec![] }
}

/// The ballot of that name, if there is one.
pub(crate) fn wrong(name: &str) -> Option<Ballot> {
    let one = |change: fn(&mut Entry)| {
        let mut entry = good(0);
        change(&mut entry);
        vec![entry]
    };
    let entries = match name {
        "nothing" => vec![],
        "good" => vec![good(0), everything()],
        "duplicate" => vec![good(0), good(1), good(0)],
        "contradiction" => vec![good(1), Entry { stance: Stance::Protect(500), ..good(1) }],
        "kinds-overlap" => vec![good(0), everything(), tree_and_memcg(false), tree_and_memcg(true)],
        "unknown-row" => vec![good(0), good(1_000_000)],
        "unknown-memcg" => one(|entry| entry.target = Target::Memcg(u32::MAX)),
        "strength-0" => one(|entry| entry.stance = Stance::Protect(0)),
        "urgency-1001" => one(|entry| entry.stance = Stance::Sacrifice(1001)),
        "adj-1000" => one(|entry| entry.oom_score_adj = Some(-1000)),
        "adj-1001" => one(|entry| entry.oom_score_adj = Some(1001)),
        "signal-0" => one(|entry| entry.shutdown = vec![signal(0)]),
        "signal-65" => one(|entry| entry.shutdown = vec![signal(65)]),
        "signal-kill" => one(|entry| entry.shutdown = vec![signal(15), signal(9)]),
        "signal-stop" => one(|entry| entry.shutdown = vec![signal(19)]),
        "endless-wait" => one(|entry| entry.shutdown = vec![Step::StopUnit(u32::MAX)]),
        "unknown-hook" => one(|entry| entry.shutdown = vec![hook("rm-rf")]),
        "many-steps" => one(|entry| entry.shutdown = (0..9).map(|_| signal(15)).collect()),
        "long-reason" => one(|entry| entry.reason = "because ".repeat(100)),
        "bad-utf8" => one(|entry| entry.reason = not_utf8()),
        // As few are: it wants all processes to go, but gently.
        "gentle" => (0..processes::count()).map(gentle).collect(),
        "many-entries" => (0..5000).map(good).collect(),
        "large" => (0..4096).map(|row| Entry { reason: "x".repeat(512), ..good(row) }).collect(),
        "huge-reasons" => (0..4000).map(|row| Entry { reason: "x".repeat(4000), ..good(row) }).collect(),
        _ => return None,
    };
    Some(Ballot { entries })
}

fn good(row: u32) -> Entry {
    Entry {
        target: Target::Process(row),
        stance: Stance::Sacrifice(500),
        oom_score_adj: None,
        shutdown: vec![],
        reason: "why not".into(),
    }
}

/// Its unit is stopped, or it is drained, and either has much time.
fn gentle(row: u32) -> Entry {
    let drain = Step::Hook(HookStep { name: "drain".into(), wait_ms: 50_000 });
    Entry { shutdown: vec![Step::StopUnit(50_000), drain], ..good(row) }
}

/// At every limit, and over none.
fn everything() -> Entry {
    let mut shutdown: Vec<Step> = [1, 64, 2, 3, 15].into_iter().map(signal).collect();
    shutdown.extend([Step::StopUnit(3_600_000), hook("drain"), hook("drain")]);
    Entry {
        target: Target::Tree(0),
        stance: Stance::Protect(1000),
        oom_score_adj: Some(-999),
        shutdown,
        reason: "r".repeat(512),
    }
}

fn tree_and_memcg(memcg: bool) -> Entry {
    Entry {
        target: if memcg { Target::Memcg(0) } else { Target::Tree(1) },
        oom_score_adj: Some(1000),
        ..good(0)
    }
}

fn not_utf8() -> String {
    // SAFETY: there is none, the bytes are no UTF-8. This module does not look at them, and the host is not
    // to believe them.
    #[expect(unsafe_code, reason = "misbehaves on purpose")]
    let text = unsafe { String::from_utf8_unchecked(b"because \xff\xfe".to_vec()) };
    text
}

fn signal(number: u8) -> Step {
    Step::Signal(SignalStep { number, wait_ms: 100 })
}

fn hook(name: &str) -> Step {
    Step::Hook(HookStep { name: name.into(), wait_ms: 0 })
}
