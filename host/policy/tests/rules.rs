//! The built-in policy `rules` in the sandbox: what it asks for, what it answers, what a bad rule comes to.

mod kit;

use expect_test::expect;
use jettison_model::{Fault, Stance, Target};
use jettison_policy::{Policy, builtin, builtin_grants};
use kit::{HOOKS, compiler, engine, processes, ranks_all};

fn load(config: &str) -> Result<Policy, Fault> {
    let compiled = compiler().compile(builtin("rules").expect("it is built in")).expect("it compiles");
    let grants: Vec<String> = builtin_grants("rules").iter().map(|&grant| grant.to_owned()).collect();
    Policy::load(engine(), &compiled, Some(&grants), &HOOKS.map(String::from), config)
}

#[test]
fn it_has_the_grants_that_it_asks_for_and_needs_no_rule() {
    let policy = load("{}").expect("it loads");
    let details = policy.imports().iter().filter(|name| name.starts_with("details."));
    assert_eq!(details.collect::<Vec<_>>(), ["details.cmdlines", "details.exes"]);
    assert_eq!(policy.consult(&processes(3)).answer.expect("a ballot").entries.len(), 0);
}

#[test]
fn its_entries_pass_the_border() {
    let config = r#"{"rules": [
        {"never": true, "comm": "worker-0"}, {"avoid": true, "comm": "worker-1", "takes": "tree",
          "steps": [{"signal": "INT", "wait_ms": 9}, {"stop_unit": true, "wait_ms": 9}, {"hook": "drain", "wait_ms": 9}]},
        {"only": true, "comm": "regex:^worker-2$", "reason": "batch"}]}"#;
    let answer = load(config).expect("it loads").consult(&processes(3)).answer.expect("a ballot");
    let said: Vec<(Target, Stance)> =
        answer.entries.iter().map(|entry| (entry.target, entry.stance)).collect();
    let expected = [
        (Target::Process(0), Stance::Protect(1000)),
        (Target::Process(2), Stance::Sacrifice(1000)),
        (Target::Tree(1), Stance::Protect(300)),
        (Target::Memcg(0), Stance::Protect(1)),
    ];
    assert_eq!(said, expected);
    assert_eq!(answer.entries[1].reason, "batch (rules[2], only)");
}

#[test]
fn a_bad_rule_is_named_with_its_key() {
    let config =
        r#"{"rules": [{"never": true, "comm": "a"}, {"prefer": 5000, "comm": "regex:("}], "rule": 1}"#;
    let fault = load(config).expect_err("it is bad");
    expect![[r#"
        rules[1].prefer: is 5000, but must be 1 to 1000, or true; rules[1].comm: is no regular expression (found open group without closing ')'): "("; rule: is unknown; expected rules"#]]
    .assert_eq(match &fault {
        Fault::BadConfig { problems } => problems,
        other => panic!("{other}"),
    });
}

#[test]
fn a_hook_that_is_not_configured_is_a_bad_ballot() {
    let config = r#"{"rules": [{"prefer": 9, "comm": "worker-2", "steps": [{"hook": "no", "wait_ms": 1}]}]}"#;
    let answer = load(config).expect("it loads").consult(&processes(3)).answer;
    assert_eq!(answer.expect_err("no such hook").kind(), "bad-ballot");
}

#[test]
fn it_ranks_whatever_there_is() {
    let rules = r#"{"rules": [{"never": true, "comm": ["sshd", "systemd*"]}, {"avoid": 600, "unit": "postgresql*"},
        {"prefer": 900, "cgroup": "/batch.slice", "takes": "cgroup"}, {"prefer": 800, "cmdline": "*pytest*"},
        {"prefer": true, "comm": ["cc1*", "ld"]}, {"prefer": 400, "growth_over_mib_per_s": 11}]}"#;
    ranks_all(&load(rules).expect("it loads"), [0, 1, 300, 1000, 10_000]);
}
