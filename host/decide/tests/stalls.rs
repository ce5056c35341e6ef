//! Stalls as a cause: the host that thrashes, a memcg at `memory.high`, a trigger that has fired.

use std::sync::Arc;

use jettison_decide::{Settings, Signals, State, gate};
use jettison_model::{Cause, Request, Snapshot, column};

const MIB: u64 = 1 << 20;

/// The host is half free and stalls; `/unit` is throttled at its `high`.
fn stalled() -> Snapshot {
    let mut snapshot = Snapshot { now_ms: 10_000, ..Snapshot::default() };
    snapshot.host.memory_total_bytes = 1000 * MIB;
    snapshot.host.memory_available_bytes = 500 * MIB;
    snapshot.host.memory_free_bytes = 10 * MIB;
    snapshot.host.trend.memory_stall_full_us_per_s = 600_000;
    snapshot.host.trend.memory_stall_full_10s_us_per_s = 500_000;
    snapshot.host.taken_bytes = 100 * MIB;
    snapshot.host.trend.refault_file_bytes_per_s = 2 * MIB;
    snapshot.memcgs.paths = [b"/".as_slice(), b"/unit"].into_iter().collect();
    snapshot.memcgs.max_bytes = Arc::new(vec![column::UNLIMITED_U64; 2]);
    snapshot.memcgs.high_bytes = Arc::new(vec![column::UNLIMITED_U64, 100 * MIB]);
    snapshot.memcgs.current_bytes = Arc::new(vec![500 * MIB, 101 * MIB]);
    snapshot.memcgs.pressures_full_avg10 = Arc::new(vec![column::NONE_U32, 8_000]);
    snapshot.memcgs.anon_bytes = Arc::new(vec![500 * MIB, 100 * MIB]);
    snapshot.memcgs.refaults_per_s = Arc::new(vec![0, 0]);
    snapshot
}

fn caused(snapshot: &Snapshot, signals: &Signals) -> Request {
    gate(snapshot, signals, &Settings::default(), &State::default())
}

#[test]
fn a_host_that_thrashes_lacks_what_refaults_however_much_is_available() {
    let request = caused(&stalled(), &Signals::default());
    assert_eq!((request.cause, request.deficit_bytes), (Cause::Pressure, 0));
    assert_eq!((request.need_bytes, request.scale_bytes), (20 * MIB, 50 * MIB));
    let mut short = stalled();
    short.host.memory_available_bytes = 20 * MIB;
    assert_eq!(caused(&short, &Signals::default()).cause, Cause::Critical);
}

#[test]
fn a_memcg_that_is_throttled_at_high_is_a_cause_of_its_own_on_a_calm_host() {
    let mut snapshot = stalled();
    snapshot.host.memory_free_bytes = 400 * MIB;
    let request = caused(&snapshot, &Signals::default());
    assert_eq!((request.cause, request.cause_memcg), (Cause::MemcgLimit, 1));
    assert_eq!((request.need_bytes, request.scale_bytes), (8 * MIB, 8 * MIB));
    snapshot.memcgs.pressures_full_avg10 = Arc::new(vec![column::NONE_U32, 1_000]);
    assert_eq!(caused(&snapshot, &Signals::default()).cause, Cause::Routine);
}

#[test]
fn a_fired_trigger_of_a_memcg_counts_for_that_memcg_alone() {
    let mut snapshot = stalled();
    snapshot.host.memory_free_bytes = 400 * MIB;
    snapshot.memcgs.pressures_full_avg10 = Arc::new(vec![column::NONE_U32, 0]);
    snapshot.memcgs.high_bytes = Arc::new(vec![column::UNLIMITED_U64; 2]);
    let fired = |path: &str, at_ms| Signals {
        memcg_psi_fired_at_ms: vec![(path.into(), at_ms)],
        ..Signals::default()
    };
    let request = caused(&snapshot, &fired("/unit", 8_000));
    assert_eq!((request.cause, request.cause_memcg), (Cause::MemcgLimit, 1));
    assert!(request.need_bytes > 0);
    assert_eq!(caused(&snapshot, &fired("/unit", 7_999)).cause, Cause::Routine);
    assert_eq!(caused(&snapshot, &fired("/other", 9_000)).cause, Cause::Routine);
}
