//! Levels, signals, and memcgs at their limits.

use super::*;
use alloc::vec;

const MIB: u64 = 1 << 20;

fn host(available_mib: u64) -> Snapshot {
    let host = Host {
        memory_total_bytes: 1000 * MIB,
        memory_available_bytes: available_mib * MIB,
        ..Host::default()
    };
    Snapshot { host, now_ms: 10_000, ..Snapshot::default() }
}

fn cause(snapshot: &Snapshot, signals: Signals) -> (Cause, u64) {
    let request = gate(snapshot, &signals, &Settings::default(), &State::default());
    (request.cause, request.deficit_bytes / MIB)
}

#[test]
fn each_level_has_its_cause_and_a_bound_is_part_of_its_level() {
    let quiet = Signals::default;
    assert_eq!(cause(&host(151), quiet()), (Cause::Routine, 0));
    assert_eq!(cause(&host(150), quiet()), (Cause::Warning, 0));
    assert_eq!(cause(&host(81), quiet()), (Cause::Warning, 69));
    assert_eq!(cause(&host(80), quiet()), (Cause::Pressure, 70));
    assert_eq!(cause(&host(30), quiet()), (Cause::Critical, 120));
    assert_eq!(cause(&host(500), Signals { is_manual: true, ..quiet() }), (Cause::Manual, 0));
}

#[test]
fn a_psi_trigger_counts_for_two_seconds_and_only_below_warn() {
    let fired = |at| Signals { psi_fired_at_ms: Some(at), ..Signals::default() };
    assert_eq!(cause(&host(120), fired(8_000)).0, Cause::Pressure);
    assert_eq!(cause(&host(120), fired(7_999)).0, Cause::Warning);
    assert_eq!(cause(&host(500), fired(9_999)).0, Cause::Routine);
    let mut free = host(120);
    free.host.memory_free_bytes = 110 * MIB;
    assert_eq!(cause(&free, fired(9_000)).0, Cause::Warning, "a memcg stalls at its own limit");
    free.host.memory_free_bytes = 30 * MIB;
    assert_eq!(cause(&free, fired(9_000)).0, Cause::Pressure);
}

#[test]
fn free_swap_holds_back_pressure_but_never_critical() {
    let mut settings = Settings::default();
    settings.thresholds.swap_free_percent = Some(10);
    let mut snapshot = host(60);
    (snapshot.host.swap_total_bytes, snapshot.host.swap_free_bytes) = (100 * MIB, 11 * MIB);
    assert_eq!(gate(&snapshot, &Signals::default(), &settings, &State::default()).cause, Cause::Warning);
    let swaps = Signals { psi_fired_at_ms: Some(snapshot.now_ms), ..Signals::default() };
    assert_eq!(gate(&snapshot, &swaps, &settings, &State::default()).cause, Cause::Warning);
    snapshot.host.swap_free_bytes = 10 * MIB;
    assert_eq!(gate(&snapshot, &Signals::default(), &settings, &State::default()).cause, Cause::Pressure);
    snapshot.host.swap_free_bytes = 100 * MIB;
    snapshot.host.memory_available_bytes = 20 * MIB;
    assert_eq!(gate(&snapshot, &Signals::default(), &settings, &State::default()).cause, Cause::Critical);
}

#[test]
fn a_host_that_stands_at_act_without_a_victim_lets_memcgs_have_their_turn() {
    let mut snapshot = host(60);
    snapshot.memcgs.paths = [b"/".as_slice(), b"/db"].into_iter().collect();
    snapshot.memcgs.max_bytes = Arc::new(vec![column::UNLIMITED_U64, 100 * MIB]);
    snapshot.memcgs.current_bytes = Arc::new(vec![500 * MIB, 99 * MIB]);
    snapshot.memcgs.reclaimable_bytes = Arc::new(vec![0, 0]);
    let cause = |snapshot: &Snapshot, state: &State| {
        gate(snapshot, &Signals::default(), &Settings::default(), state).cause
    };
    let mut state = State::default();
    assert_eq!(cause(&snapshot, &state), Cause::Pressure);
    state.pass_memcg(State::HOST, snapshot.now_ms);
    assert_eq!(cause(&snapshot, &state), Cause::MemcgLimit);
    state.pass_memcg(b"/db", snapshot.now_ms);
    assert_eq!(cause(&snapshot, &state), Cause::Pressure, "it has had its turn");
    snapshot.host.memory_available_bytes = 20 * MIB;
    assert_eq!(cause(&snapshot, &State { passed_memcgs: vec![], ..state }), Cause::Critical);
}

#[test]
fn a_cap_keeps_large_machines_from_acting_early() {
    let bound = Bound { percent: 8, cap_bytes: 2048 * MIB };
    assert_eq!(bound.of(1000 * MIB), 80 * MIB);
    assert_eq!(bound.of(1 << 40), 2048 * MIB);
}

#[test]
fn a_memcg_near_its_own_limit_is_a_cause_of_its_own() {
    let mut snapshot = host(900);
    snapshot.memcgs.paths = [b"/".as_slice(), b"/db", b"/web"].into_iter().collect();
    snapshot.memcgs.max_bytes = Arc::new(vec![column::UNLIMITED_U64, 100 * MIB, 100 * MIB]);
    snapshot.memcgs.current_bytes = Arc::new(vec![500 * MIB, 99 * MIB, 99 * MIB]);
    snapshot.memcgs.reclaimable_bytes = Arc::new(vec![0, 4 * MIB, 40 * MIB]);
    let request = gate(&snapshot, &Signals::default(), &Settings::default(), &State::default());
    assert_eq!((request.cause, request.cause_memcg, request.deficit_bytes), (Cause::MemcgLimit, 1, 10 * MIB));
    snapshot.request = request;
    assert!(!is_critical(&snapshot, &Settings::default().thresholds));
    let unwatched = Settings { watch: Watch::Paths(vec!["/web".into()]), ..Settings::default() };
    assert_eq!(gate(&snapshot, &Signals::default(), &unwatched, &State::default()).cause, Cause::Routine);
    let elsewhere = Settings { scope: Some("/web".into()), ..Settings::default() };
    assert_eq!(gate(&snapshot, &Signals::default(), &elsewhere, &State::default()).cause, Cause::Routine);
}

#[test]
fn of_several_memcgs_near_their_limits_the_one_with_the_least_left_is_the_cause() {
    let mut snapshot = host(900);
    snapshot.memcgs.paths = [b"/a".as_slice(), b"/b", b"/c"].into_iter().collect();
    snapshot.memcgs.max_bytes = Arc::new(vec![100 * MIB; 3]);
    let cause_memcg = |left_mib: [u64; 3]| {
        let mut snapshot = snapshot.clone();
        snapshot.memcgs.current_bytes = Arc::new(left_mib.map(|left| (100 - left) * MIB).to_vec());
        gate(&snapshot, &Signals::default(), &Settings::default(), &State::default()).cause_memcg
    };
    assert_eq!(cause_memcg([8, 4, 7]), 1);
    assert_eq!(cause_memcg([50, 6, 6]), 1);
    assert_eq!(cause_memcg([9, 15, 50]), column::NONE_U32, "below warn is not yet at the limit");
}

/// `/a` with the least left, and `/b`.
fn two_at_their_limits() -> Snapshot {
    let mut snapshot = host(900);
    snapshot.memcgs.paths = [b"/a".as_slice(), b"/b"].into_iter().collect();
    snapshot.memcgs.max_bytes = Arc::new(vec![100 * MIB; 2]);
    snapshot.memcgs.current_bytes = Arc::new(vec![99 * MIB, 97 * MIB]);
    snapshot
}

#[test]
fn a_memcg_that_could_give_back_next_to_nothing_hides_no_other() {
    let mut snapshot = two_at_their_limits();
    let cause_memcg = |snapshot: &Snapshot| {
        gate(snapshot, &Signals::default(), &Settings::default(), &State::default()).cause_memcg
    };
    assert_eq!(cause_memcg(&snapshot), 0);
    snapshot.memcgs.max_bytes = Arc::new(vec![0, 100 * MIB]);
    snapshot.memcgs.current_bytes = Arc::new(vec![0, 97 * MIB]);
    assert_eq!(cause_memcg(&snapshot), 1, "an empty one with a limit of 0");
    snapshot.memcgs.max_bytes = Arc::new(vec![100 * MIB; 2]);
    snapshot.memcgs.current_bytes = Arc::new(vec![99 * MIB, 97 * MIB]);
    snapshot.memcgs.anon_bytes = Arc::new(vec![2 * MIB, 97 * MIB]);
    snapshot.memcgs.shmem_bytes = Arc::new(vec![0, 0]);
    assert_eq!(cause_memcg(&snapshot), 1, "one full of slab");
    snapshot.memcgs.max_bytes = Arc::new(vec![100 * MIB, column::UNLIMITED_U64]);
    assert_eq!(cause_memcg(&snapshot), column::NONE_U32);
}

#[test]
fn a_memcg_without_a_victim_comes_after_the_others_for_a_while() {
    let snapshot = two_at_their_limits();
    let mut state = State::default();
    let cause_memcg =
        |state: &State| gate(&snapshot, &Signals::default(), &Settings::default(), state).cause_memcg;
    state.pass_memcg(b"/a", 10_000);
    assert_eq!(cause_memcg(&state), 1);
    state.pass_memcg(b"/b", 10_100);
    assert_eq!(cause_memcg(&state), 0, "both: as if none");
    state.forget_before(19_999);
    assert!(state.has_passed(b"/a"));
    state.forget_before(20_000);
    assert!(!state.has_passed(b"/a") && state.has_passed(b"/b"));
}
