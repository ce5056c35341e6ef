//! The policy border: a module's file, and a guest's answer.
//!
//! `host/policy/tests/fuzzed.rs` is compiled from this very file and tries some thousand inputs on stable
//! Rust.

mod liar;

use std::sync::OnceLock;

use jettison_model::Snapshot;
use jettison_model::limits::{BALLOT_ENTRIES_MAX, REASON_BYTES_MAX, SHUTDOWN_STEPS_MAX};
use jettison_policy::{Engine, Limits, Policy, compile_here};

pub use liar::ANSWER_BYTES_MAX;

/// With little fuel, since most of what runs at all runs for ever.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        Engine::new(Limits { fuel: 1_000_000, ..Limits::default() }).expect("the host has an engine")
    })
}

/// A module's file: compiled, loaded and consulted, as far as it comes. Says whether it came to a ballot.
pub fn load(module: &[u8]) -> bool {
    let loaded = compile_here(module).and_then(|it| Policy::load(engine(), &it, Some(&[]), &[], "{}"));
    loaded.is_ok_and(|policy| policy.consult(&Snapshot::default()).answer.is_ok())
}

/// What `rank` leaves in memory: decoded and checked. Says whether it is a ballot, which then holds to its
/// limits.
///
/// # Panics
/// If a ballot was taken that should not be.
pub fn ballot(answer: &[u8]) -> bool {
    static POLICY: OnceLock<Policy> = OnceLock::new();
    let policy = POLICY.get_or_init(|| {
        let compiled = compile_here(&liar::module()).expect("it compiles");
        Policy::load(engine(), &compiled, Some(&[]), &[], "{}").expect("it loads")
    });
    let Ok(ballot) = policy.consult(&liar::snapshot(answer)).answer else {
        return false;
    };
    assert!(ballot.entries.len() <= BALLOT_ENTRIES_MAX);
    for entry in &ballot.entries {
        assert!((entry.target.row() as usize) < liar::ROWS, "{entry:?}");
        assert!(entry.shutdown.len() <= SHUTDOWN_STEPS_MAX, "{entry:?}");
        assert!(entry.oom_score_adj.is_none_or(|adj| (-999..=1000).contains(&adj)), "{entry:?}");
        // Escaping may lengthen it, but leaves nothing that a terminal would obey.
        assert!(entry.reason.len() <= 16 * REASON_BYTES_MAX, "{entry:?}");
        assert!(!entry.reason.chars().any(char::is_control), "{entry:?}");
    }
    let mut targets: Vec<_> = ballot.entries.iter().map(|entry| entry.target).collect();
    targets.sort_unstable();
    assert!(targets.windows(2).all(|pair| pair[0] != pair[1]), "{targets:?}");
    true
}
