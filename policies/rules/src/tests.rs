//! What a rule matches, what it says of it, and what is wrong with a bad one.

use jettison_sdk::testing::{Machine, Subject, Verdict};
use jettison_sdk::{Qos, Stance};

use crate::Rules;

fn consult(machine: &Machine, rules: &str) -> Verdict {
    let config = format!(r#"{{"rules": [{rules}]}}"#);
    let problems = Machine::problems::<Rules>(&config);
    assert!(problems.is_empty(), "{problems:?}");
    machine.consult_with::<Rules>(&config).unwrap()
}

fn problems(rules: &str) -> Vec<(String, String)> {
    let config = format!(r#"{{"rules": [{rules}]}}"#);
    Machine::problems::<Rules>(&config).into_iter().map(|it| (it.key, it.message)).collect()
}

#[test]
fn without_rules_it_says_nothing() {
    let mut machine = Machine::new();
    machine.process("a").anon_mib(100);
    assert_eq!(machine.consult::<Rules>().entries().len(), 0);
}

#[test]
fn the_first_rule_that_matches_decides() {
    let mut machine = Machine::new();
    let compiler = machine.process("cc1plus").anon_mib(300).pid();
    let other = machine.process("cc1").anon_mib(300).pid();
    let database = machine.process("postgres").anon_mib(300).pid();
    let shell = machine.process("sshd").anon_mib(2).pid();
    let verdict = consult(
        &machine,
        r#"{"avoid": 40, "comm": "cc1", "reason": "made by hand"}, {"prefer": 500, "comm": "cc1*"},
           {"avoid": true, "comm": ["mysqld", "postgres"]}, {"never": true, "comm": "regex:^ssh"}"#,
    );
    assert_eq!((verdict.urgency(compiler), verdict.strength(other)), (Some(500), Some(40)));
    assert_eq!((verdict.strength(database), verdict.strength(shell)), (Some(300), Some(1000)));
    let reason = |pid: u32| verdict.of(pid).unwrap().reason();
    assert_eq!(reason(other), "made by hand (rules[0], avoid)");
    assert_eq!(reason(compiler), "rules[1] says prefer");
}

#[test]
fn each_key_matches_what_it_says_and_nothing_else() {
    let pod = "/kubepods/pod7";
    let container = format!("{pod}/c1");
    for (rule, is_met) in [
        (r#""comm": "job""#, true),
        (r#""comm": "jo""#, false),
        (r#""exe": "/opt/*/job""#, true),
        (r#""exe": "job""#, false),
        (r#""cmdline": "*--all -v*""#, true),
        (r#""cmdline": "regex:-v$""#, true),
        (r#""cmdline": "*--none*""#, false),
        (r#""unit": "kubelet.*""#, true),
        (r#""unit": "docker*""#, false),
        (r#""cgroup": "/kubepods""#, true),
        (r#""cgroup": "/kube""#, false),
        (r#""container": "c0ffee*""#, true),
        (r#""container": "beef*""#, false),
        (r#""pod": "7""#, true),
        (r#""pod": "8""#, false),
        (r#""qos": "burstable""#, true),
        (r#""qos": "guaranteed""#, false),
        (r#""uid": 1000"#, true),
        (r#""uid": [0, 1001]"#, false),
        (r#""age_over_s": 50, "age_under_s": 70"#, true),
        (r#""age_over_s": 60"#, false),
        (r#""size_over_mib": 99, "size_under_mib": 101"#, true),
        (r#""size_under_mib": 100"#, false),
        (r#""growth_over_mib_per_s": 2"#, true),
        (r#""growth_over_mib_per_s": 3"#, false),
        (r#""growth_under_mib_per_s": 3"#, false),
        (r#""comm": "job", "uid": 0"#, false),
    ] {
        let mut machine = Machine::new();
        machine.memcg("/kubepods").unit("kubelet.service");
        machine.memcg(pod).unit("kubelet.service").pod("7", Qos::Burstable);
        machine
            .memcg(&container)
            .unit("kubelet.service")
            .pod("7", Qos::Burstable)
            .container("c0ffee00", None);
        let job = machine.process("job").memcg(&container).uid(1000).age_s(60).anon_mib(100);
        let job = job.growth_mib_per_s(3).exe("/opt/x/job (deleted)").cmdline("job\0--all\0-v\0").pid();
        let verdict = consult(&machine, &format!(r#"{{"prefer": 9, {rule}}}"#));
        assert_eq!(verdict.urgency(job).is_some(), is_met, "{rule}");
        assert_eq!(verdict.entries().len(), usize::from(is_met), "{rule}");
    }
}

#[test]
fn what_is_unknown_lies_between_no_bounds() {
    let mut machine = Machine::new();
    machine.process("a").anon_mib(50).growth_unknown().uid_unknown();
    for rule in [r#""growth_under_mib_per_s": 9"#, r#""growth_over_mib_per_s": 0"#, r#""uid": 4294967295"#] {
        assert_eq!(consult(&machine, &format!(r#"{{"prefer": 9, {rule}}}"#)).entries().len(), 0, "{rule}");
    }
}

#[test]
fn a_tree_or_a_cgroup_goes_as_a_whole() {
    let mut machine = Machine::new();
    machine.memcg("/ci.slice").unit("");
    machine.memcg("/ci.slice/job-1.scope").unit("job-1.scope");
    let runner = machine.process("pytest").memcg("/ci.slice/job-1.scope/inner").anon_mib(20).pid();
    machine.memcg("/ci.slice/job-1.scope/inner").unit("job-1.scope");
    machine.process("worker").child_of(runner).memcg("/ci.slice/job-1.scope/inner").anon_mib(400);
    let first = |rule: &str| consult(&machine, &format!(r#"{{"prefer": 9, {rule}}}"#)).first();
    assert_eq!(first(r#""comm": "pytest", "takes": "tree""#), Some(Subject::Tree(runner)));
    let scope = Some(Subject::Memcg("/ci.slice/job-1.scope".into()));
    assert_eq!(first(r#""unit": "job-*", "takes": "cgroup""#), scope);
    assert_eq!(first(r#""cgroup": "/ci.slice/*.scope", "takes": "cgroup""#), scope);
    assert_eq!(first(r#""cgroup": "/*", "takes": "cgroup""#), Some(Subject::Memcg("/ci.slice".into())));
    assert!(matches!(first(r#""cgroup": "/", "takes": "cgroup""#), Some(Subject::Process(_))));
}

#[test]
fn only_keeps_everything_else_at_the_least_price() {
    let mut machine = Machine::new();
    let batch = machine.process("batch").memcg("/batch").anon_mib(100).pid();
    let server = machine.process("server").memcg("/srv").anon_mib(900).pid();
    let stray = machine.process("stray").anon_mib(50).pid();
    let kept = machine.process("kept").memcg("/srv").anon_mib(50).pid();
    let rules = r#"{"avoid": 600, "comm": "kept"}, {"only": true, "cgroup": "/batch"}"#;
    let verdict = consult(&machine, rules);
    assert_eq!(verdict.urgency(batch), Some(1000));
    assert_eq!((verdict.strength(server), verdict.strength(kept)), (Some(1), Some(600)));
    assert_eq!(verdict.strength(stray), Some(1), "no memcg is known of it");
    assert_eq!(verdict.of(server).unwrap().oom_score_adj(), None);
    assert_eq!(verdict.entries().filter(|(_, entry)| entry.stance() == Stance::Protect(1)).count(), 2);
}

#[test]
fn steps_and_values_are_handed_over() {
    let mut machine = Machine::new();
    let a = machine.process("a").anon_mib(10).pid();
    let steps = r#""steps": [{"signal": "INT", "wait_ms": 5000}, {"stop_unit": true, "wait_ms": 9},
                             {"hook": "drain", "wait_ms": 1}, {"signal": "SIGTERM", "wait_ms": 1}]"#;
    let verdict = consult(&machine, &format!(r#"{{"avoid": 5, "comm": "a", "hold": -700, {steps}}}"#));
    let entry = verdict.of(a).unwrap();
    assert_eq!((entry.steps().len(), entry.oom_score_adj()), (4, Some(-700)));
}

#[test]
fn crumbs_are_not_given_up_and_are_kept() {
    let mut machine = Machine::new();
    machine.process("small");
    assert_eq!(consult(&machine, r#"{"prefer": 9, "comm": "small"}"#).entries().len(), 0);
    assert_eq!(consult(&machine, r#"{"never": true, "comm": "small"}"#).entries().len(), 1);
}

#[test]
fn every_bad_rule_is_named_with_its_key() {
    let bad = r#"
        {"comm": "a"}, {"prefer": true, "never": true, "comm": "a"}, {"prefer": 0, "comm": "a"},
        {"avoid": 1000, "comm": "a"}, {"prefer": 7}, {"prefer": 7, "comm": "regex:("},
        {"prefer": 7, "exe": ""}, {"prefer": 7, "uid": 1, "takes": "cgroup"},
        {"prefer": 7, "uid": 1, "hold": -1000}, {"prefer": 7, "age_over_s": 9, "age_under_s": 9},
        {"never": true, "uid": 1, "steps": [{"signal": "TERM", "wait_ms": 1}]},
        {"prefer": 7, "uid": 1, "steps": [{"signal": "KILL", "wait_ms": 1}, {"wait_ms": 1},
                                          {"stop_unit": true, "wait_ms": 3600001}]},
        {"prefer": 7, "comm": "exactly-16-bytes"}"#;
    let keys: Vec<String> = problems(bad).into_iter().map(|(key, _)| key).collect();
    let expected = [
        "rules[0]",
        "rules[1]",
        "rules[2].prefer",
        "rules[3].avoid",
        "rules[4]",
        "rules[5].comm",
        "rules[6].exe",
        "rules[7].takes",
        "rules[8].hold",
        "rules[9].age_under_s",
        "rules[10].steps",
        "rules[11].steps[0].signal",
        "rules[11].steps[1]",
        "rules[11].steps[2].wait_ms",
        "rules[12].comm",
    ];
    assert_eq!(keys, expected);
    assert!(problems(bad)[14].1.contains("\"exactly-16-byte\""), "{:?}", problems(bad)[14]);
}

#[test]
fn what_cannot_be_read_is_named_with_rule_and_key() {
    for (rule, key, message) in [
        (r#"{"preferr": 7}"#, "rules[1].preferr", "is unknown; expected prefer, avoid, never, only"),
        (r#"{"prefer": "much", "uid": 1}"#, "rules[1].prefer", "a whole number or true"),
        (r#"{"prefer": 7, "comm": 5}"#, "rules[1].comm", "a text or a list of texts"),
        (r#"{"prefer": 7, "uid": "root"}"#, "rules[1].uid", "id -u NAME"),
        (r#"{"prefer": 7, "uid": -1}"#, "rules[1].uid", "a user id"),
        (
            r#"{"prefer": 7, "takes": "unit"}"#,
            "rules[1].takes",
            "\"process\" or \"tree\" or \"cgroup\", not \"unit\"",
        ),
        (r#"{"prefer": 7, "steps": [{"signal": "INT"}]}"#, "rules[1].steps[0].wait_ms", "how long to wait"),
    ] {
        let found = problems(&format!(r#"{{"never": true, "comm": "sshd"}}, {rule}"#));
        let named = found.iter().find(|(found, _)| found == key).unwrap_or_else(|| panic!("{found:?}"));
        assert!(named.1.contains(message), "{found:?}");
    }
}

#[test]
fn too_many_rules_are_refused() {
    let rules = vec![r#"{"never": true, "comm": "a"}"#; 257].join(",");
    assert_eq!(problems(&rules)[0].0, "rules");
}
