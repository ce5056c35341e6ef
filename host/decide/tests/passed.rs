//! Why a ranked process is passed over, in the words that `explain` and `why` have for it.

mod kit;

use jettison_decide::{InFlight, Passed, Reach, Settings, State, exclusions, passed, plan};
use jettison_model::Target::{Process, Tree};
use jettison_model::{Cause, Idle, Snapshot, Tier, Vote};
use kit::any::a_case;
use kit::{FIRST_PID, MIB, because, machine, missing, process, protect, sacrifice, vote};
use proptest::prelude::*;

/// The victims' rows, and each other ranked row with its reason.
fn both(
    snapshot: &Snapshot,
    votes: &[Vote],
    in_flight: &[InFlight],
    state: &State,
    settings: &Settings,
) -> (Vec<u32>, Vec<(u32, Passed)>) {
    let excluded = exclusions(snapshot, settings, &state.refused);
    let (plan, ranking, state) = plan(snapshot, excluded, votes, in_flight, state.clone(), settings);
    let members = plan.victims.iter().flat_map(|victim| &victim.members);
    let victims = members.map(|member| member.pid - FIRST_PID).collect();
    (victims, passed(snapshot, votes, &ranking, in_flight, &state, settings))
}

fn words(snapshot: &Snapshot, votes: &[Vote]) -> Vec<(u32, String)> {
    words_with(snapshot, votes, &Settings::default())
}

fn words_with(snapshot: &Snapshot, votes: &[Vote], settings: &Settings) -> Vec<(u32, String)> {
    let (_, passed) = both(snapshot, votes, &[], &State::default(), settings);
    passed.into_iter().map(|(row, why)| (row, why.to_string())).collect()
}

#[track_caller]
fn check(words: &[(u32, String)], expected: &[(u32, &str)]) {
    let words: Vec<(u32, &str)> = words.iter().map(|(row, why)| (*row, why.as_str())).collect();
    assert_eq!(words, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn each_ranked_process_goes_or_says_why_it_stays(case in a_case()) {
        let (victims, passed) = both(&case.snapshot, &case.votes, &case.in_flight, &case.state, &case.settings);
        let excluded = exclusions(&case.snapshot, &case.settings, &case.state.refused);
        let (_, ranking, _) = plan(
            &case.snapshot, excluded, &case.votes, &case.in_flight, case.state.clone(), &case.settings,
        );
        let is_armed = case.snapshot.request.cause.is_armed();
        for ranked in &ranking.order {
            let says = passed.iter().filter(|(row, _)| *row == ranked.row).count();
            let stays = is_armed && ranked.tier != Tier::Never && !victims.contains(&ranked.row);
            prop_assert_eq!(says, usize::from(stays), "row {} of {:?}", ranked.row, victims);
        }
    }
}

#[test]
fn a_crumb_says_what_it_gives_of_what_is_needed() {
    let mut small = process(0);
    small.anon_bytes = 108 << 10;
    let machine = because(Cause::Critical, missing(machine(&[], &[small, process(900)]), 800));
    let votes = [vote("p", 1, &[sacrifice(Process(0), 9)])];
    check(&words(&machine, &votes), &[(0, "gives 108 KiB, less than a sixteenth of 800 MiB needed")]);
}

#[test]
fn a_flock_that_is_a_crumb_says_so() {
    let machine = missing(machine(&[], &[process(3), process(4), process(300)]), 290);
    let votes = [vote("p", 1, &[sacrifice(Process(0), 5), sacrifice(Process(1), 5)])];
    check(
        &words(&machine, &votes),
        &[
            (1, "gives 4.0 MiB, and all of its flock less than a sixteenth of 290 MiB needed"),
            (0, "gives 3.0 MiB, and all of its flock less than a sixteenth of 290 MiB needed"),
        ],
    );
}

#[test]
fn a_cheaper_tier_that_gives_too_little_is_left_alone() {
    let rows = [process(100), process(300), process(90)];
    let votes = [vote("p", 1, &[sacrifice(Process(0), 9)])];
    check(
        &words(&missing(machine(&[], &rows), 201), &votes),
        &[
            (0, "left alone: all that is as cheap gives 100 MiB, less than half of 201 MiB needed"),
            (2, "not needed: the plan has enough without it"),
        ],
    );
}

#[test]
fn what_a_later_victim_makes_needless_says_so() {
    let rows = [process(30), process(20), process(100)];
    let entries = [sacrifice(Process(0), 9), sacrifice(Process(1), 8), sacrifice(Process(2), 7)];
    let machine = missing(machine(&[], &rows), 100);
    let why = "not needed: a later victim is enough without it";
    check(&words(&machine, &[vote("p", 1, &entries)]), &[(0, why), (1, why)]);
}

#[test]
fn the_members_of_a_unit_say_the_same() {
    let rows = [process(20), process(15).child_of(0), process(100)];
    let entries = [sacrifice(Tree(0), 9), sacrifice(Process(2), 7)];
    let machine = missing(machine(&[], &rows), 100);
    let why = "not needed: a later victim is enough without it";
    check(&words(&machine, &[vote("p", 1, &entries)]), &[(1, why), (0, why)]);
}

#[test]
fn a_hopeless_plan_and_the_protected_say_what_is_missing() {
    let votes = [vote("p", 1, &[protect(Process(1), 200)])];
    let machine = missing(machine(&[], &[process(100), process(800)]), 300);
    check(
        &words(&machine, &votes),
        &[
            (0, "all within reach gives 100 MiB, less than half of 300 MiB needed"),
            (1, "it is protected, and not reached before critical"),
        ],
    );
    let settings = Settings { reach: Reach::Sacrifice, ..Settings::default() };
    let reach = "act.reach ends before it";
    check(&words_with(&machine, &votes, &settings), &[(0, reach), (1, reach)]);
}

#[test]
fn what_waits_for_the_kept_cause_says_so() {
    let votes =
        [vote("blame", 1, &[sacrifice(Process(0), 9)]), vote("services", 1, &[protect(Process(0), 800)])];
    let machine = missing(machine(&[], &[process(300), process(200)]), 100);
    check(
        &words(&machine, &votes),
        &[
            (1, "it waits for what took the memory, which is protected"),
            (0, "it is protected, and not reached before critical"),
        ],
    );
}

#[test]
fn outside_of_the_limited_memcg_is_said() {
    let rows = [process(300).inside(1), process(400).inside(2)];
    let mut machine = missing(machine(&["/", "/a", "/b"], &rows), 100);
    kit::limited(&mut machine, 1, 400, 10);
    check(&words(&machine, &[]), &[(1, "it is outside of the memcg that is at its limit")]);
}

#[test]
fn victims_under_way_and_what_waits_for_them_say_so() {
    let machine = missing(machine(&[], &[process(300), process(200)]), 100);
    let members = machine.processes.id(0).into_iter().collect();
    let going = InFlight { members, predicted_relief_bytes: 300 * MIB, is_overdue: false, comes_late: false };
    let (_, why) = both(&machine, &[], &[going], &State::default(), &Settings::default());
    assert_eq!(why, [(0, Passed::UnderWay), (1, Passed::Idle(Idle::OnTheWay))]);
}

#[test]
fn what_a_minute_has_no_room_for_says_so() {
    let machine = missing(machine(&[], &[process(300), process(200), process(100)]), 450);
    let settings = Settings { kills_per_minute_max: 1, ..Settings::default() };
    let (victims, why) = both(&machine, &[], &[], &State::default(), &settings);
    assert_eq!(victims, [0]);
    assert_eq!(why, [(1, Passed::NoRoom), (2, Passed::NotNeeded)]);
    let state = State { named_at_ms: vec![machine.now_ms - 30_000], ..State::default() };
    let (_, why) = both(&machine, &[], &[], &state, &settings);
    assert!(why.iter().all(|(_, why)| *why == Passed::Idle(Idle::KillsPerMinute)), "{why:?}");
}

#[test]
fn an_unarmed_tick_passes_over_no_process() {
    let machine = because(Cause::Manual, machine(&[], &[process(300)]));
    assert!(words(&machine, &[]).is_empty());
}
