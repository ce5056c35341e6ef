//! What a policy holds to be the cause, and another protects.

mod kit;

use jettison_decide::{InFlight, Reach, Settings, State, plan};
use jettison_model::Target::Process;
use jettison_model::{Cause, Snapshot, Vote};
use kit::{FIRST_PID, MIB, because, decide, machine, missing, process, protect, sacrifice, vote};

#[test]
fn what_no_policy_speaks_of_waits_while_the_cause_is_known_and_protected() {
    let four = machine(&[], &[process(300), process(200), process(100), process(20)]);
    let votes =
        [vote("blame", 1, &[sacrifice(Process(0), 9)]), vote("services", 1, &[protect(Process(0), 800)])];
    let victims = |snapshot: &Snapshot, votes: &[Vote]| decide(snapshot, votes).victims();
    let none: [[u32; 1]; 0] = [];
    assert_eq!(victims(&missing(four.clone(), 100), &votes), none, "its end would be enough");
    assert_eq!(victims(&missing(four.clone(), 700), &votes), none, "nor does anything else help");
    let with_more = [vote("site", 1, &[sacrifice(Process(2), 1)]), votes[0].clone(), votes[1].clone()];
    assert_eq!(victims(&missing(four.clone(), 100), &with_more), [[2]], "what a policy gives up goes");
    let only_kept = [votes[1].clone()];
    assert_eq!(victims(&missing(four.clone(), 100), &only_kept), [[1]], "no policy holds it to be the cause");
    let small =
        [vote("blame", 1, &[sacrifice(Process(3), 9)]), vote("services", 1, &[protect(Process(3), 800)])];
    assert_eq!(victims(&missing(four.clone(), 100), &small), [[0]], "its end would not be enough");
    let critical = because(Cause::Critical, missing(four.clone(), 100));
    assert_eq!(victims(&critical, &votes), [[0]], "what would be filled again does not go before it");
    assert_eq!(victims(&critical, &with_more), [[2]], "what a policy gives up does");
    let never =
        [vote("blame", 1, &[sacrifice(Process(0), 9)]), vote("services", 1, &[protect(Process(0), 1000)])];
    assert_eq!(victims(&critical, &never), [[1]], "for what never goes it does not wait");
    let unranked = Settings { reach: Reach::Unranked, ..Settings::default() };
    let plan = |settings: &Settings| {
        let (plan, _, _) = plan(&critical, Vec::new(), &votes, &[], State::default(), settings);
        plan.victims.first().map(|victim| victim.root.pid)
    };
    assert_eq!(plan(&unranked), Some(FIRST_PID + 1), "nor for what may not be reached");
    let mut hurried = missing(four, 100);
    hurried.host.trend.memory_exhaustion_ms = 10;
    assert_eq!(victims(&hurried, &votes), [[0]], "the protected are reached");
}

#[test]
fn at_critical_what_is_protected_less_goes_after_the_cause_unless_it_is_its_child() {
    let victims = |rows: &[kit::Process]| {
        let snapshot = because(Cause::Critical, missing(machine(&[], rows), 100));
        let keeping = vote("services", 1, &[protect(Process(0), 800), protect(Process(2), 150)]);
        decide(&snapshot, &[vote("blame", 1, &[sacrifice(Process(0), 9)]), keeping]).victims()
    };
    assert_eq!(victims(&[process(300), process(200), process(200)]), [[0]]);
    assert_eq!(victims(&[process(300), process(200), process(200).child_of(0)]), [[2]], "it saves");
}

#[test]
fn once_the_cause_is_under_way_and_not_enough_what_no_policy_speaks_of_may_go() {
    let two = because(Cause::Critical, missing(machine(&[], &[process(300), process(200)]), 400));
    let votes =
        [vote("blame", 1, &[sacrifice(Process(0), 9)]), vote("services", 1, &[protect(Process(0), 800)])];
    let members = two.processes.id(0).into_iter().collect();
    let going = InFlight { members, predicted_relief_bytes: 100 * MIB, is_overdue: false, comes_late: false };
    let (plan, _, _) = plan(&two, Vec::new(), &votes, &[going], State::default(), &Settings::default());
    assert_eq!(plan.victims.first().map(|victim| victim.root.pid), Some(FIRST_PID + 1));
}

#[test]
fn of_two_that_are_kept_at_one_price_the_cause_goes_first() {
    let two = because(Cause::Critical, missing(machine(&[], &[process(300), process(400)]), 100));
    let keeping = vote("services", 1, &[protect(Process(0), 850), protect(Process(1), 850)]);
    let blaming = |row| vote("blame", 1, &[sacrifice(Process(row), 9)]);
    assert_eq!(decide(&two, std::slice::from_ref(&keeping)).victims(), [[1]], "the larger");
    assert_eq!(decide(&two, &[keeping.clone(), blaming(0)]).victims(), [[0]]);
    assert_eq!(decide(&two, &[blaming(1), keeping]).victims(), [[1]]);
}
