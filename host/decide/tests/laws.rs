//! The four laws of the plan (docs/reference/ballots.md), over any machine and any ballots, and by example.

mod kit;

use std::collections::BTreeSet;

use jettison_decide::{Reach, Relief, Settings, State};
use jettison_model::Target::{Process, Tree};
use jettison_model::column::UNKNOWN_U64;
use jettison_model::{Cause, Idle, Ranked, Tier};
use kit::any::{Case, a_case};
use kit::{
    Decided, FIRST_PID, MIB, Saying as _, because, decide, machine, missing, process, protect, sacrifice,
    signal, vote, with_settings,
};
use proptest::prelude::*;

/// A case with no victims under way and no bound on their number, so that the need is the request's.
fn fresh() -> impl Strategy<Value = Case> {
    a_case().prop_map(|mut case| {
        let last_good = case.state.last_good;
        case.state = State { last_good, ..State::default() };
        case.in_flight.clear();
        case.settings.kills_per_minute_max = 1_000;
        case
    })
}

fn need(case: &Case) -> u64 {
    case.snapshot.request.need_bytes.max(1)
}

fn reliefs(decided: &Decided) -> Vec<u64> {
    decided.plan.victims.iter().map(|victim| victim.predicted_relief_bytes).collect()
}

fn class(tier: Tier) -> (u8, u16) {
    match tier {
        Tier::Sacrifice(_) => (0, 0),
        Tier::Unranked(_) => (1, 0),
        Tier::Protected(strength) => (2, strength),
        Tier::Never => (3, 0),
    }
}

/// The tier of each victim: that of the member that it was named for.
fn tiers(decided: &Decided) -> Vec<(u8, u16)> {
    let victims = decided.plan.victims.iter();
    let named = |members: BTreeSet<u32>| {
        let mut order = decided.ranking.order.iter().filter(|ranked| members.contains(&ranked.row));
        order.next().map(|ranked: &Ranked| class(ranked.tier))
    };
    let rows = victims.map(|victim| victim.members.iter().map(|id| id.pid - FIRST_PID).collect());
    rows.filter_map(named).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_plan_is_hopeless(case in fresh()) {
        let decided = case.decide();
        let sum: u64 = reliefs(&decided).iter().sum();
        prop_assert!(decided.plan.victims.is_empty() || sum * 2 >= need(&case));
    }

    #[test]
    fn no_victim_is_needless(case in fresh()) {
        let reliefs = reliefs(&case.decide());
        let sum: u64 = reliefs.iter().sum();
        for relief in &reliefs {
            prop_assert!(reliefs.len() == 1 || sum - relief < need(&case), "{reliefs:?} of {}", need(&case));
        }
    }

    #[test]
    fn no_victim_outside_a_flock_is_a_crumb(case in fresh()) {
        let decided = case.decide();
        let crumb = need(&case) / 16;
        for (relief, tier) in reliefs(&decided).into_iter().zip(tiers(&decided)) {
            prop_assert!(tier.0 == 0 || relief >= crumb);
        }
    }

    #[test]
    fn a_dearer_tier_is_entered_only_if_the_cheaper_give_less_than_half(case in fresh()) {
        let decided = case.decide();
        let Some(dearest) = tiers(&decided).into_iter().max() else { return Ok(()) };
        // The same machine, with the dearest tier out of reach: it must have been hopeless without it.
        let mut cheaper = case.clone();
        cheaper.settings.reach = match dearest.0 {
            0 => return Ok(()),
            1 => Reach::Sacrifice,
            _ => Reach::Unranked,
        };
        prop_assert!(dearest.1 > 1 || cheaper.decide().plan.victims.is_empty());
    }

    #[test]
    fn the_protected_go_only_at_critical(case in fresh()) {
        let decided = case.decide();
        let has_protected = tiers(&decided).into_iter().any(|tier| tier.0 == 2);
        prop_assert!(!has_protected || case.snapshot.request.cause != Cause::Pressure);
    }

    #[test]
    fn an_armed_plan_names_victims_or_says_why_not(case in a_case()) {
        let plan = case.decide().plan;
        let is_armed = case.snapshot.request.cause.is_armed();
        prop_assert_eq!(plan.idle.is_some(), is_armed && plan.victims.is_empty());
    }
}

/// Twelve small services and a database of 800 MiB.
fn services() -> Vec<kit::Process> {
    let mut rows: Vec<kit::Process> = (1..=12).map(process).collect();
    rows.push(process(800));
    rows
}

#[test]
fn a_dozen_small_services_are_not_ended_for_nothing() {
    let votes = [vote("p", 1, &[protect(Process(12), 200)])];
    let machine = missing(machine(&[], &services()), 300);
    let decided = decide(&machine, &votes);
    let idle = decided.plan.idle.unwrap();
    let expected =
        Idle::NotWorthIt { reachable_bytes: 0, needed_bytes: 300 * MIB, protected_bytes: 800 * MIB };
    assert_eq!(idle, expected);
    let text = "nothing is worth ending: 0 MiB within reach, of 300 MiB needed; 800 MiB are protected and not reached yet";
    assert_eq!(idle.to_string(), text);
    let critical = decide(&because(Cause::Critical, machine), &votes);
    assert_eq!(critical.victims(), [[12]], "one victim, and the services stay");
}

#[test]
fn what_the_cheaper_could_give_is_left_alone_unless_it_is_needed() {
    let rows = [process(100), process(300), process(10)];
    let votes = [vote("p", 1, &[sacrifice(Process(0), 9)])];
    let victims = |need_mib| decide(&missing(machine(&[], &rows), need_mib), &votes).victims();
    assert_eq!(victims(200), [[0]], "half of the need is enough to leave the others alone");
    assert_eq!(victims(201), [[1]], "the dearer one meets the need alone");
    assert_eq!(victims(301), [[0], [1]], "it does not meet it alone");
    assert_eq!(victims(420), [[0], [1]], "the third is a crumb");
}

#[test]
fn a_flock_counts_together() {
    let rows: Vec<_> = (0..40).map(|_| process(4)).collect();
    let alike: Vec<_> = (0..40).map(|row| sacrifice(Process(row), 500)).collect();
    let unlike: Vec<_> =
        (0..40).map(|row| sacrifice(Process(row), 500 + u16::try_from(row).unwrap())).collect();
    let victims = |entries: &[_]| {
        decide(&missing(machine(&[], &rows), 100), &[vote("p", 1, entries)]).plan.victims.len()
    };
    assert_eq!(victims(&alike), 10, "as many as a minute allows");
    assert_eq!(victims(&unlike), 0, "each is a crumb of 100 MiB");
}

#[test]
fn a_flock_makes_up_for_what_the_rest_takes_until_it_is_gone() {
    let rows: Vec<_> = (0..40).map(|_| process(4)).collect();
    let alike: Vec<_> = (0..40).map(|row| sacrifice(Process(row), 500)).collect();
    let settings = Settings { kills_per_minute_max: 100, ..Settings::default() };
    let victims = |entries: &[_], falls_mib_per_s: u64| {
        let mut machine = missing(machine(&[], &rows), 28);
        machine.host.memory_available_bytes = 20 * MIB;
        machine.host.trend.memory_exhaustion_ms =
            20_000_u64.checked_div(falls_mib_per_s).unwrap_or(UNKNOWN_U64);
        with_settings(&machine, &[vote("p", 1, entries)], &settings).plan.victims.len()
    };
    assert_eq!(victims(&alike, 0), 7);
    assert_eq!(victims(&alike, 2), 10, "10 MiB go within 5 s");
    assert_eq!(victims(&alike, 20), 14, "never more than twice as many");
    let unlike: Vec<_> =
        (0..7).map(|row| sacrifice(Process(row), 500 + u16::try_from(row).unwrap())).collect();
    assert_eq!(victims(&unlike, 20), 7, "they are no flock");
}

#[test]
fn what_takes_long_to_shut_down_is_not_reached_before_what_is_cheaper_and_enough() {
    let of = |cheap_mib: u64, left_ms: u64, cause| {
        let rows = [process(300), process(cheap_mib)];
        let slow = protect(Process(0), 800).going(&[signal(15, 30_000)]);
        let quick = protect(Process(1), 50).going(&[signal(15, 2_000)]);
        let mut machine = missing(machine(&[], &rows), 100);
        machine.host.memory_available_bytes = 70 * MIB;
        machine.host.trend.memory_exhaustion_ms = left_ms;
        decide(&because(cause, machine), &[vote("p", 1, &[slow, quick])]).victims()
    };
    let none: [[u32; 1]; 0] = [];
    assert_eq!(of(100, 10_000, Cause::Pressure), none, "there is time for the cheaper one");
    assert_eq!(of(100, 1_500, Cause::Pressure), [[1]]);
    assert_eq!(of(100, 10_000, Cause::Critical), [[1]]);
    assert_eq!(of(40, 10_000, Cause::Pressure), [[0]], "it is not enough");
    assert_eq!(of(40, 10_000, Cause::Critical), [[0]]);
}

#[test]
fn a_database_is_not_ended_for_a_leak_that_meets_the_need_by_itself() {
    let of = |leak_mib: u64, need_mib: u64| {
        let mut machine = machine(&[], &[process(650), process(leak_mib)]);
        machine.host.memory_available_bytes = 70 * MIB;
        machine.host.trend.memory_exhaustion_ms = 9_000;
        let mut machine = missing(machine, need_mib);
        machine.request.scale_bytes = 50 * MIB;
        let slow = protect(Process(0), 800).going(&[signal(15, 30_000)]);
        let votes = [vote("services", 1, &[slow]), vote("balanced", 1, &[sacrifice(Process(1), 9)])];
        decide(&machine, &votes).victims()
    };
    let none: [[u32; 1]; 0] = [];
    assert_eq!(of(22, 15), none, "less than half of the scale: it goes when it has grown");
    assert_eq!(of(25, 15), [[1]]);
    assert_eq!(of(22, 23), [[0]], "it is not enough");
}

#[test]
fn above_act_a_fall_of_a_second_does_not_reach_what_is_protected() {
    let at = |available_mib: u64| {
        let mut machine = missing(machine(&[], &[process(300)]), 100);
        machine.host.memory_available_bytes = available_mib * MIB;
        machine.host.trend.memory_exhaustion_ms = 9_000;
        let slow = protect(Process(0), 800).going(&[signal(15, 30_000)]);
        decide(&because(Cause::Pressure, machine), &[vote("p", 1, &[slow])]).victims().len()
    };
    assert_eq!([81, 80].map(at), [0, 1], "a stall arms above 80 MiB, too");
}

#[test]
fn victims_that_a_later_one_makes_needless_are_spared() {
    let rows = [process(30), process(20), process(100)];
    let entries = [sacrifice(Process(0), 9), sacrifice(Process(1), 8), sacrifice(Process(2), 7)];
    let victims = |need| decide(&missing(machine(&[], &rows), need), &[vote("p", 1, &entries)]).victims();
    assert_eq!(victims(100), [[2]]);
    assert_eq!(victims(120), [[0], [2]]);
}

#[test]
fn a_unit_is_whole_again_when_a_part_of_it_is_spared_as_needless() {
    let rows = [process(50), process(10).child_of(0), process(100).child_of(0)];
    let votes = [vote("p", 1, &[sacrifice(Process(1), 9), sacrifice(Tree(0), 8)])];
    assert_eq!(decide(&missing(machine(&[], &rows), 120), &votes).victims(), [[0, 1, 2]]);
}

#[test]
fn relief_that_does_not_come_is_not_counted_on_again() {
    let rows = [process(300).inside(1), process(200).inside(2)];
    let machine = missing(machine(&["/", "/a", "/b"], &rows), 150);
    let after = |failures: usize, now_ms: u64| {
        let mut state = State::default();
        let relief =
            Relief { predicted_bytes: 300 * MIB, measured_bytes: MIB, taken_meanwhile_bytes: 148 * MIB };
        (0..failures).for_each(|_| state.learn(b"/a", relief, now_ms));
        // It cannot be seen beside what others took: nothing is learnt.
        let hidden = Relief { taken_meanwhile_bytes: 149 * MIB, ..relief };
        (0..9).for_each(|_| state.learn(b"/a", hidden, now_ms));
        kit::decide_with(&machine, &[], state, &jettison_decide::Settings::default()).victims()
    };
    assert_eq!(after(0, 1_000_000), [[0]]);
    assert_eq!(after(1, 1_000_000), [[0]], "150 MiB of 300 are trusted");
    assert_eq!(after(2, 1_000_000), [[1]], "75 MiB are too few");
    assert_eq!(after(2, 1_000), [[0]], "it is forgotten after ten minutes");
}

#[test]
fn a_session_that_gave_nothing_back_says_nothing_of_the_whole_database() {
    let machine = missing(machine(&["/", "/a"], &[process(300).inside(1)]), 150);
    let after = |predicted_bytes: u64| {
        let mut state = State::default();
        let relief = Relief { predicted_bytes, measured_bytes: 0, taken_meanwhile_bytes: 0 };
        (0..4).for_each(|_| state.learn(b"/a", relief, 1_000_000));
        kit::decide_with(&machine, &[], state, &jettison_decide::Settings::default()).victims()
    };
    assert_eq!(after(4 * MIB), [[0]]);
    assert_eq!(after(75 * MIB - 1), [[0]]);
    assert!(after(75 * MIB).is_empty(), "a quarter of it is alike");
}

#[test]
fn what_may_not_be_signalled_is_excluded() {
    let machine = machine(&[], &[process(300), process(200)]);
    let refused = machine.processes.id(0).into_iter().collect::<Vec<_>>();
    let mut state = State::default();
    state.refuse(&refused);
    let settings = jettison_decide::Settings::default();
    let decided = kit::decide_with(&machine, &[], state, &settings);
    assert_eq!(decided.victims(), [[1]]);
    assert_eq!(decided.ranking.excluded, [(0, jettison_model::Exclusion::NotPermitted)]);
    let settings = jettison_decide::Settings { signals_only_uid: Some(1), ..settings };
    assert!(kit::with_settings(&machine, &[], &settings).plan.victims.is_empty(), "all are user 1000's");
}
