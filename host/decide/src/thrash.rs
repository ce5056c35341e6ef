//! Thrashing: all tasks stall on memory, and what they wait for is read back as soon as it is dropped.
//!
//! `MemAvailable` counts the page cache, and a working set in it is called available until the host stands
//! still (systemd#25596). So the stall is the cause, not what is left. A stream of files does not stall
//! tasks, since the kernel counts a wait for a page as one only if the page was in use before it was dropped
//! (Documentation/accounting/psi.rst, `PG_workingset` in mm/filemap.c); and one that refaults nothing is no
//! thrashing whatever stalls.

use jettison_model::column::{NONE_U32, known_u64};
use jettison_model::{Limit, Memcgs, Snapshot};

use crate::settings::{Settings, Thrash};
use crate::state::State;

/// Less than this many bytes that come back in a second explain no stall: 64 pages, which the slowest disk
/// reads.
const REFAULTS_MIN_BYTES_PER_S: u64 = 256 << 10;
/// A memcg is at its bound when less than this part of it is left.
const AT_BOUND_PART: u64 = 32;
/// Pages of a memcg's `memory.stat`.
const PAGE_BYTES: u64 = 4096;
/// Refaults of so many seconds are missing: what was dropped comes back once or twice in that time.
const NEED_S: u64 = 10;
/// No more than this part of a domain is missing by refaults alone.
const NEED_PART: u64 = 4;

/// What is missing if the host thrashes, from the refaults of ten seconds.
///
/// The memory that the end of a victim gives back takes effect at once, but the sums remember: after one has
/// been named for the host, the whole span must have passed again.
pub(crate) fn of_host(snapshot: &Snapshot, settings: &Settings, state: &State) -> Option<u64> {
    let (host, trend) = (&snapshot.host, &snapshot.host.trend);
    if settings.scope.is_some() {
        // Its refaults are those of a memcg.
        return None;
    }
    let refaults = [trend.refault_anon_bytes_per_s, trend.refault_file_bytes_per_s];
    let refaults = refaults.into_iter().filter_map(known_u64).fold(0, u64::saturating_add);
    let stalls_now = known_u64(trend.memory_stall_full_us_per_s)?;
    let is_stalled = settings.thrash.iter().any(|thrash| {
        let over = known_u64(thrash.over.of(trend));
        over.is_some_and(|over| over >= thrash.us_per_s())
            // A stall that has ended is none.
            && stalls_now >= thrash.us_per_s() / 2
            && !is_within(thrash.over.ms(), state.host_named_at_ms, snapshot)
    });
    let need_bytes = missing(refaults, host.memory_total_bytes);
    // A process that reads its files again and again on an idle host stalls all tasks, since it is the only
    // one. Where nothing was taken from the working set, nothing is to blame.
    let is_taken = known_u64(host.taken_bytes).is_some_and(|taken| taken >= need_bytes / 2);
    let is_thrash = is_stalled && is_taken && refaults >= REFAULTS_MIN_BYTES_PER_S;
    (is_thrash && host.is_reclaimed_from()).then_some(need_bytes)
}

/// A memcg that stalls at a bound of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stalled {
    /// The bound.
    pub(crate) total_bytes: u64,
    /// What is left below it.
    pub(crate) left_bytes: u64,
    /// What refaults, of ten seconds.
    pub(crate) need_bytes: u64,
    /// Hundredths of a percent.
    pub(crate) full_avg10: u32,
}

/// Whether all tasks of a memcg stall by the first of `[trigger] thrash`, at `memory.high`, where the kernel
/// throttles them (admin-guide/cgroup-v2.rst), or at `memory.max` while its pages refault; and three quarters
/// of the bound are no page cache, so that ending a process is what helps.
pub(crate) fn of_memcg(
    snapshot: &Snapshot,
    row: usize,
    settings: &Settings,
    state: &State,
) -> Option<Stalled> {
    let memcgs = &snapshot.memcgs;
    let last = state.last_named_ms();
    let thrash = settings.thrash.iter().filter(|thrash| !is_within(thrash.over.ms(), last, snapshot));
    let percent = thrash.map(|thrash| thrash.full_percent).max()?;
    let full_avg10 = *memcgs.pressures_full_avg10.get(row)?;
    if full_avg10 == NONE_U32 || full_avg10 < percent.saturating_mul(100) {
        return None;
    }
    let usage = known_u64(*memcgs.current_bytes.get(row)?)?;
    let shmem = memcgs.shmem_bytes.get(row).copied().and_then(known_u64).unwrap_or(0);
    let kept = known_u64(*memcgs.anon_bytes.get(row)?)?.saturating_add(shmem);
    let bound = |column: &[u64]| {
        let bound = Limit::of(*column.get(row)?).bytes()?;
        let left_bytes = bound.saturating_sub(usage);
        // With more page cache than that it is one that reads more than its bound allows.
        let is_full = left_bytes <= bound / AT_BOUND_PART && kept >= bound / 4 * 3;
        is_full.then_some((bound, left_bytes))
    };
    let refaults = memcgs.refaults_per_s.get(row).copied().and_then(known_u64).unwrap_or(0);
    let refaults = refaults.saturating_mul(PAGE_BYTES);
    let (total_bytes, left_bytes) = bound(&memcgs.high_bytes)
        .or_else(|| bound(&memcgs.max_bytes).filter(|_| refaults >= REFAULTS_MIN_BYTES_PER_S))?;
    Some(Stalled { total_bytes, left_bytes, need_bytes: missing(refaults, total_bytes), full_avg10 })
}

/// The same of a memcg whose configured PSI trigger has fired, whatever its bounds are. Without any it is
/// what it holds that is too much.
pub(crate) fn of_fired(memcgs: &Memcgs, row: usize) -> Option<Stalled> {
    let usage = known_u64(*memcgs.current_bytes.get(row)?)?;
    let bound = |column: &[u64]| column.get(row).and_then(|&bound| Limit::of(bound).bytes());
    let bounds = [bound(&memcgs.high_bytes), bound(&memcgs.max_bytes)];
    let total_bytes = bounds.into_iter().flatten().min().unwrap_or(usage);
    let refaults = memcgs.refaults_per_s.get(row).copied().and_then(known_u64).unwrap_or(0);
    Some(Stalled {
        total_bytes,
        left_bytes: total_bytes.saturating_sub(usage),
        need_bytes: missing(refaults.saturating_mul(PAGE_BYTES), total_bytes),
        full_avg10: memcgs
            .pressures_full_avg10
            .get(row)
            .copied()
            .filter(|&full| full != NONE_U32)
            .unwrap_or(0),
    })
}

fn missing(refaults_bytes_per_s: u64, total_bytes: u64) -> u64 {
    refaults_bytes_per_s.saturating_mul(NEED_S).min(total_bytes / NEED_PART)
}

fn is_within(ms: u64, at_ms: Option<u64>, snapshot: &Snapshot) -> bool {
    at_ms.is_some_and(|at| snapshot.now_ms.saturating_sub(at) < ms)
}

impl Thrash {
    fn us_per_s(self) -> u64 {
        u64::from(self.full_percent) * 10_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::StallSpan;
    use alloc::vec;
    use alloc::vec::Vec;
    use jettison_model::column::{Column, UNKNOWN_U64, UNLIMITED_U64};
    use jettison_model::{Host, Trend};

    const MIB: u64 = 1 << 20;

    /// 1000 MiB, 20 of them free: all tasks stall for so many percent of the time over 10 and 30 s, and now.
    fn host(short: u64, long: u64, now: u64) -> Snapshot {
        let trend = Trend {
            refault_anon_bytes_per_s: MIB,
            refault_file_bytes_per_s: 3 * MIB,
            memory_stall_full_us_per_s: now * 10_000,
            memory_stall_full_10s_us_per_s: short * 10_000,
            memory_stall_full_30s_us_per_s: long * 10_000,
            ..Trend::UNKNOWN
        };
        let host = Host {
            memory_total_bytes: 1000 * MIB,
            memory_available_bytes: 300 * MIB,
            memory_free_bytes: 20 * MIB,
            taken_bytes: 200 * MIB,
            trend,
            ..Host::default()
        };
        Snapshot { host, now_ms: 100_000, ..Snapshot::default() }
    }

    fn missing_mib(snapshot: &Snapshot) -> Option<u64> {
        of_host(snapshot, &Settings::default(), &State::default()).map(|bytes| bytes / MIB)
    }

    #[test]
    fn either_span_is_enough_while_the_stall_lasts() {
        assert_eq!(missing_mib(&host(40, 14, 60)), Some(40));
        assert_eq!(missing_mib(&host(39, 19, 60)), None);
        assert_eq!(missing_mib(&host(25, 20, 10)), Some(40));
        assert_eq!(missing_mib(&host(60, 30, 9)), None, "it is over");
    }

    #[test]
    fn a_stall_without_refaults_or_with_much_free_is_no_thrashing() {
        let mut streaming = host(60, 30, 60);
        streaming.host.trend.refault_anon_bytes_per_s = 0;
        streaming.host.trend.refault_file_bytes_per_s = REFAULTS_MIN_BYTES_PER_S - 1;
        assert_eq!(missing_mib(&streaming), None);
        let mut elsewhere = host(60, 30, 60);
        elsewhere.host.memory_free_bytes = 65 * MIB;
        assert_eq!(missing_mib(&elsewhere), None, "a memcg stalls at its own limit");
    }

    #[test]
    fn where_nothing_was_taken_nothing_is_to_blame() {
        let mut reader = host(90, 90, 90);
        for (taken, expected) in [(20 * MIB, Some(40)), (20 * MIB - 1, None), (UNKNOWN_U64, None)] {
            reader.host.taken_bytes = taken;
            assert_eq!(missing_mib(&reader), expected);
        }
    }

    #[test]
    fn no_more_than_a_quarter_of_the_host_is_missing() {
        let mut fast = host(60, 30, 60);
        fast.host.trend.refault_file_bytes_per_s = 500 * MIB;
        assert_eq!(missing_mib(&fast), Some(250));
    }

    #[test]
    fn after_a_victim_a_whole_span_must_pass() {
        let state = |ago_ms: u64| State { host_named_at_ms: Some(100_000 - ago_ms), ..State::default() };
        let snapshot = host(60, 10, 60);
        let is_cause = |state: &State| of_host(&snapshot, &Settings::default(), state).is_some();
        assert!(!is_cause(&state(9_999)) && is_cause(&state(10_000)));
        let of_a_memcg = State { named_at_ms: vec![99_999], ..State::default() };
        assert!(is_cause(&of_a_memcg), "one that went for a memcg gives the host next to nothing");
    }

    #[test]
    fn it_can_be_turned_off() {
        let settings = Settings { thrash: Vec::new(), ..Settings::default() };
        assert_eq!(of_host(&host(90, 90, 90), &settings, &State::default()), None);
    }

    /// `/a` with 98 MiB of 100, full of stalls.
    fn memcg(high_mib: Option<u64>, max_mib: Option<u64>, refaults_per_s: u64) -> Snapshot {
        let mut snapshot = host(0, 0, 0);
        let bound = |mib: Option<u64>| Column::new(vec![mib.map_or(UNLIMITED_U64, |mib| mib * MIB)]);
        let memcgs = &mut snapshot.memcgs;
        memcgs.paths = [b"/a".as_slice()].into_iter().collect();
        memcgs.current_bytes = Column::new(vec![98 * MIB]);
        (memcgs.high_bytes, memcgs.max_bytes) = (bound(high_mib), bound(max_mib));
        memcgs.anon_bytes = Column::new(vec![90 * MIB]);
        memcgs.pressures_full_avg10 = Column::new(vec![4_000]);
        memcgs.refaults_per_s = Column::new(vec![refaults_per_s]);
        snapshot
    }

    fn stalled(snapshot: &Snapshot) -> Option<(u64, u64, u64)> {
        let settings = Settings {
            thrash: vec![Thrash { full_percent: 40, over: StallSpan::Short }],
            ..Settings::default()
        };
        let found = of_memcg(snapshot, 0, &settings, &State::default())?;
        Some((found.total_bytes / MIB, found.left_bytes / MIB, found.need_bytes / MIB))
    }

    #[test]
    fn a_memcg_stalls_at_high_or_by_refaults_at_its_limit() {
        assert_eq!(stalled(&memcg(Some(100), None, 0)), Some((100, 2, 0)));
        assert_eq!(stalled(&memcg(Some(90), Some(200), 0)), Some((90, 0, 0)), "above it");
        assert_eq!(stalled(&memcg(Some(150), None, 0)), None, "far from it");
        assert_eq!(stalled(&memcg(None, Some(100), 512)), Some((100, 2, 20)));
        assert_eq!(stalled(&memcg(None, Some(100), 10)), None, "nothing comes back");
        assert_eq!(stalled(&memcg(None, None, 512)), None);
        let mut reading = memcg(Some(100), Some(100), 512);
        reading.memcgs.anon_bytes = Column::new(vec![75 * MIB - 1]);
        assert_eq!(stalled(&reading), None, "page cache");
        let mut calm = memcg(Some(100), None, 0);
        for pressure in [3_999, NONE_U32] {
            calm.memcgs.pressures_full_avg10 = Column::new(vec![pressure]);
            assert_eq!(stalled(&calm), None);
        }
    }
}
