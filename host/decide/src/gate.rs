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
        Level::Act => {
            // A host may stand at this level for days, with no victim: memcgs have their turns.
            let waits = state.has_passed(State::HOST);
            let in_turn = waits.then(|| memcg_in_turn(snapshot, signals, settings, state)).flatten();
            return in_turn.unwrap_or_else(|| of_host(Cause::Pressure, Some(thresholds.act)));
        }
        Level::Warn | Level::Calm => {}
    }
    if let Some(need_bytes) = thrash::of_host(snapshot, settings, state) {
        return thrashing(of_host(Cause::Pressure, Some(thresholds.act)), need_bytes);
    }
    if let Some(request) = of_memcgs(snapshot, signals, settings, state) {
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
    match snapshot.request.cause {
        Cause::Critical => true,
        Cause::MemcgLimit => domain_level(snapshot, thresholds) == Some(Level::Critical),
        Cause::Routine | Cause::Warning | Cause::Pressure | Cause::Manual => false,
    }
}

/// Whether the domain of the request has come to the level at which victims are named. A stall arms above it,
/// too.
pub(crate) fn is_at_act(snapshot: &Snapshot, thresholds: &Thresholds) -> bool {
    domain_level(snapshot, thresholds).is_some_and(|level| level >= Level::Act)
}

/// The level of the request's domain. `None` for a memcg whose limit or usage is not known.
fn domain_level(snapshot: &Snapshot, thresholds: &Thresholds) -> Option<Level> {
    let Snapshot { request, host, memcgs, .. } = snapshot;
    let (total, available) = if request.cause == Cause::MemcgLimit {
        headroom(memcgs, row(request.cause_memcg)?)?
    } else {
        (host.memory_total_bytes, host.memory_available_bytes)
    };
    Some(level(total, available, thresholds))
}

fn has_swap_left(snapshot: &Snapshot, thresholds: &Thresholds) -> bool {
    let Some(percent) = thresholds.swap_free_percent.filter(|_| snapshot.host.swap_total_bytes > 0) else {
        return false;
    };
    let floor = u128::from(snapshot.host.swap_total_bytes) * u128::from(percent) / 100;
    u128::from(snapshot.host.swap_free_bytes) > floor
}

/// A memcg that is at its limit, or in which tasks stall.
fn of_memcgs(snapshot: &Snapshot, signals: &Signals, settings: &Settings, state: &State) -> Option<Request> {
    nearest_limit(snapshot, settings, state).or_else(|| stalled_memcg(snapshot, signals, settings, state))
}

/// The same, if it has not had its turn of late.
fn memcg_in_turn(
    snapshot: &Snapshot,
    signals: &Signals,
    settings: &Settings,
    state: &State,
) -> Option<Request> {
    let found = of_memcgs(snapshot, signals, settings, state)?;
    let path = row(found.cause_memcg).map_or(State::HOST, |row| snapshot.memcgs.paths.get(row));
    (!state.has_passed(path)).then_some(found)
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
mod tests;
