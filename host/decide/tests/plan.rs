//! Ranking to plan: which units go, and how many.

mod kit;

use std::sync::Arc;

use jettison_decide::{End, InFlight, Reach, Rule, Settings, State, time_left_ms};
use jettison_model::Target::{Memcg, Process, Tree};
use jettison_model::signal::{SIGINT, SIGTERM};
use jettison_model::snapshot::{flags, memcg_flags};
use jettison_model::{Addressees, Cause, Idle, Snapshot, Target, Unit};
use kit::{
    Decided, FIRST_PID, MIB, Saying, because, decide, decide_beside, decide_with, faulted, id, limited,
    machine, missing, process, protect, sacrifice, signal, vote, with_settings,
};

/// Three processes of 300, 200 and 100 MiB, largest first.
fn three() -> Snapshot {
    machine(&[], &[process(300), process(200), process(100)])
}

fn with_state(snapshot: &Snapshot, state: State) -> Decided {
    decide_with(snapshot, &[], state, &Settings::default())
}

#[test]
fn only_an_armed_tick_names_victims() {
    let names = |cause| !decide(&because(cause, three()), &[]).plan.victims.is_empty();
    assert!([Cause::Pressure, Cause::Critical, Cause::MemcgLimit].into_iter().all(names));
    assert!(![Cause::Routine, Cause::Warning, Cause::Manual].into_iter().any(names));
}

#[test]
fn the_plan_stops_at_the_predicted_relief() {
    assert_eq!(decide(&missing(three(), 300), &[]).victims(), [[0]]);
    assert_eq!(decide(&missing(three(), 301), &[]).victims(), [[0], [1]]);
    assert_eq!(decide(&missing(three(), 900), &[]).victims(), [[0], [1], [2]]);
    assert_eq!(decide(&missing(three(), 1_300), &[]).plan.idle, Some(not_worth_it(600, 1_300, 0)));
}

fn not_worth_it(reachable_mib: u64, needed_mib: u64, protected_mib: u64) -> Idle {
    let [reachable_bytes, needed_bytes, protected_bytes] =
        [reachable_mib, needed_mib, protected_mib].map(|mib| mib * MIB);
    Idle::NotWorthIt { reachable_bytes, needed_bytes, protected_bytes }
}

#[test]
fn a_unit_is_counted_whole_and_once() {
    let tree = [process(100), process(90).child_of(0), process(80)];
    let votes = [vote("p", 1, &[sacrifice(Tree(0), 9), sacrifice(Process(2), 8)])];
    assert_eq!(decide(&missing(machine(&[], &tree), 190), &votes).victims(), [vec![0, 1]]);
    assert_eq!(decide(&missing(machine(&[], &tree), 191), &votes).victims(), [vec![0, 1], vec![2]]);
}

#[test]
fn what_gives_nothing_back_is_no_victim() {
    let decided =
        decide(&machine(&[], &[process(0), process(2)]), &[vote("p", 1, &[sacrifice(Process(0), 9)])]);
    assert_eq!(decided.victims(), [[1]]);
    let decided = decide(&machine(&[], &[process(0)]), &[]);
    assert_eq!(decided.plan.idle, Some(not_worth_it(0, 1, 0)));
}

#[test]
fn reach_says_how_far_down_the_host_goes() {
    let entries = [sacrifice(Process(2), 1), protect(Process(0), 1), protect(Process(3), 1000)];
    let four = machine(&[], &[process(300), process(200), process(100), process(400)]);
    let victims = |need_mib, reach, cause| {
        let settings = Settings { reach, ..Settings::default() };
        let machine = because(cause, missing(four.clone(), need_mib));
        with_settings(&machine, &[vote("p", 1, &entries)], &settings).victims()
    };
    let none: [[u32; 1]; 0] = [];
    assert_eq!(victims(200, Reach::Sacrifice, Cause::Pressure), [[2]]);
    assert_eq!(victims(201, Reach::Sacrifice, Cause::Pressure), none);
    assert_eq!(victims(201, Reach::Unranked, Cause::Pressure), [[2], [1]]);
    assert_eq!(victims(601, Reach::Unranked, Cause::Critical), none);
    assert_eq!(victims(601, Reach::Protected, Cause::Pressure), none, "protection lasts until critical");
    assert_eq!(victims(601, Reach::Protected, Cause::Critical), [[2], [1], [0]]);
}

#[test]
fn reach_cannot_switch_the_built_in_ranking_off() {
    let settings = Settings { reach: Reach::Sacrifice, ..Settings::default() };
    assert_eq!(with_settings(&three(), &[faulted("p")], &settings).victims(), [[0]]);
    assert!(with_settings(&three(), &[vote("p", 1, &[])], &settings).plan.victims.is_empty());
}

#[test]
fn after_a_victim_the_host_cools_down_but_not_at_critical() {
    let named = |ms_ago: u64| State { named_at_ms: vec![1_000_000 - ms_ago], ..State::default() };
    let cooling = with_state(&three(), named(999));
    assert_eq!(cooling.plan.idle, Some(Idle::CoolingDown));
    assert_eq!(with_state(&three(), named(1_000)).victims(), [[0]]);
    assert_eq!(with_state(&because(Cause::Critical, three()), named(0)).victims(), [[0]]);
}

#[test]
fn the_kills_of_a_minute_are_limited_but_not_at_critical() {
    let named = |ms_ago: u64| State { named_at_ms: vec![1_000_000 - ms_ago; 10], ..State::default() };
    let idle = with_state(&three(), named(59_999)).plan.idle;
    assert_eq!(idle, Some(Idle::KillsPerMinute));
    assert_eq!(with_state(&three(), named(60_000)).victims(), [[0]]);
    assert_eq!(with_state(&because(Cause::Critical, three()), named(0)).victims(), [[0]]);
}

#[test]
fn one_plan_does_not_exceed_the_kills_of_a_minute_either() {
    let state = State { named_at_ms: vec![990_000; 8], ..State::default() };
    assert_eq!(with_state(&missing(three(), 900), state.clone()).victims(), [[0], [1]]);
    let critical = because(Cause::Critical, missing(three(), 900));
    assert_eq!(with_state(&critical, state).victims(), [[0], [1], [2]]);
}

#[test]
fn what_is_named_is_noted_and_counts_for_a_minute() {
    let decided = decide(&missing(three(), 500), &[]);
    let mut state = decided.state.clone();
    state.note(&decided.plan, Cause::Pressure, 1_000_000);
    assert_eq!(state.named_at_ms, [1_000_000; 2]);
    state.forget_before(1_059_999);
    assert_eq!(state.named_at_ms.len(), 2);
    state.forget_before(1_060_000);
    assert!(state.named_at_ms.is_empty());
}

/// The row is on its way out and will give back so much.
fn dying(snapshot: &Snapshot, row: usize, relief_mib: u64) -> InFlight {
    let members = snapshot.processes.id(row).into_iter().collect();
    InFlight { members, predicted_relief_bytes: relief_mib * MIB, is_overdue: false, comes_late: false }
}

fn beside(snapshot: &Snapshot, in_flight: &[InFlight]) -> Decided {
    decide_beside(snapshot, &[], in_flight, State::default(), &Settings::default())
}

#[test]
fn the_relief_of_dying_victims_counts_and_they_are_not_named_again() {
    let machine = missing(three(), 400);
    let enough = beside(&machine, &[dying(&machine, 0, 400)]);
    assert_eq!(enough.plan.idle, Some(Idle::OnTheWay));
    assert_eq!(beside(&machine, &[dying(&machine, 0, 300)]).victims(), [[1]]);
}

#[test]
fn a_victim_that_is_overdue_is_not_counted_on_but_not_named_again_either() {
    let machine = missing(three(), 200);
    let overdue = InFlight { is_overdue: true, ..dying(&machine, 0, 300) };
    assert_eq!(beside(&machine, &[overdue]).victims(), [[1]]);
}

#[test]
fn while_a_protected_victim_comes_late_what_is_cheaper_goes_and_nothing_else_that_is_protected() {
    let votes = [vote("p", 1, &[protect(Process(0), 800), protect(Process(1), 800)])];
    let decide = |machine: &Snapshot, comes_late| {
        let machine = because(Cause::Critical, machine.clone());
        let asked = InFlight { comes_late, ..dying(&machine, 0, 400) };
        decide_beside(&machine, &votes, &[asked], State::default(), &Settings::default())
    };
    let machine = missing(three(), 150);
    assert_eq!(decide(&machine, false).plan.idle, Some(Idle::OnTheWay));
    assert_eq!(decide(&machine, true).victims(), [[2]]);
    let too_much = missing(three(), 250);
    assert_eq!(decide(&too_much, true).plan.idle, Some(Idle::OnTheWay), "what is cheaper gives too little");
}

#[test]
fn a_memcg_at_its_limit_takes_victims_only_from_its_subtree() {
    let memcgs = ["/a", "/a/b", "/ab"];
    let rows = [process(300).inside(2), process(200), process(100).inside(1), process(50).inside(0)];
    let mut machine = missing(machine(&memcgs, &rows), 150);
    limited(&mut machine, 0, 200, 10);
    assert_eq!(decide(&machine, &[]).victims(), [[2], [3]]);
}

#[test]
fn a_unit_that_reaches_out_of_the_limited_memcg_goes_in_part() {
    let tree = [process(10).inside(0), process(100).child_of(0).inside(1), process(10).child_of(1).inside(1)];
    let mut machine = machine(&["/a", "/b"], &tree);
    limited(&mut machine, 1, 200, 10);
    let decided = decide(&machine, &[vote("p", 1, &[sacrifice(Tree(0), 1)])]);
    let victim = decided.victim();
    assert_eq!(decided.members(victim), vec![2, 1]);
    assert_eq!(victim.predicted_relief_bytes, 110 * MIB);
}

#[test]
fn a_memcg_at_its_limit_does_not_count_on_what_dies_elsewhere() {
    let rows = [process(300).inside(0), process(100).inside(1), process(90).inside(1)];
    let mut machine = missing(machine(&["/a", "/b"], &rows), 50);
    limited(&mut machine, 1, 200, 10);
    assert_eq!(beside(&machine, &[dying(&machine, 0, 300)]).victims(), [[1]]);
    assert!(beside(&machine, &[dying(&machine, 2, 90)]).plan.victims.is_empty());
}

#[test]
fn a_memcg_at_its_critical_level_does_not_cool_down() {
    let mut machine = machine(&["/a"], &[process(100).inside(0)]);
    let state = State { named_at_ms: vec![machine.now_ms], ..State::default() };
    limited(&mut machine, 0, 200, 10);
    assert!(with_state(&machine, state.clone()).plan.victims.is_empty());
    limited(&mut machine, 0, 200, 6);
    assert_eq!(with_state(&machine, state).victims(), [[0]]);
}

#[test]
fn only_what_can_relieve_a_domain_that_falls_is_hurried() {
    let rows = [process(300).inside(0), process(100).inside(1)];
    let mut machine = machine(&["/a", "/b"], &rows);
    let left = |machine: &Snapshot, row: usize| {
        let id = machine.processes.id(row).unwrap();
        time_left_ms(machine, &[id], End::Early(&Settings::default().thresholds))
    };
    limited(&mut machine, 1, 200, 6);
    assert_eq!(left(&machine, 1), None, "a level alone hurries nothing");
    machine.memcgs.growth_bytes_per_s = Arc::new(vec![0, 3 * MIB.cast_signed()]);
    assert_eq!(
        (left(&machine, 1), left(&machine, 0)),
        (Some(750), None),
        "1 s less what an end takes: 3 of 6 MiB are half of critical"
    );
    let id = machine.processes.id(1).unwrap();
    assert_eq!(time_left_ms(&machine, &[id], End::Late), Some(1_750), "for what is protected");
    machine.host.trend.memory_exhaustion_ms = 200;
    let host = because(Cause::Critical, machine);
    assert_eq!((left(&host, 0), left(&host, 1)), (Some(0), Some(0)), "the host's need concerns all");
}

/// A memcg of four: 0 is given up with the others, 1 is never, 2 is protected, 3 has -1000.
fn mixed(target: Target) -> Decided {
    let of = |mib| process(mib).inside(0);
    let rows =
        [of(10), of(20).child_of(0), of(40).child_of(0), of(80).child_of(0).adj(-1000), of(5).child_of(2)];
    let keeper = vote("keeper", 1, &[protect(Process(1), 1000), protect(Process(2), 1)]);
    decide(&machine(&["/a"], &rows), &[vote("p", 1, &[sacrifice(target, 1)]), keeper])
}

#[test]
fn a_unit_goes_whole_minus_its_never_and_protected_members() {
    // Of a memcg the highest-ranked member comes first: the one that started last.
    for (target, members) in [(Tree(0), [0, 4]), (Memcg(0), [4, 0])] {
        let decided = mixed(target);
        let victim = decided.victim();
        assert_eq!(decided.members(victim), members.to_vec());
        assert_eq!((victim.unit.kind(), victim.predicted_relief_bytes), (target.kind(), 15 * MIB));
    }
}

#[test]
fn a_whole_unit_goes_without_its_zombies() {
    let zombie = process(0).inside(0).child_of(0).flagged(flags::ZOMBIE);
    let rows = [process(100).inside(0), process(50).inside(0).child_of(0), zombie];
    for target in [Tree(0), Memcg(0)] {
        let decided = decide(&machine(&["/a"], &rows), &[vote("p", 1, &[sacrifice(target, 1)])]);
        let victim = decided.victim();
        assert_eq!(victim.members.len(), 2);
    }
}

#[test]
fn the_root_of_a_victim_comes_first() {
    let rows = [process(1), process(100).inside(0), process(5).inside(0).child_of(1).named("small")];
    let machine = machine(&["/a"], &rows);
    let victim_of = |target| {
        let decided = decide(&machine, &[vote("p", 1, &[sacrifice(target, 1)])]);
        (decided.victims(), decided.victim().unit.clone())
    };
    assert_eq!(victim_of(Tree(1)), (vec![vec![1, 2]], Unit::Tree));
    assert_eq!(victim_of(Memcg(0)).1, Unit::Memcg(b"/a".to_vec()));
    // The later start of two equal members ranks first and is the root of a memcg.
    assert_eq!(victim_of(Memcg(0)).0, [[2, 1]]);
}

#[test]
fn a_tree_whose_root_is_spared_goes_by_its_first_member() {
    let tree = [process(50), process(100).child_of(0), process(100).child_of(0)];
    let keeper = vote("keeper", 1, &[protect(Process(0), 1)]);
    let decided = decide(&machine(&[], &tree), &[vote("p", 1, &[sacrifice(Tree(0), 1)]), keeper]);
    assert_eq!(decided.victims(), [[2, 1]]);
}

#[test]
fn a_victim_goes_by_the_steps_and_for_the_reason_of_its_most_urgent_policy() {
    let polite = sacrifice(Process(0), 10).going(&[signal(SIGINT, 900)]);
    let [feeble, strong, twin] =
        [("a", 1), ("b", 2), ("c", 2)].map(|(policy, weight)| (policy, weight, polite.clone()));
    let votes = [strong, twin, feeble].map(|(policy, weight, entry)| vote(policy, weight, &[entry]));
    let decided = decide(&three(), &votes);
    let victim = decided.victim();
    assert_eq!((victim.policy.as_str(), victim.reason.as_str()), ("b", "process 0"));
    assert_eq!(victim.shutdown, [signal(SIGINT, 900)]);
}

#[test]
fn without_steps_it_is_sigterm_and_grace() {
    let settings = Settings { grace_ms: 70, ..Settings::default() };
    let decided = with_settings(&three(), &[vote("p", 1, &[sacrifice(Process(2), 1)])], &settings);
    assert_eq!(decided.victim().shutdown, [signal(SIGTERM, 70)]);
    let decided = with_settings(&three(), &[], &settings);
    let victim = decided.victim();
    assert_eq!(
        (victim.policy.as_str(), victim.reason.as_str()),
        ("built-in", "badness 300 of 1000 for 300 MiB")
    );
    assert_eq!(victim.shutdown, [signal(SIGTERM, 70)]);
}

#[test]
fn sums_of_absurd_sizes_do_not_overflow() {
    let mut huge = process(0).inside(0);
    huge.anon_bytes = u64::MAX - 2;
    let rows = [huge.clone(), huge.clone(), huge.child_of(0).shmem(1)];
    let machine = machine(&["/a"], &rows);
    let mut in_flight = vec![InFlight { is_overdue: true, ..dying(&machine, 2, 0) }];
    let endless = InFlight { members: vec![], predicted_relief_bytes: u64::MAX, ..dying(&machine, 2, 0) };
    in_flight.extend([endless.clone(), endless]);
    assert!(beside(&machine, &in_flight).plan.victims.is_empty());
    let votes = [vote("p", 1, &[sacrifice(Memcg(0), 1)])];
    assert_eq!(decide(&machine, &votes).victim().predicted_relief_bytes, 1000 * MIB, "all there is");
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "column `memcgs` of processes has 2 values for 3 rows")]
fn columns_of_uneven_length_abort_a_test() {
    let mut uneven = three();
    std::sync::Arc::make_mut(&mut uneven.processes.memcgs).pop();
    let _ = decide(&uneven, &[]);
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "p: entry 0 is about Tree(3)")]
fn so_does_an_entry_about_no_row() {
    let _ = decide(&three(), &[vote("p", 1, &[sacrifice(Tree(3), 1)])]);
}

/// A memcg that is to end as a whole, with two trees in it, and a process outside.
fn grouped(sibling: &str) -> Snapshot {
    let service = |mib| process(mib).inside(1);
    let rows = [process(10).inside(0), service(300), service(20).child_of(1), service(30).named(sibling)];
    let mut snapshot = machine(&["/", "/a.service"], &rows);
    snapshot.memcgs.flags = Arc::new(vec![0, memcg_flags::OOM_GROUP]);
    snapshot
}

#[test]
fn a_memcg_with_oom_group_goes_as_a_whole() {
    let decided = decide(&grouped("worker"), &[]);
    let victim = decided.victim();
    assert_eq!(victim.unit, Unit::Memcg(b"/a.service".to_vec()));
    assert_eq!(victim.addressees, Addressees::All);
    assert_eq!(decided.victims(), [[1, 2, 3]]);
    assert_eq!(victim.predicted_relief_bytes, 350 * MIB);
}

#[test]
fn steps_are_for_the_unit_that_the_policy_named_and_not_for_what_goes_along() {
    let entry = sacrifice(Target::Tree(1), 500).going(&[signal(2, 100)]);
    let decided = decide(&grouped("worker"), &[vote("p", 1, &[entry])]);
    let victim = decided.victim();
    assert_eq!(victim.unit, Unit::Memcg(b"/a.service".to_vec()));
    assert_eq!(victim.addressees, Addressees::These(vec![id(FIRST_PID + 1)]));
    assert_eq!(decided.victims(), [[1, 2, 3]]);
}

#[test]
fn oom_group_takes_no_spared_process() {
    for strength in [1, 1000] {
        let spares = vote("p", 1, &[protect(Target::Process(3), strength)]);
        assert_eq!(
            decide(&grouped("worker"), &[spares]).victims(),
            [[1]],
            "the process alone, as without a group"
        );
    }
    let settings = Settings {
        never: vec![Rule { comm: Some("sshd".into()), ..Rule::default() }],
        ..Settings::default()
    };
    assert_eq!(with_settings(&grouped("sshd"), &[], &settings).victims(), [[1]]);
}

#[test]
fn a_tree_that_reaches_beyond_the_group_goes_as_it_is() {
    let entry = sacrifice(Target::Tree(1), 500);
    let mut snapshot = grouped("worker");
    Arc::make_mut(&mut snapshot.processes.memcgs)[2] = 0;
    assert_eq!(decide(&snapshot, &[vote("p", 1, &[entry])]).victims(), [[1, 2]]);
}

#[test]
fn of_a_tree_whose_root_stays_the_tops_are_asked() {
    let rows = [process(5), process(40).child_of(0), process(300).child_of(1), process(30).child_of(0)];
    let votes = [vote("p", 1, &[sacrifice(Target::Tree(0), 500), protect(Target::Process(0), 1000)])];
    let decided = decide(&machine(&["/"], &rows), &votes);
    let victim = decided.victim();
    assert_eq!(victim.unit, Unit::Tree);
    assert_eq!(victim.addressees, Addressees::These(vec![id(FIRST_PID + 1), id(FIRST_PID + 3)]));
}
