//! What holds for every machine and every set of ballots.

mod kit;

use std::collections::BTreeSet;

use jettison_decide::{Settings, State, exclusions};
use jettison_model::snapshot::flags;
use jettison_model::{Cause, Column, Entry, ProcessId, Snapshot, Stance, Target, Tier, Vote, column};
use kit::any::{Case, a_ballot, a_case, a_renumbering, a_request, a_snapshot, renumbered};
use kit::{Decided, MIB, Saying, decide, decide_with, protect, vote};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// A decision without the order in which policies were asked.
fn essence(decided: &Decided) -> String {
    let order: Vec<_> = decided
        .ranking
        .order
        .iter()
        .map(|ranked| (ranked.id, ranked.tier, ranked.unit, ranked.relief_bytes, ranked.oom_score_adj))
        .collect();
    let mut last_good = decided.state.last_good.clone();
    last_good.sort_by(|a, b| a.policy.cmp(&b.policy));
    format!("{:?}\n{order:?}\n{last_good:?}", decided.plan)
}

/// The rows that the plan takes.
fn taken(decided: &Decided) -> BTreeSet<u32> {
    decided.victims().into_iter().flatten().collect()
}

/// Who speaks for a process, by the words of the contract: the first of these targets that has an entry.
fn speaker<'a>(snapshot: &Snapshot, entries: &'a [Entry], row: u32) -> Option<&'a Entry> {
    let up = |parents: &Column<u32>, row: u32| {
        let parents = parents.clone();
        let above = move |row: &u32| parents.get(*row as usize).copied();
        std::iter::successors(Some(row), above).take_while(|&row| row != column::NONE_U32)
    };
    let memcg = snapshot.processes.memcgs[row as usize];
    std::iter::once(Target::Process(row))
        .chain(up(&snapshot.processes.parents, row).map(Target::Tree))
        .chain(up(&snapshot.memcgs.parents, memcg).map(Target::Memcg))
        .find_map(|target| entries.iter().find(|entry| entry.target == target))
}

proptest! {
    #[test]
    fn a_policy_speaks_by_its_narrowest_entry((snapshot, entries) in a_ballot()) {
        let decided = decide(&snapshot, &[vote("p", 1, &entries)]);
        for ranked in &decided.ranking.order {
            let expected = speaker(&snapshot, &entries, ranked.row);
            prop_assert_eq!(ranked.tier, match expected.map(|entry| entry.stance) {
                Some(Stance::Protect(1000)) => Tier::Never,
                Some(Stance::Protect(strength)) => Tier::Protected(strength),
                Some(Stance::Sacrifice(urgency)) => Tier::Sacrifice(u64::from(urgency)),
                None => match ranked.tier { Tier::Unranked(_) => ranked.tier, _ => Tier::Never },
            });
            let said: Vec<&Entry> =
                decided.ranking.said_of(ranked).iter().map(|said| &entries[said.entry as usize]).collect();
            prop_assert_eq!(said, Vec::from_iter(expected));
        }
    }

    #[test]
    fn the_order_of_policies_and_of_entries_means_nothing(case in a_case(), seed: u64) {
        let mut shuffled = case.clone();
        shuffled.votes.rotate_left(usize::try_from(seed % 4).unwrap() % case.votes.len().max(1));
        for ballot in shuffled.votes.iter_mut().filter_map(|vote| vote.answer.as_mut().ok()) {
            ballot.entries.reverse();
        }
        prop_assert_eq!(essence(&case.decide()), essence(&shuffled.decide()));
    }

    #[test]
    fn the_numbers_of_rows_mean_nothing((processes, votes, place) in a_renumbering(), request in a_request()) {
        let (elsewhere, moved) = renumbered(&processes, &votes, &place);
        let (here, there) = (a_snapshot(&processes, request), a_snapshot(&elsewhere, request));
        let settings = Settings::default();
        let seen = |snapshot: &Snapshot, votes: &[Vote]| {
            let decided = decide_with(snapshot, votes, State::default(), &settings);
            let start = |id: ProcessId| id.start_time;
            let order: Vec<_> = decided.ranking.order.iter().map(|ranked| {
                (start(ranked.id), ranked.tier, ranked.unit.kind(), ranked.relief_bytes, ranked.oom_score_adj)
            }).collect();
            let holds: BTreeSet<_> = decided.plan.holds.iter().map(|hold| (start(hold.id), hold.value)).collect();
            let victims: Vec<_> = decided.plan.victims.iter().map(|victim| {
                let members: BTreeSet<u64> = victim.members.iter().map(|&member| start(member)).collect();
                (start(victim.root), members, victim.predicted_relief_bytes, victim.policy.clone())
            }).collect();
            format!("{order:?}\n{holds:?}\n{victims:?}")
        };
        prop_assert_eq!(seen(&here, &votes), seen(&there, &moved));
    }

    #[test]
    fn to_protect_more_makes_no_protected_process_worse_off(
        case in a_case(), row: Index, strength in 1_u16..=1000, asked in proptest::option::of(-999_i16..=1000),
    ) {
        // A part that is protected splits a tree, and what both share is predicted for each: so a plan that
        // was hopeless may look possible.
        let mut case = case;
        let count = case.snapshot.processes.len();
        case.snapshot.processes.rss_shmem_bytes = Column::new(vec![0; count]);
        let row = u32::try_from(row.index(count)).unwrap();
        let mut safer = case.clone();
        let entry = protect(Target::Process(row), strength);
        safer.votes.push(vote("safer", 1, &[match asked { Some(adj) => entry.asking(adj), None => entry }]));
        let (before, after) = (case.decide(), safer.decide());
        prop_assert!(!taken(&after).contains(&row) || taken(&before).contains(&row));
        let place = |decided: &Decided| decided.order().iter().position(|&other| other == row);
        prop_assert!(place(&after) >= place(&before));
        if let Some(place) = place(&before) {
            let value = before.ranking.order[place].oom_score_adj;
            prop_assert!(after.ranked(row).oom_score_adj <= value);
        }
    }

    #[test]
    fn the_order_is_total(case in a_case()) {
        let decided = case.decide();
        let out: BTreeSet<u32> = decided.ranking.excluded.iter().map(|&(row, _)| row).collect();
        let is_zombie = |row: u32| case.snapshot.processes.has(row as usize, flags::ZOMBIE);
        let rows = 0..u32::try_from(case.snapshot.processes.len()).unwrap();
        let eligible: Vec<u32> = rows.filter(|&row| !out.contains(&row) && !is_zombie(row)).collect();
        let mut order = decided.order();
        for pair in decided.ranking.order.windows(2) {
            let class = |tier| match tier {
                Tier::Sacrifice(_) => 0,
                Tier::Unranked(_) => 1,
                Tier::Protected(_) => 2,
                Tier::Never => 3,
            };
            prop_assert!(class(pair[0].tier) <= class(pair[1].tier));
            match (pair[0].tier, pair[1].tier) {
                (Tier::Sacrifice(first), Tier::Sacrifice(second)) => prop_assert!(first >= second),
                (Tier::Unranked(first), Tier::Unranked(second)) => prop_assert!(first >= second),
                (Tier::Protected(first), Tier::Protected(second)) => prop_assert!(first <= second),
                _ => {}
            }
        }
        order.sort_unstable();
        prop_assert_eq!(order, eligible);
    }

    #[test]
    fn the_same_input_gives_the_same_plan_to_the_byte(case in a_case()) {
        let (once, twice) = (case.decide(), case.decide());
        prop_assert_eq!(format!("{:?}", once.plan), format!("{:?}", twice.plan));
        prop_assert_eq!(once.ranking, twice.ranking);
        prop_assert_eq!(once.state, twice.state);
    }

    #[test]
    fn what_is_exempt_is_no_victim(case in a_case()) {
        let decided = case.decide();
        let taken = taken(&decided);
        prop_assert!(exclusions(&case.snapshot, &case.settings, &case.state.refused).iter().all(|(row, _)| !taken.contains(row)));
        let dying: BTreeSet<ProcessId> =
            case.in_flight.iter().flat_map(|victim| victim.members.clone()).collect();
        for &row in &taken {
            let memcg = case.snapshot.processes.memcgs[row as usize];
            prop_assert_ne!(decided.tier(row), Tier::Never);
            prop_assert!(!dying.contains(&decided.ranked(row).id));
            prop_assert!(case.snapshot.request.cause != Cause::MemcgLimit || (1..=3).contains(&memcg));
        }
        prop_assert!(taken.is_empty() || case.snapshot.request.cause.is_armed());
    }

    #[test]
    fn no_process_goes_twice_and_every_victim_is_whole(case in a_case()) {
        let victims = case.decide().plan.victims;
        let all: Vec<ProcessId> = victims.iter().flat_map(|victim| victim.members.clone()).collect();
        prop_assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        for victim in &victims {
            prop_assert!(victim.predicted_relief_bytes >= MIB);
            prop_assert_eq!(victim.members.first(), Some(&victim.root));
            prop_assert!(!victim.shutdown.is_empty());
        }
    }

    #[test]
    fn what_the_tally_predicts_of_a_whole_unit_is_what_the_plan_takes(case in a_case()) {
        let case = Case { state: State::default(), in_flight: Vec::new(), ..case };
        let decided = case.decide();
        if case.snapshot.request.cause != Cause::MemcgLimit && let Some(victim) = decided.plan.victims.first() {
            let is_named = |ranked: &&jettison_model::Ranked| {
                ranked.unit.kind() == victim.unit.kind() && victim.members.contains(&ranked.id)
            };
            let mut predicted = decided.ranking.order.iter().filter(is_named).map(|ranked| ranked.relief_bytes);
            prop_assert!(predicted.any(|bytes| bytes == victim.predicted_relief_bytes), "{victim:?}");
        }
    }

    #[test]
    fn what_is_held_is_between_the_limits_of_the_kernel(case in a_case()) {
        for hold in case.decide().plan.holds {
            prop_assert!((-999..=1000).contains(&hold.value) && hold.value != hold.original);
        }
    }

    #[test]
    fn a_torn_scan_stops_nothing(case in a_case(), parents in vec(0_u32..16, 14), memcgs in vec(0_u32..8, 5)) {
        let mut torn = case;
        let rows = torn.snapshot.processes.len();
        torn.snapshot.processes.parents = parents[..rows].to_vec().into();
        torn.snapshot.memcgs.parents = memcgs.into();
        let decided = torn.decide();
        prop_assert!(decided.ranking.order.len() + decided.ranking.excluded.len() <= rows);
    }
}
