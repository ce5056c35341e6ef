//! A service is a tree that is protected with steps of its own: a part of it may go, but by no SIGKILL, and
//! what is protected with it goes with all of it or not at all.

mod kit;

use jettison_decide::escalate::{Due, Escalation, Observation, Settings as Caps};
use jettison_decide::{Settings, State};
use jettison_model::Target::{Memcg, Process, Tree};
use jettison_model::signal::{SIGINT, SIGTERM};
use jettison_model::{Addressees, Cause, Command, Idle, Snapshot, Stance, Step, Target, Tier, Unit, Victim};
use kit::any::{Case, a_case};
use kit::{
    Decided, FIRST_PID, Saying, because, decide, decide_with, faulted, id, machine, missing, process,
    protect, sacrifice, signal, victim, vote,
};
use proptest::collection::vec;
use proptest::prelude::*;

const FAST: [Step; 1] = [Step::Signal { number: SIGINT, wait_ms: 20_000 }];
const CANCEL: [Step; 1] = [Step::Signal { number: SIGINT, wait_ms: 1_000 }];

/// A postmaster, its checkpointer, two backends, and a process beside them.
fn database(need_mib: u64) -> Snapshot {
    let rows = [
        process(20),
        process(10).child_of(0),
        process(300).child_of(0),
        process(200).child_of(0),
        process(50),
    ];
    missing(machine(&["/"], &rows), need_mib)
}

/// Likewise, where the backends are not enough by far.
fn large() -> Snapshot {
    let rows = [
        process(400),
        process(300).child_of(0),
        process(150).child_of(0),
        process(100).child_of(0),
        process(50),
    ];
    because(Cause::Critical, missing(machine(&["/"], &rows), 900))
}

fn keeping() -> [jettison_model::Entry; 3] {
    let backend = |row| sacrifice(Process(row), 10).going(&CANCEL);
    [protect(Tree(0), 800).going(&FAST), backend(2), backend(3)]
}

fn service_of(decided: &Decided) -> Vec<Option<u32>> {
    decided.plan.victims.iter().map(|victim| victim.service.map(|root| root.pid - FIRST_PID)).collect()
}

#[test]
fn a_backend_goes_alone_by_the_steps_of_one_policy_for_the_reasons_of_another() {
    let other = vote("balanced", 1, &[sacrifice(Process(2), 400)]);
    let decided = decide(&database(250), &[vote("services", 1, &keeping()), other]);
    assert_eq!((decided.victims(), service_of(&decided)), (vec![vec![2]], vec![Some(0)]));
    let victim = decided.victim();
    assert_eq!((victim.policy.as_str(), victim.reason.as_str()), ("balanced", "process 2"));
    assert_eq!(victim.shutdown, CANCEL);
}

#[test]
fn what_a_part_shares_with_its_service_does_not_come_back_with_it() {
    let rows = [process(20).shmem(300), process(100).shmem(300).child_of(0), process(100).shmem(90)];
    let snapshot = missing(machine(&["/"], &rows), 150);
    let entries = [protect(Tree(0), 800).going(&FAST), sacrifice(Process(1), 10), sacrifice(Process(2), 9)];
    let decided = decide(&snapshot, &[vote("services", 1, &entries)]);
    assert_eq!(decided.victims(), [[2]], "the backend gives 100 MiB, and is not needed");
}

#[test]
fn a_tree_that_another_policy_gives_up_is_taken_apart_at_the_service() {
    for unit in [Tree(0), Memcg(0)] {
        let other = vote("balanced", 1, &[sacrifice(unit, 400)]);
        let decided = decide(&database(250), &[vote("services", 1, &keeping()), other]);
        assert_eq!((decided.victims(), service_of(&decided)), (vec![vec![2]], vec![Some(0)]), "{unit:?}");
        assert_eq!(decided.victim().unit, Unit::Process);
    }
    let below = process(100).child_of(2);
    let rows = [process(20), process(10).child_of(0), process(300).child_of(0), below];
    let snapshot = missing(machine(&["/"], &rows), 250);
    let worker = [protect(Tree(0), 800).going(&FAST), sacrifice(Tree(2), 9)];
    assert_eq!(decide(&snapshot, &[vote("p", 1, &worker)]).victims(), [[2, 3]], "a tree in it stays whole");
}

#[test]
fn what_is_protected_with_a_service_goes_with_all_of_it_by_its_steps() {
    let votes = [vote("services", 1, &keeping())];
    let decided = decide(&large(), &votes);
    assert_eq!(decided.victims(), [vec![2], vec![3], vec![0, 1]], "the backends go as they are asked to");
    let whole = &decided.plan.victims[2];
    assert_eq!((&whole.unit, &whole.service, whole.root), (&Unit::Tree, &None, id(FIRST_PID)));
    assert_eq!(whole.addressees, Addressees::These(vec![id(FIRST_PID)]), "the checkpointer gets no signal");
    assert_eq!(whole.shutdown, FAST);
    let alone = [protect(Tree(0), 800), sacrifice(Process(2), 10), sacrifice(Process(3), 10)];
    let decided = decide(&large(), &[vote("p", 1, &alone)]);
    assert_eq!(decided.victims(), [[2], [3], [0], [1]], "without steps a tree is no service");
}

#[test]
fn parts_do_not_count_among_the_kills_of_a_minute_but_the_host_cools_down_after_one() {
    let entries = [&keeping()[..], &[sacrifice(Process(4), 1)]].concat();
    let snapshot = missing(database(0), 530);
    let named = |times: usize, at_ms: u64| State { named_at_ms: vec![at_ms; times], ..State::default() };
    let votes = [vote("services", 1, &entries)];
    let with = |state| decide_with(&snapshot, &votes, state, &Settings::default());
    assert_eq!(with(named(9, 960_000)).victims(), [[2], [3], [4]]);
    assert_eq!(with(named(10, 960_000)).victims(), [[2], [3]], "what is no part of it is one too many");
    let only = [vote("p", 1, &[sacrifice(Process(4), 1)])];
    let small = missing(database(0), 40);
    let full = decide_with(&small, &only, named(10, 960_000), &Settings::default());
    assert_eq!(full.plan.idle, Some(Idle::KillsPerMinute));
    let mut state = named(9, 960_000);
    state.note(&with(named(9, 960_000)).plan, Cause::Pressure, 1_000_000);
    assert_eq!((state.named_at_ms.len(), state.part_named_at_ms), (10, Some(1_000_000)));
    let after_a_part = State { part_named_at_ms: Some(999_001), ..State::default() };
    assert_eq!(with(after_a_part).plan.idle, Some(Idle::CoolingDown));
}

#[test]
fn where_the_root_stays_what_is_protected_with_it_stays() {
    let rows = [process(20).adj(-1000), process(100).child_of(0), process(300).child_of(0)];
    let snapshot = because(Cause::Critical, missing(machine(&["/"], &rows), 500));
    let entries = [protect(Tree(0), 800).going(&FAST), sacrifice(Process(2), 10)];
    let decided = decide(&snapshot, &[vote("services", 1, &entries)]);
    assert_eq!((decided.victims(), service_of(&decided)), (vec![vec![2]], vec![Some(0)]));
    assert!(decided.ranking.order.iter().any(|ranked| ranked.row == 1 && ranked.tier == Tier::Never));
}

#[test]
fn what_did_not_answer_is_passed_over_but_for_the_whole() {
    let votes = [vote("services", 1, &keeping())];
    let mut state = State::default();
    state.give_up(&[id(FIRST_PID + 2)]);
    let decide =
        |snapshot: &Snapshot| decide_with(snapshot, &votes, state.clone(), &Settings::default()).victims();
    assert_eq!(decide(&database(150)), [[3]]);
    assert_eq!(decide(&large()), [vec![3], vec![0, 1, 2]], "it goes with the whole");
}

#[test]
fn a_service_outlasts_a_fault_of_the_policy_that_knows_it() {
    let settings = Settings::default();
    let snapshot = large();
    let before = decide_with(&snapshot, &[vote("services", 1, &keeping())], State::default(), &settings);
    let after = decide_with(&snapshot, &[faulted("services"), vote("p", 1, &[])], before.state, &settings);
    let last = after.plan.victims.last().unwrap();
    assert_eq!((&last.unit, &last.members[..2]), (&Unit::Tree, &[id(FIRST_PID), id(FIRST_PID + 1)][..]));
    assert!(
        after
            .plan
            .victims
            .iter()
            .filter(|victim| victim.root.pid != FIRST_PID)
            .all(|victim| { victim.service == Some(id(FIRST_PID)) || victim.root.pid == FIRST_PID + 4 })
    );
}

/// A case in which some of the protected trees are services.
fn a_case_with_services() -> impl Strategy<Value = Case> {
    (a_case(), vec(any::<bool>(), 24)).prop_map(|(mut case, has_steps)| {
        let entries = case.votes.iter_mut().filter_map(|vote| vote.answer.as_mut().ok());
        for (entry, has_steps) in entries.flat_map(|ballot| &mut ballot.entries).zip(has_steps) {
            if has_steps && matches!((entry.target, entry.stance), (Tree(_), Stance::Protect(_))) {
                entry.shutdown = vec![signal(SIGINT, 1_000)];
            }
        }
        case
    })
}

proptest! {
    #[test]
    fn a_part_of_a_service_goes_as_such_and_what_is_protected_with_it_with_the_root(
        case in a_case_with_services()
    ) {
        let decided = case.decide();
        let ranking = &decided.ranking;
        let row = |id| u32::try_from(decided.snapshot.processes.row_of(id).unwrap()).unwrap();
        for victim in &decided.plan.victims {
            let rows: Vec<u32> = victim.members.iter().map(|&member| row(member)).collect();
            for &member in &rows {
                let Some(root) = ranking.service_of(member) else { continue };
                let is_whole = rows.contains(&root);
                prop_assert!(
                    is_whole || victim.service.is_some(),
                    "row {member} of the service of row {root} goes like any other"
                );
                let ranked = ranking.order.iter().find(|ranked| ranked.row == member).unwrap();
                if let (Tier::Protected(_), Target::Tree(with)) = (ranked.tier, ranked.unit) {
                    prop_assert!(rows.contains(&with), "row {member} goes without row {with}");
                }
            }
        }
    }

    #[test]
    fn a_part_of_a_service_never_gets_sigkill(
        steps in vec((0_u32..1_500).prop_map(|wait_ms| signal(SIGTERM, wait_ms)), 1..4),
        looks in vec((1_u64..800, proptest::option::of(0_u64..2_000)), 1..40),
        is_tree in any::<bool>(),
    ) {
        let unit = if is_tree { Unit::Tree } else { Unit::Process };
        let victim = Victim { service: Some(id(9)), ..victim(unit, &[id(1)], &steps) };
        let caps = Caps { grace_ms: 1_000, grace_max_ms: 3_000, critical_grace_ms: 300 };
        let mut escalation = Escalation::new(&victim, &caps, 0);
        // A fork makes other trees be stopped first.
        let alive = [id(1), id(2)];
        let (mut now_ms, mut asked) = (0, 0);
        for (wait_ms, time_left_ms) in looks.into_iter().chain([(5_000, None), (0, None)]) {
            let seen = Observation { now_ms, alive: &alive, time_left_ms, enclosure: Some(b"/a") };
            while let Some(due) = escalation.advance(&seen) {
                let (Due::Signals(commands) | Due::Commands(commands)) = due else { continue };
                asked += 1;
                let are_signals = commands.iter().all(|it| matches!(it, Command::Signal { number: SIGTERM, .. }));
                prop_assert!(are_signals, "{commands:?}");
            }
            now_ms += wait_ms;
        }
        let seen = Observation { now_ms, alive: &alive, time_left_ms: None, enclosure: None };
        prop_assert_eq!(escalation.advance(&seen), None);
        prop_assert!(escalation.is_over() && escalation.is_unanswered());
        prop_assert_eq!(asked, steps.len(), "it is asked by every step, however short memory is");
    }
}
