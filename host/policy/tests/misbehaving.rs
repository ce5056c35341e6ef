//! What a hostile policy can do while it runs, and what people read about it then.

mod kit;

use std::collections::BTreeSet;

use expect_test::{Expect, expect};
use jettison_model::Fault;
use jettison_model::limits::{LOG_LINE_BYTES_MAX, LOG_LINES_MAX};
use jettison_policy::{Consultation, Engine, Limits};
use kit::{answer, consult, misbehaving, misbehaving_on, three_processes};

fn check(what: &str, expected: &Expect) {
    expected.assert_eq(&answer(what));
}

#[test]
fn good_ballots_are_taken() {
    check("nothing", &expect![[r#"a ballot of 0 entries"#]]);
    check("good", &expect![[r#"a ballot of 2 entries"#]]);
    check("kinds-overlap", &expect![[r#"a ballot of 4 entries"#]]);
}

#[test]
fn a_policy_may_refuse() {
    check("refuse", &expect![[r#"refused: gave no ballot: I do not want to"#]]);
}

#[test]
fn traps_carry_the_message_of_the_panic() {
    check(
        "trap",
        &expect![[
            r#"trap: trapped: in `rank`: panicked at tests/misbehaving/src/resources.rs:13:19: not expected \u{1b}[31mthis"#
        ]],
    );
    check(
        "log-flood-then-trap",
        &expect![
            "trap: trapped: in `rank`: panicked at tests/misbehaving/src/resources.rs:39:13: after the flood"
        ],
    );
    check(
        "abort",
        &expect![
            "trap: trapped: in `rank`: it ended without a word (`unreachable`), as `abort` or a panic without a hook does"
        ],
    );
    check("out-of-bounds", &expect!["trap: trapped: in `rank`: wasm trap: out of bounds memory access"]);
    check("recurse", &expect!["trap: trapped: in `rank`: it recurses deeper than its stack of 256 KiB"]);
}

#[test]
fn fuel_bounds_the_guest_and_what_the_host_does_for_it() {
    check(
        "loop",
        &expect!["out-of-fuel: used up its 100000000 units of fuel: it loops, or needs more `limits.fuel`"],
    );
    check(
        "log-without-end",
        &expect!["out-of-fuel: used up its 100000000 units of fuel: it loops, or needs more `limits.fuel`"],
    );
    check(
        "loop-in-the-host-at-no-cost",
        &expect!["out-of-fuel: used up its 100000000 units of fuel: it loops, or needs more `limits.fuel`"],
    );
    check(
        "loop-in-the-host",
        &expect!["out-of-fuel: used up its 100000000 units of fuel: it loops, or needs more `limits.fuel`"],
    );
}

#[test]
fn memory_is_bounded() {
    check(
        "grow",
        &expect!["out-of-fuel: used up its 100000000 units of fuel: it loops, or needs more `limits.fuel`"],
    );
    check(
        "bloat",
        &expect![
            "out-of-memory: wanted more than its 32 MiB of memory: it must do with less, or `limits.memory_mib` is set too low"
        ],
    );
    check(
        "bad-utf8",
        &expect![
            "trap: trapped: in `rank`: what it handed over is invalid, or more than 8 MiB (invalid utf-8 sequence of 1 bytes from index 8): build it with jettison-sdk, and answer less"
        ],
    );
    check(
        "huge-reasons",
        &expect![
            "trap: trapped: in `rank`: what it handed over is invalid, or more than 8 MiB (too much data is being copied between the host and the guest: fuel allocated for hostcalls has been exhausted): build it with jettison-sdk, and answer less"
        ],
    );
}

#[test]
fn one_wrong_entry_makes_the_whole_ballot_wrong() {
    let wrong = [
        "duplicate",
        "contradiction",
        "unknown-row",
        "unknown-memcg",
        "strength-0",
        "urgency-1001",
        "adj-1000",
        "adj-1001",
        "signal-0",
        "signal-65",
        "signal-kill",
        "signal-stop",
        "endless-wait",
        "unknown-hook",
        "many-steps",
        "long-reason",
        "many-entries",
    ];
    let answers: Vec<String> = wrong.iter().map(|what| format!("{what:13} {}\n", answer(what))).collect();
    expect![[r#"
        duplicate     bad-ballot: entry 2 of its ballot is wrong: process of row 0 is already in entry 0, and each may be named once
        contradiction bad-ballot: entry 1 of its ballot is wrong: process of row 1 is already in entry 0, and each may be named once
        unknown-row   bad-ballot: entry 1 of its ballot is wrong: process of row 1000000, but there are 3 rows, from 0
        unknown-memcg bad-ballot: entry 0 of its ballot is wrong: memcg of row 4294967295, but there are 1 rows, from 0
        strength-0    bad-ballot: entry 0 of its ballot is wrong: protect 0 is not in 1..=1000
        urgency-1001  bad-ballot: entry 0 of its ballot is wrong: sacrifice 1001 is not in 1..=1000
        adj-1000      bad-ballot: entry 0 of its ballot is wrong: oom-score-adj -1000 is not in -999..=1000
        adj-1001      bad-ballot: entry 0 of its ballot is wrong: oom-score-adj 1001 is not in -999..=1000
        signal-0      bad-ballot: entry 0 of its ballot is wrong: signal 0 is not in 1..=64
        signal-65     bad-ballot: entry 0 of its ballot is wrong: signal 65 is not in 1..=64
        signal-kill   bad-ballot: entry 0 of its ballot is wrong: signal 9 (KILL) is the host's alone
        signal-stop   bad-ballot: entry 0 of its ballot is wrong: signal 19 (STOP) is the host's alone
        endless-wait  bad-ballot: entry 0 of its ballot is wrong: a step that waits 4294967295 ms, at most 3600000 are taken
        unknown-hook  bad-ballot: entry 0 of its ballot is wrong: hook "rm-rf" is not configured: add [hooks.rm-rf] or leave out the step
        many-steps    bad-ballot: entry 0 of its ballot is wrong: 9 shutdown steps, at most 8 are taken
        long-reason   bad-ballot: entry 0 of its ballot is wrong: its reason has 800 bytes, at most 512 are taken
        many-entries  bad-ballot: entry 4096 of its ballot is wrong: 5000 entries, at most 4096 are taken
    "#]].assert_eq(&answers.concat());
}

#[test]
fn time_is_the_outer_bound_where_fuel_is_none() {
    let limits = Limits { fuel: u64::MAX >> 1, epoch_ms: 20, ..Limits::default() };
    let engine = Engine::new(limits).unwrap();
    let policy = misbehaving_on(&engine, "loop").unwrap();
    let fault = policy.consult(&three_processes()).answer.unwrap_err();
    expect!["ran longer than 20 ms: the host stalled, or it needs more `limits.consultation_ms`"]
        .assert_eq(&fault.to_string());
    // The fuse is good for more than one time, and does not blow under a policy that is quick.
    let quick = misbehaving_on(&engine, "good").unwrap();
    for _ in 0..3 {
        assert_eq!(policy.consult(&three_processes()).answer, Err(fault.clone()));
        assert!(quick.consult(&three_processes()).answer.is_ok());
    }
}

#[test]
fn logs_are_cut() {
    let lines = consult("log").log;
    let levels: Vec<u32> = lines.iter().map(|line| line.level).collect();
    assert_eq!(levels, [1, 2, 3]);
    assert_eq!(lines[1].message, "line 1 ä");
    let flood = consult("log-flood").log;
    assert_eq!(flood.len(), LOG_LINES_MAX);
    assert!(flood.iter().all(|line| line.message.len() <= LOG_LINE_BYTES_MAX));
}

#[test]
fn nothing_is_remembered_and_no_other_is_harmed() {
    let quiet = misbehaving("remember").unwrap();
    let first = quiet.consult(&three_processes());
    assert!(first.answer.is_ok(), "{:?}", first.answer);
    let hostile =
        ["trap", "recurse", "bloat", "loop", "refuse", "huge-reasons", "bad-utf8", "log-without-end"];
    let others: Vec<_> = hostile.iter().map(|what| misbehaving(what).unwrap()).collect();
    for other in &others {
        assert!(other.consult(&three_processes()).answer.is_err());
        assert_eq!(quiet.consult(&three_processes()), first);
    }
}

#[test]
fn the_same_question_takes_the_same_fuel() {
    let policy = misbehaving("good").unwrap();
    let fuel: BTreeSet<u64> = (0..5).map(|_| policy.consult(&three_processes()).fuel).collect();
    assert_eq!(fuel.len(), 1);
    assert!(fuel.first().is_some_and(|&fuel| fuel > 0));
    assert!(consult("loop").fuel > 99_000_000);
}

#[test]
fn a_policy_that_cannot_begin_is_not_loaded() {
    let refused = |what: &str| match misbehaving(what) {
        Ok(policy) => format!("loaded: {policy:?}"),
        Err(fault) => format!("{}: {fault}", fault.kind()),
    };
    expect!["trap: trapped: in `describe`: panicked at tests/misbehaving/src/lib.rs:29:35: no idea who I am"]
        .assert_eq(&refused("trap-in-describe"));
    expect!["out-of-fuel: used up its 100000000 units of fuel: it loops, or needs more `limits.fuel`"]
        .assert_eq(&refused("loop-in-describe"));
    expect![[r#"bad-config: rejects its configuration: do.this: is not a number; there is no `do.that`"#]]
        .assert_eq(&refused("problems"));
}

#[test]
fn a_small_limit_on_memory_holds_from_the_start() {
    let limits = Limits { memory_bytes: 1 << 16, ..Limits::default() };
    let engine = Engine::new(limits).unwrap();
    let fault = misbehaving_on(&engine, "good").map(drop).unwrap_err();
    assert_eq!(fault, Fault::OutOfMemory { budget_bytes: 1 << 16 });
}

/// What a guest comes to on an engine with these limits.
fn limited(limits: Limits, what: &str) -> (String, usize) {
    let engine = Engine::new(limits).unwrap();
    match misbehaving_on(&engine, what) {
        Ok(policy) => {
            let Consultation { answer, log, .. } = policy.consult(&three_processes());
            let answer =
                answer.map_or_else(|fault| fault.to_string(), |ballot| format!("{}", ballot.entries.len()));
            (answer, log.len())
        }
        Err(fault) => (fault.to_string(), 0),
    }
}

#[test]
fn each_limit_can_be_set_lower_and_says_so() {
    let most = Limits::default();
    let of = |limits: Limits, what: &str| limited(limits, what).0;
    assert_eq!(of(most, "good"), "2");
    assert!(of(Limits { ballot_entries: 1, ..most }, "good").contains("2 entries, at most 1 are taken"));
    assert!(of(Limits { reason_bytes: 6, ..most }, "good").contains("7 bytes, at most 6 are taken"));
    assert!(of(Limits { stack_bytes: 64 << 10, ..most }, "recurse").contains("its stack of 64 KiB"));
    let answer = of(Limits { answer_bytes: 1 << 10, ..most }, "large");
    assert!(answer.contains("what it handed over is invalid, or more than"), "{answer}");
    let table = of(Limits { table_elements: 1, ..most }, "good");
    assert!(table.contains("elements, and may have 1 (`limits.table_elements`)"), "{table}");
    assert_eq!(limited(Limits { log_lines: 2, ..most }, "log-flood").1, 2);
    assert_eq!(limited(most, "log-flood").1, 64);
    let tables = of(Limits { tables: 1, ..most }, "good");
    assert!(tables.contains("table count too high at 2") && tables.contains("`limits.tables`"), "{tables}");
}

#[test]
fn no_limit_can_be_set_beyond_what_is_set_aside() {
    let limits =
        Limits { memory_bytes: usize::MAX, tables: 1_000, ballot_entries: usize::MAX, ..Limits::default() };
    let answer = limited(limits, "bloat").0;
    assert!(answer.contains("more than its 32 MiB of memory"), "{answer}");
    assert!(limited(limits, "many-entries").0.contains("at most 4096"));
}
