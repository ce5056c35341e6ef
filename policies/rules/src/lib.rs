//! An administrator's rules, in order: what goes first, what stays, what never goes, how each ends.
//!
//! The first rule that matches a process decides. It does not judge what took the memory: that is
//! `balanced`'s to say, beside which it is loaded. docs/reference/rules.md has the keys and how both agree.
//!
//! [`rule`] has what a rule says, read by [`table`], and [`matching`] which rule a process falls under. Texts
//! are compared by the SDK's [`jettison_sdk::Pattern`].
#![forbid(unsafe_code)]

mod matching;
mod rule;
mod set;
mod table;
#[cfg(test)]
mod tests;

use jettison_sdk::{Ballot, Description, Memcg, Policy, Problem, Process, Snapshot, Target};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::matching::Matching;
use crate::rule::{Lean, Rule, Takes, rules};

/// What holds less is not worth ending.
const BYTES_MIN: u64 = 1 << 20;
/// The urgency of `only`.
const ONLY: u16 = 1000;
/// The price of all else where there is `only`: it is reached when memory is critical, and what `only` gives
/// up is not enough.
const ALL_ELSE: u16 = 1;

/// The table `[policy.config]`, not looked at yet.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Config(Value);

impl Default for Config {
    fn default() -> Self {
        Self(Value::Object(Map::new()))
    }
}

/// The policy `rules`.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<Rule>,
}

impl Policy for Rules {
    type Config = Config;

    fn describe() -> Description {
        let (version, summary) = (env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"));
        Description { name: "rules", version, summary }
    }

    fn validate(config: &Config) -> Vec<Problem> {
        rules(&config.0).1
    }

    fn new(config: Config) -> Self {
        // What `validate` refuses never gets here: the host asks it first.
        Self { rules: rules(&config.0).0 }
    }

    fn rank(&self, snapshot: &Snapshot, ballot: &mut Ballot) -> Result<(), String> {
        if self.rules.is_empty() {
            return Ok(());
        }
        let has_only = self.rules.iter().any(|rule| rule.lean == Lean::Only);
        let mut matching = Matching::of(&self.rules, snapshot);
        for p in snapshot.processes().filter(Process::is_eligible) {
            match matching.first(p) {
                Some((index, rule, memcg)) => enter(ballot, index, rule, p, memcg),
                // No memcg whose entry could cover it.
                None if has_only && p.memcg().is_none() => keep(ballot, p),
                None => {}
            }
        }
        if has_only {
            snapshot.memcgs().filter(|memcg| memcg.parent().is_none()).for_each(|top| keep(ballot, top));
        }
        Ok(())
    }
}

/// Keeps what no rule speaks of, behind what `only` gives up.
fn keep(ballot: &mut Ballot, target: impl Into<Target>) {
    ballot
        .protect(target, ALL_ELSE)
        .because("a rule says that only others may go before memory is critical")
        .without_hold();
}

/// Enters what a rule says of a process. `memcg` is what the rule found it in.
fn enter(ballot: &mut Ballot, index: usize, rule: &Rule, p: Process<'_>, memcg: Option<Memcg<'_>>) {
    let target = match (rule.takes, memcg) {
        (Takes::Tree, _) => p.tree(),
        // The root is the whole machine, and no rule means that.
        (Takes::Cgroup, Some(memcg)) if memcg.parent().is_some() => memcg.into(),
        (Takes::Process | Takes::Cgroup, _) => p.into(),
    };
    let is_alone = target == Target::from(p);
    let gives_up = matches!(rule.lean, Lean::Prefer(_) | Lean::Only);
    if gives_up && is_alone && p.anon_and_swap_bytes() < BYTES_MIN {
        return;
    }
    let (entry, verb) = match rule.lean {
        Lean::Prefer(urgency) => (ballot.sacrifice(target, urgency), "prefer"),
        Lean::Only => (ballot.sacrifice(target, ONLY), "only"),
        Lean::Avoid(strength) => (ballot.protect(target, strength), "avoid"),
        Lean::Never => (ballot.protect(target, 1000), "never"),
    };
    entry.because(match rule.reason.as_str() {
        "" => format!("rules[{index}] says {verb}"),
        reason => format!("{reason} (rules[{index}], {verb})"),
    });
    if let Some(adj) = rule.hold {
        entry.hold(adj);
    }
    if !rule.steps.is_empty() {
        entry.shutdown(rule.steps.iter().cloned());
    }
}

jettison_sdk::export!(Rules);
