//! Which processes are left alone, and which values are held on which.

mod kit;

use jettison_decide::{Pattern, Reach, Rule, Settings};
use jettison_model::Target::Process;
use jettison_model::snapshot::{flags, memcg_flags};
use jettison_model::{Cause, Exclusion, Target};
use kit::{Saying, because, decide, machine, missing, process, protect, sacrifice, vote, with_settings};

#[test]
fn exclusions_have_their_reasons() {
    use Exclusion::{Guard, Init, Itself, KernelThread, OutOfScope, Unkillable};
    let rows = [
        process(1),
        process(1).flagged(flags::KERNEL_THREAD),
        process(1),
        process(1).adj(-1000),
        process(1).named("sshd"),
        process(1).inside(1),
        process(1).inside(2),
        process(1).flagged(flags::OUT_OF_SCOPE),
        process(1).inside(3),
    ];
    let mut machine = machine(&["/", "/a/b.service", "/init.scope", "/init.scopes"], &rows);
    std::sync::Arc::make_mut(&mut machine.processes.pids)[0] = 1;
    let rules = [
        Rule { comm: Some("sshd".into()), ..Rule::default() },
        Rule { unit: Some("b.service".into()), ..Rule::default() },
        Rule { cgroup: Some("/init.scope".into()), ..Rule::default() },
    ];
    let settings = Settings { own_pid: 12, never: rules.into(), ..Settings::default() };
    let reasons = jettison_decide::exclusions(&machine, &settings, &[]);
    let expected = [Init, KernelThread, Itself, Unkillable, Guard, Guard, Guard, OutOfScope];
    assert_eq!(reasons, (0..).zip(expected).collect::<Vec<_>>());
    let mut marked = machine.clone();
    jettison_decide::mark(&mut marked, &reasons);
    let is_marked = |row| marked.processes.has(row, flags::EXCLUDED);
    assert!((0..8).all(is_marked) && !is_marked(8));
    assert!(marked.processes.has(1, flags::KERNEL_THREAD | flags::EXCLUDED));
}

#[test]
fn other_daemons_of_ours_are_excluded_and_namesakes_of_other_users_are_not() {
    let rows = ["jettison", "jettison2", "jettisond"].map(|name| process(1).named(name));
    let machine = machine(&["/"], &rows);
    let excluded = |own_uid| {
        let settings = Settings { own_uid, ..Settings::default() };
        jettison_decide::exclusions(&machine, &settings, &[])
    };
    assert_eq!(excluded(Some(1000)), [(0, Exclusion::Itself), (2, Exclusion::Itself)]);
    assert_eq!(excluded(Some(7)), [], "the user 1000 is neither root nor us");
    assert_eq!(excluded(None), []);
}

#[test]
fn a_rule_matches_when_all_that_it_names_matches() {
    let rows = [process(1).named("java").inside(0), process(1).named("java")];
    let rule = Rule { comm: Some("java".into()), unit: Some("a".into()), uid: Some(1000), ..Rule::default() };
    let guarded = |rule| {
        let settings = Settings { never: vec![rule], ..Settings::default() };
        jettison_decide::exclusions(&machine(&["/a"], &rows), &settings, &[])
    };
    assert_eq!(guarded(rule.clone()), [(0, Exclusion::Guard)]);
    assert_eq!(guarded(Rule { uid: Some(0), ..rule }), []);
}

#[test]
fn a_unit_that_systemd_is_told_to_omit_is_guarded_whatever_is_said_of_it() {
    let rows = [process(9).inside(1), process(9).inside(2), process(9).inside(3), process(9).inside(0)];
    let mut machine = machine(&["/", "/a.service", "/a.service/inner", "/a.service/b.service"], &rows);
    machine.memcgs.parents = std::sync::Arc::new(vec![u32::MAX, 0, 1, 1]);
    machine.memcgs.units = [b"".as_slice(), b"a.service", b"a.service", b"b.service"].into_iter().collect();
    let excluded = |machine: &jettison_model::Snapshot| {
        jettison_decide::exclusions(machine, &Settings { own_pid: 1, ..Settings::default() }, &[])
    };
    assert_eq!(excluded(&machine), []);
    let leaning = memcg_flags::OOMD_AVOID | memcg_flags::OOM_GROUP;
    machine.memcgs.flags = std::sync::Arc::new(vec![0, leaning, 0, 0]);
    assert_eq!(excluded(&machine), [], "a leaning is for policies");
    machine.memcgs.flags = std::sync::Arc::new(vec![0, memcg_flags::OOMD_OMIT, 0, 0]);
    assert_eq!(excluded(&machine), [(0, Exclusion::Guard), (1, Exclusion::Guard)]);
}

#[test]
fn all_our_ancestors_are_us_and_no_other_is() {
    let rows =
        [process(9), process(9).child_of(0), process(9).child_of(1), process(9).child_of(1), process(9)];
    let excluded = |rows: &[kit::Process]| {
        let settings = Settings { own_pid: 12, ..Settings::default() };
        jettison_decide::exclusions(&machine(&[], rows), &settings, &[])
    };
    assert_eq!(excluded(&rows), [0, 1, 2].map(|row| (row, Exclusion::Itself)));
    let mut torn = rows;
    torn[0].parent = 2;
    assert_eq!(excluded(&torn), [0, 1, 2].map(|row| (row, Exclusion::Itself)), "a cycle");
}

#[test]
fn a_rule_may_name_the_executable_and_the_command_line() {
    let mut machine = machine(&[], &[process(1), process(1), process(1), process(1)]);
    machine.processes.exes =
        [b"/usr/bin/java".as_slice(), b"/usr/bin/java (deleted)", b"/opt/java", b""].into_iter().collect();
    machine.processes.cmdlines =
        [b"java\0-jar\0shop.jar\0".as_slice(), b"java\0-jar\0other\0", b"shop.jar\0", b""]
            .into_iter()
            .collect();
    let guarded = |rule| {
        let settings = Settings { never: vec![rule], ..Settings::default() };
        let rows: Vec<u32> =
            jettison_decide::exclusions(&machine, &settings, &[]).into_iter().map(|(row, _)| row).collect();
        (rows, settings.needs())
    };
    let of = |exe: Option<&str>, cmdline: Option<&str>| {
        let cmdline = cmdline.map(|pattern| Pattern::new(pattern).unwrap());
        let (rows, needs) = guarded(Rule { exe: exe.map(Into::into), cmdline, ..Rule::default() });
        (rows, needs.exes, needs.cmdlines)
    };
    assert_eq!(of(Some("/usr/bin/java"), None), (vec![0, 1], true, false), "an update takes no guard away");
    assert_eq!(of(None, Some("^java -jar shop")), (vec![0], false, true));
    assert_eq!(of(None, Some("shop\\.jar$")), (vec![0, 2], false, true));
    assert_eq!(of(Some("/usr/bin/java"), Some("other")), (vec![1], true, true));
    let (_, needs) = guarded(Rule { uid: Some(0), ..Rule::default() });
    assert!(!needs.exes && !needs.cmdlines, "what no rule names is not read");
}

#[test]
fn an_excluded_process_is_no_victim_however_urgent() {
    let rows =
        [process(300).adj(-1000), process(200).flagged(flags::OUT_OF_SCOPE), process(100).named("sshd")];
    let machine = missing(machine(&[], &rows), 900);
    let settings = Settings {
        never: vec![Rule { comm: Some("sshd".into()), ..Rule::default() }],
        reach: Reach::Protected,
        ..Settings::default()
    };
    let urgent = vote("p", 100, &[0, 1, 2].map(|row| sacrifice(Process(row), 1000).asking(1000)));
    let decided = with_settings(&because(Cause::Critical, machine), &[urgent], &settings);
    assert_eq!((decided.order(), decided.victims()), (vec![], Vec::<Vec<u32>>::new()));
    assert_eq!(decided.plan.holds, []);
}

#[test]
fn protection_holds_the_lesser_of_the_original_and_the_lowest_asked() {
    let held = |adj, asked: &[i16]| {
        let votes: Vec<_> =
            asked.iter().map(|&value| vote("p", 1, &[protect(Process(0), 5).asking(value)])).collect();
        decide(&machine(&[], &[process(1).adj(adj)]), &votes).held(0)
    };
    assert_eq!(held(0, &[-300, -500, -100]), Some(-500));
    assert_eq!(held(-600, &[-300, -500]), None);
    assert_eq!(held(400, &[300]), Some(300));
}

#[test]
fn sacrifice_holds_the_greater_of_the_original_and_the_highest_asked() {
    let held = |adj, asked: &[i16]| {
        let votes: Vec<_> =
            asked.iter().map(|&value| vote("p", 1, &[sacrifice(Process(0), 5).asking(value)])).collect();
        decide(&machine(&[], &[process(1).adj(adj)]), &votes).held(0)
    };
    assert_eq!(held(0, &[300, 500, -100]), Some(500));
    assert_eq!(held(600, &[300, 500]), None);
    assert_eq!(held(-400, &[-300]), Some(-300));
}

#[test]
fn who_protects_decides_the_held_value_and_the_others_do_not() {
    let giving = vote("giving", 100, &[sacrifice(Process(0), 1000).asking(900)]);
    let keeping = vote("keeping", 1, &[protect(Process(0), 1).asking(-5)]);
    let silent = vote("silent", 1, &[protect(Process(0), 1)]);
    let one = machine(&[], &[process(1)]);
    assert_eq!(decide(&one, &[giving.clone(), keeping]).held(0), Some(-5));
    assert_eq!(decide(&one, &[giving.clone(), silent]).held(0), None);
    assert_eq!(decide(&one, &[giving]).held(0), Some(900));
}

#[test]
fn a_guard_keeps_our_hands_off_and_leaves_the_shield() {
    let sshd = |mib| process(mib).named("sshd");
    let rows = [sshd(1), sshd(2).adj(-1000), process(3).flagged(flags::OUT_OF_SCOPE)];
    let rule = Rule { comm: Some("sshd".into()), ..Rule::default() };
    let guarded = Settings { never: vec![rule], ..Settings::default() };
    let held = |entry: fn(Target) -> jettison_model::Entry| {
        let votes = [vote("p", 1, &[0, 1, 2].map(|row| entry(Process(row))))];
        let decided = with_settings(&machine(&[], &rows), &votes, &guarded);
        (decided.held(0), decided.plan.holds.len())
    };
    assert_eq!(held(|target| protect(target, 900).asking(-900)), (Some(-900), 1));
    assert_eq!(held(|target| sacrifice(target, 900).asking(900)), (None, 0));
}

#[test]
fn holds_are_by_pid_name_the_original_and_can_be_switched_off() {
    let rows = [process(1).adj(7), process(9), process(5)];
    let votes = [vote("p", 1, &[2, 0].map(|row| sacrifice(Process(row), 500).asking(100)))];
    let decided = decide(&machine(&[], &rows), &votes);
    let holds: Vec<_> =
        decided.plan.holds.iter().map(|hold| (hold.id.pid, hold.original, hold.value)).collect();
    assert_eq!(holds, [(10, 7, 100), (12, 0, 100)]);
    let off = Settings { is_adjusting: false, ..Settings::default() };
    assert_eq!(with_settings(&machine(&[], &rows), &votes, &off).plan.holds, []);
}
