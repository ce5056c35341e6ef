//! Why this tick happens: the most severe cause that holds, and how much memory is missing.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Reverse;

use jettison_model::column::{known_u64, row};
use jettison_model::{Cause, Host, Limit, Memcgs, Request, Snapshot, column};

use crate::eligible::is_in_scope;
use crate::settings::{Bound, Settings, Thresholds, Watch};
use crate::state::State;
use crate::thrash;

/// A memcg that holds less is no cause, whatever its limit.
const WORTH_MIN_BYTES: u64 = 1 << 20;
/// A PSI trigger counts for so long.
pub const PSI_FRESH_MS: u64 = 2_000;

/// What woke the tick, besides memory itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// When a PSI trigger of the host last fired, by the boot clock.
    pub psi_fired_at_ms: Option<u64>,
    /// The memcgs of which a PSI trigger has fired, by path, and when it last did.
    pub memcg_psi_fired_at_ms: Vec<(Arc<str>, u64)>,
    /// This tick was asked for.
    pub is_manual: bool,
}

/// How severe the state of one memory domain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Above `warn`.
    Calm,
    /// Below `warn`.
    Warn,
    /// At or below `act`.
    Act,
    /// At or below `critical`.
    Critical,
}

/// The level of a domain with so much memory, of which so much is available.
#[must_use]
pub fn level(total_bytes: u64, available_bytes: u64, thresholds: &Thresholds) -> Level {
    if available_bytes <= thresholds.critical.of(total_bytes) {
        Level::Critical
    } else if available_bytes <= thresholds.act.of(total_bytes) {
        Level::Act
    } else if available_bytes <= thresholds.warn.of(total_bytes) {
        Level::Warn
    } else {
        Level::Calm
    }
}

/// A memcg's own limit and what is left below it. `None` where it has no limit or the kernel did not say.
///
/// Left is limit - usage + what the kernel can take back from it without swapping.
#[must_use]
pub fn headroom(memcgs: &Memcgs, row: usize) -> Option<(u64, u64)> {
    let limit = Limit::of(*memcgs.max_bytes.get(row)?).bytes()?;
    let usage = known_u64(*memcgs.current_bytes.get(row)?)?;
    let reclaimable = memcgs.reclaimable_bytes.get(row).copied().and_then(known_u64).unwrap_or(0);
    Some((limit, limit.saturating_sub(usage).saturating_add(reclaimable).min(limit)))
}

/// The most severe cause that holds.
#[must_use]
pub fn gate(snapshot: &Snapshot, signals: &Signals, settings: &Settings, state: &State) -> Request {
    let host = &snapshot.host;
    let thresholds = &settings.thresholds;
    let at = level(host.memory_total_bytes, host.memory_available_bytes, thresholds);
    let is_held_back = at == Level::Act && has_swap_left(snapshot, thresholds);
    let at = if is_held_back { Level::Warn } else { at };
    // The host's pressure is the sum of its memcgs': one that is at its own limit stalls nothing else.
    let psi = signals.psi_fired_at_ms.is_some_and(|fired| is_fresh(snapshot, fired))
        && !is_held_back
        && !has_plenty_free(host);
    let of_host = |cause, armed_by| Request {
        cause,
        ..request(host.memory_total_bytes, host.memory_available_bytes, thresholds, armed_by)
    };
    match at {
        Level::Critical => return of_host(Cause::Critical, Some(thresholds.act)),
        Level::Act => return of_host(Cause::Pressure, Some(thresholds.act)),
        Level::Warn | Level::Calm => {}
    }
    if let Some(need_bytes) = thrash::of_host(snapshot, settings, state) {
        return thrashing(of_host(Cause::Pressure, Some(thresholds.act)), need_bytes);
    }
    if let Some(request) = nearest_limit(snapshot, settings, state) {
        return request;
    }
    if let Some(request) = stalled_memcg(snapshot, signals, settings, state) {
        return request;
    }
    match at {
        Level::Warn if psi => of_host(Cause::Pressure, Some(thresholds.warn)),
        Level::Warn => of_host(Cause::Warning, None),
        Level::Calm | Level::Act | Level::Critical if signals.is_manual => of_host(Cause::Manual, None),
        Level::Calm | Level::Act | Level::Critical => of_host(Cause::Routine, None),
    }
}

/// Whether so much is free that the kernel reclaims nothing from the host as a whole.
fn has_plenty_free(host: &Host) -> bool {
    known_u64(host.memory_free_bytes).is_some() && !host.is_reclaimed_from()
}

fn is_fresh(snapshot: &Snapshot, fired_at_ms: u64) -> bool {
    snapshot.now_ms.saturating_sub(fired_at_ms) <= PSI_FRESH_MS
}

/// Whether the request concerns a domain that is at its critical level, which lifts cool-downs.
#[must_use]
pub fn is_critical(snapshot: &Snapshot, thresholds: &Thresholds) -> bool {
    match (snapshot.request.cause, row(snapshot.request.cause_memcg)) {
        (Cause::Critical, _) => true,
        (Cause::MemcgLimit, Some(memcg)) => headroom(&snapshot.memcgs, memcg)
            .is_some_and(|(limit, left)| level(limit, left, thresholds) == Level::Critical),
        _ => false,
    }
}

/// Whether the domain of the request has come to the level at which victims are named. A stall arms above it,
/// too.
pub(crate) fn is_at_act(snapshot: &Snapshot, thresholds: &Thresholds) -> bool {
    let host = &snapshot.host;
    let of_memcg = row(snapshot.request.cause_memcg).filter(|_| snapshot.request.cause == Cause::MemcgLimit);
    let (total, available) = match of_memcg.and_then(|memcg| headroom(&snapshot.memcgs, memcg)) {
        Some(of_limit) => of_limit,
        None if of_memcg.is_some() => return false,
        None => (host.memory_total_bytes, host.memory_available_bytes),
    };
    matches!(level(total, available, thresholds), Level::Act | Level::Critical)
}

fn has_swap_left(snapshot: &Snapshot, thresholds: &Thresholds) -> bool {
    let Some(percent) = thresholds.swap_free_percent.filter(|_| snapshot.host.swap_total_bytes > 0) else {
        return false;
    };
    let floor = u128::from(snapshot.host.swap_total_bytes) * u128::from(percent) / 100;
    u128::from(snapshot.host.swap_free_bytes) > floor
}

/// The watched memcg that is closest to its own limit, if one is at `act`.
///
/// A tenant with memcgs of its own sets their limits. So one from which too little can come back is no cause,
/// and one for which no victim was found of late comes after all others: no memcg can hide another.
fn nearest_limit(snapshot: &Snapshot, settings: &Settings, state: &State) -> Option<Request> {
    let memcgs = &snapshot.memcgs;
    (0..memcgs.len())
        .filter(|&row| is_watched(memcgs.paths.get(row), settings))
        .filter_map(|row| Some((row, headroom(memcgs, row)?)))
        .filter(|&(_, (limit, left))| level(limit, left, &settings.thresholds) >= Level::Act)
        .map(|(row, (limit, left))| (row, left, of_memcg(row, limit, left, &settings.thresholds)))
        .filter(|(row, _, request)| is_worth_a_plan(memcgs, *row, request.scale_bytes))
        .min_by_key(|&(row, left, _)| (state.has_passed(memcgs.paths.get(row)), left, row))
        .map(|(_, _, request)| request)
}

/// A memcg in which tasks stall, though its limit is not near: a watched one that is throttled at
/// `memory.high` or thrashes at its limit, or one whose configured PSI trigger has fired. Of several the one
/// that stalls most.
fn stalled_memcg(
    snapshot: &Snapshot,
    signals: &Signals,
    settings: &Settings,
    state: &State,
) -> Option<Request> {
    let memcgs = &snapshot.memcgs;
    let has_fired = |path: &[u8]| {
        let mut fired = signals.memcg_psi_fired_at_ms.iter();
        fired.any(|(memcg, at_ms)| memcg.as_bytes() == path && is_fresh(snapshot, *at_ms))
    };
    let stalled = |row: usize| {
        let path = memcgs.paths.get(row);
        let by_itself = is_watched(path, settings).then(|| thrash::of_memcg(snapshot, row, settings, state));
        by_itself.flatten().or_else(|| thrash::of_fired(memcgs, row).filter(|_| has_fired(path)))
    };
    let found = (0..memcgs.len())
        .filter_map(|row| Some((row, stalled(row)?)))
        .filter(|&(row, stalled)| is_worth_a_plan(memcgs, row, stalled.need_bytes))
        .max_by_key(|&(row, stalled)| {
            (!state.has_passed(memcgs.paths.get(row)), stalled.full_avg10, Reverse(row))
        });
    let (row, stalled) = found?;
    let request = of_memcg(row, stalled.total_bytes, stalled.left_bytes, &settings.thresholds);
    Some(thrashing(request, stalled.need_bytes))
}

/// What a memcg lacks that has so much left below a bound of its own.
fn of_memcg(row: usize, bound_bytes: u64, left_bytes: u64, thresholds: &Thresholds) -> Request {
    Request {
        cause: Cause::MemcgLimit,
        cause_memcg: u32::try_from(row).unwrap_or(column::NONE_U32),
        ..request(bound_bytes, left_bytes, thresholds, Some(thresholds.act))
    }
}

/// The same request where what refaults is missing, too.
fn thrashing(request: Request, refaults_bytes: u64) -> Request {
    let need_bytes = request.need_bytes.max(refaults_bytes);
    Request { need_bytes, scale_bytes: request.scale_bytes.max(need_bytes), ..request }
}

/// Whether ending all processes of a memcg could give back what a plan must (the law *no hopeless plan*).
/// Pages of files come back without, and are left out where the kernel tells them apart.
fn is_worth_a_plan(memcgs: &Memcgs, row: usize, scale_bytes: u64) -> bool {
    let of = |column: &[u64]| column.get(row).copied().and_then(known_u64);
    let charged = of(&memcgs.current_bytes).unwrap_or(0);
    let kept = of(&memcgs.anon_bytes).map(|anon| anon.saturating_add(of(&memcgs.shmem_bytes).unwrap_or(0)));
    let most = kept.unwrap_or(charged).min(charged).saturating_add(of(&memcgs.swap_bytes).unwrap_or(0));
    most >= (scale_bytes / 2).max(WORTH_MIN_BYTES)
}

/// What a domain lacks. A tick at critical is armed by `act`, too: above critical alone it would be armed
/// again at once.
fn request(
    total_bytes: u64,
    available_bytes: u64,
    thresholds: &Thresholds,
    armed_by: Option<Bound>,
) -> Request {
    let below = |bound: Bound| bound.of(total_bytes).saturating_sub(available_bytes);
    let margin = thresholds.act.of(total_bytes).saturating_sub(thresholds.critical.of(total_bytes));
    let need_bytes = armed_by.map_or(0, below);
    Request {
        deficit_bytes: below(thresholds.warn),
        need_bytes,
        scale_bytes: if armed_by.is_some() { need_bytes.max(margin) } else { 0 },
        ..Request::default()
    }
}

/// Whether a memcg's own limit is watched: one that is configured to be, in our scope. The root has none.
#[must_use]
pub fn is_watched(path: &[u8], settings: &Settings) -> bool {
    is_in_scope(path, settings)
        && match &settings.watch {
            Watch::Limited => path != b"/",
            Watch::Nothing => false,
            Watch::Paths(paths) => paths.iter().any(|watched| watched.as_bytes() == path),
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use jettison_model::Host;

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
        assert_eq!(
            (request.cause, request.cause_memcg, request.deficit_bytes),
            (Cause::MemcgLimit, 1, 10 * MIB)
        );
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
}
