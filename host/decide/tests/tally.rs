//! Several ballots, one ranking: the rules of docs/reference/ballots.md.

mod kit;

use jettison_decide::Settings;
use jettison_model::Target::{Memcg, Process, Tree};
use jettison_model::Tier::{Never, Protected, Sacrifice, Unranked};
use jettison_model::{Snapshot, Vote};
use kit::{MIB, Saying, decide, decide_with, faulted, machine, process, protect, sacrifice, vote};

/// A tree of three (0 ▶ 1 ▶ 2) in `/a/b`, and a process beside it in `/a`.
fn family() -> Snapshot {
    let tree = [process(10), process(10).child_of(0), process(10).child_of(1), process(10)];
    machine(&["/a", "/a/b"], &[0, 1, 2, 3].map(|row| tree[row].clone().inside(u32::from(row < 3))))
}

/// The tier that a single policy gives row 2 of the family.
fn tier_of_grandchild(entries: &[jettison_model::Entry]) -> jettison_model::Tier {
    decide(&family(), &[vote("p", 1, entries)]).tier(2)
}

#[test]
fn within_a_policy_process_beats_tree_beats_memcg() {
    let (memcg, tree, process) = (sacrifice(Memcg(1), 1), sacrifice(Tree(0), 2), sacrifice(Process(2), 3));
    assert_eq!(tier_of_grandchild(&[process, tree.clone(), memcg.clone()]), Sacrifice(3));
    assert_eq!(tier_of_grandchild(&[tree, memcg.clone()]), Sacrifice(2));
    assert_eq!(tier_of_grandchild(&[memcg]), Sacrifice(1));
}

#[test]
fn the_nearest_root_and_the_deepest_memcg_speak() {
    assert_eq!(tier_of_grandchild(&[sacrifice(Tree(1), 5), sacrifice(Tree(0), 900)]), Sacrifice(5));
    assert_eq!(tier_of_grandchild(&[sacrifice(Memcg(0), 900), sacrifice(Memcg(1), 5)]), Sacrifice(5));
    assert_eq!(tier_of_grandchild(&[sacrifice(Memcg(0), 900)]), Sacrifice(900));
}

#[test]
fn within_a_policy_a_narrow_sacrifice_lifts_a_wide_protection() {
    assert_eq!(tier_of_grandchild(&[protect(Memcg(0), 1000), sacrifice(Process(2), 7)]), Sacrifice(7));
}

#[test]
fn across_policies_never_beats_protected_beats_sacrifice_beats_silence() {
    let tiers = |votes: &[Vote]| [0, 1, 2, 3].map(|row| decide(&family(), votes).tier(row));
    let giving = vote("giving", 100, &[0, 1, 2].map(|row| sacrifice(Process(row), 1000)));
    let keeping = vote("keeping", 1, &[protect(Process(0), 1000), protect(Process(1), 1)]);
    let ten = i64::try_from(10 * MIB).unwrap();
    assert_eq!(tiers(&[giving, keeping]), [Never, Protected(1), Sacrifice(100_000), Unranked(ten)]);
}

#[test]
fn strength_is_the_maximum_and_weight_does_not_touch_it() {
    let votes = [vote("a", 100, &[protect(Process(0), 20)]), vote("b", 1, &[protect(Tree(0), 30)])];
    assert_eq!(decide(&family(), &votes).tier(0), Protected(30));
    assert_eq!(decide(&family(), &votes).tier(2), Protected(30));
}

#[test]
fn urgencies_add_up_by_weight_without_a_cap() {
    let votes = [vote("a", 100, &[sacrifice(Process(0), 1000)]), vote("b", 3, &[sacrifice(Tree(0), 7)])];
    assert_eq!(decide(&family(), &votes).tier(0), Sacrifice(100_021));
    assert_eq!(decide(&family(), &votes).tier(1), Sacrifice(21));
}

#[test]
fn the_unit_is_the_target_of_the_largest_weighted_urgency() {
    let votes = [vote("a", 2, &[sacrifice(Process(2), 300)]), vote("b", 7, &[sacrifice(Memcg(0), 100)])];
    assert_eq!(decide(&family(), &votes).ranked(2).unit, Memcg(0));
    let votes = [vote("a", 3, &[sacrifice(Process(2), 300)]), vote("b", 7, &[sacrifice(Memcg(0), 100)])];
    assert_eq!(decide(&family(), &votes).ranked(2).unit, Process(2));
}

#[test]
fn of_equally_urgent_units_the_narrowest_wins() {
    let narrowest = |targets: [jettison_model::Target; 2]| {
        let votes = targets.map(|target| vote(target.kind(), 1, &[sacrifice(target, 50)]));
        decide(&family(), &votes).ranked(2).unit
    };
    assert_eq!(narrowest([Tree(0), Process(2)]), Process(2));
    assert_eq!(narrowest([Memcg(1), Tree(0)]), Tree(0));
    assert_eq!(narrowest([Tree(0), Tree(1)]), Tree(1));
    assert_eq!(narrowest([Memcg(1), Memcg(0)]), Memcg(1));
}

#[test]
fn a_process_that_is_protected_stands_alone() {
    let votes = [vote("a", 1, &[sacrifice(Tree(0), 50)]), vote("b", 1, &[protect(Process(1), 5)])];
    let decided = decide(&family(), &votes);
    assert_eq!((decided.ranked(1).unit, decided.relief_mib(1)), (Process(1), 10));
    assert_eq!((decided.ranked(2).unit, decided.relief_mib(2)), (Tree(0), 20));
}

#[test]
fn relief_is_anon_and_swap_of_all_members_and_the_largest_shmem() {
    let members = [
        process(100).shmem(30).inside(1),
        process(50).swapped(5).shmem(40).child_of(0).inside(1),
        process(7).inside(0),
    ];
    let machine = machine(&["/a", "/a/b"], &members);
    let relief = |target| decide(&machine, &[vote("p", 1, &[sacrifice(target, 1)])]).relief_mib(0);
    assert_eq!(relief(Process(0)), 130);
    assert_eq!(relief(Tree(0)), 195);
    assert_eq!(relief(Memcg(1)), 195);
    assert_eq!(relief(Memcg(0)), 202);
}

#[test]
fn relief_leaves_out_what_is_excluded_or_protected() {
    let members = [process(100), process(50).child_of(0).adj(-1000), process(20).child_of(0)];
    let votes = [vote("a", 1, &[sacrifice(Tree(0), 1)]), vote("b", 1, &[protect(Process(2), 1)])];
    assert_eq!(decide(&machine(&[], &members), &votes).relief_mib(0), 100);
}

#[test]
fn the_order_goes_by_tier_and_within_it_by_strength() {
    let rows = [process(1), process(2), process(3), process(4), process(5), process(6), process(7)];
    let entries = [
        sacrifice(Process(0), 10),
        sacrifice(Process(1), 20),
        protect(Process(4), 900),
        protect(Process(5), 100),
        protect(Process(6), 1000),
    ];
    let machine = machine(&[], &rows);
    assert_eq!(decide(&machine, &[vote("p", 1, &entries)]).order(), [1, 0, 3, 2, 5, 4, 6]);
}

#[test]
fn ties_go_by_relief_then_later_start_then_higher_pid() {
    let rows = [process(5).started(9), process(6).started(1), process(5).started(9), process(5).started(10)];
    let entries = [0, 1, 2, 3].map(|row| sacrifice(Process(row), 1));
    assert_eq!(decide(&machine(&[], &rows), &[vote("p", 1, &entries)]).order(), [1, 3, 2, 0]);
}

#[test]
fn the_unranked_go_by_badness_with_their_original_adjustment() {
    let rows = [process(100), process(10).adj(200), process(50).shmem(60), process(100).adj(-50)];
    let decided = decide(&machine(&[], &rows), &[vote("silent", 1, &[])]);
    assert_eq!(decided.order(), [1, 2, 0, 3]);
    assert!(!decided.ranking.is_builtin);
}

#[test]
fn a_shadow_has_no_say_and_is_not_remembered() {
    let shadow = Vote { shadow: true, ..vote("shadow", 100, &[protect(Process(0), 1000).asking(-900)]) };
    let decided = decide(&family(), &[shadow, vote("p", 1, &[sacrifice(Process(0), 1)])]);
    assert_eq!((decided.tier(0), decided.held(0)), (Sacrifice(1), None));
    assert!(decided.state.last_good.iter().all(|good| good.policy != "shadow"));
}

#[test]
fn without_a_usable_ballot_the_built_in_ranking_gives_up() {
    let shadow = Vote { shadow: true, ..vote("shadow", 1, &[sacrifice(Process(0), 1)]) };
    for votes in [vec![], vec![faulted("p")], vec![faulted("p"), shadow]] {
        let decided = decide(&family(), &votes);
        assert!(decided.ranking.is_builtin);
        assert_eq!(decided.tier(0), Sacrifice(10), "of 1000, 10 MiB of 1000 MiB");
    }
}

#[test]
fn the_built_in_ranking_is_finer_than_a_thousandth() {
    let rows = [process(900).adj(-950), process(800).adj(-999), process(1), process(600).adj(-500)];
    assert_eq!(decide(&machine(&[], &rows), &[]).order(), [3, 2, 0, 1]);
}

#[test]
fn a_faulted_policy_keeps_its_last_good_protections_until_its_next_good_ballot() {
    let entries = [protect(Process(0), 70).asking(-70), sacrifice(Process(1), 9).asking(90)];
    let machine = family();
    let good = decide(&machine, &[vote("p", 1, &entries)]);
    let tick = |votes: &[Vote], state| decide_with(&machine, votes, state, &Settings::default());
    let other = vote("other", 1, &[sacrifice(Process(0), 500)]);
    let faulty = tick(&[faulted("p"), other.clone()], good.state);
    assert_eq!((faulty.tier(0), faulty.held(0), faulty.held(1)), (Protected(70), Some(-70), Some(90)));
    assert!(matches!(faulty.tier(1), Unranked(_)), "what it gave up is not: {:?}", faulty.tier(1));
    let faulty_again = tick(&[faulted("p"), other.clone()], faulty.state);
    assert_eq!(faulty_again.tier(0), Protected(70));
    let well = tick(&[vote("p", 1, &[]), other.clone()], faulty_again.state);
    assert_eq!((well.tier(0), well.held(0), well.held(1)), (Sacrifice(500), None, None));
    assert_eq!(tick(&[faulted("p"), other], well.state).tier(0), Sacrifice(500));
}

#[test]
fn what_is_remembered_is_about_a_process_and_not_about_a_pid() {
    let before = family();
    let state = decide(&before, &[vote("p", 1, &[protect(Tree(0), 70)])]).state;
    let mut now = before.clone();
    std::sync::Arc::make_mut(&mut now.processes.start_times)[1] += 1;
    let decided = decide_with(&now, &[faulted("p")], state, &Settings::default());
    assert_eq!((decided.tier(0), decided.tier(1)), (Protected(70), Sacrifice(10)));
}

#[test]
fn a_removed_policy_is_forgotten() {
    let mut state = decide(&family(), &[vote("p", 1, &[protect(Tree(0), 70)])]).state;
    state.keep_policies(|policy| policy == "q");
    assert_eq!(state.last_good, []);
}
