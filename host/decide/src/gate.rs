//! Why this tick happens: the most severe cause that holds, and how much memory is missing.

use jettison_model::column::{known_u64, row};
use jettison_model::{Cause, Limit, Memcgs, Request, Snapshot, column};

use crate::eligible::is_below;
use crate::settings::{Settings, Thresholds, Watch};

/// A PSI trigger counts for so long.
pub const PSI_FRESH_MS: u64 = 2_000;

/// What woke the tick, besides memory itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// When a PSI trigger last fired, by the boot clock.
    pub psi_fired_at_ms: Option<u64>,
    /// Somebody asked for this tick.
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
pub fn gate(snapshot: &Snapshot, signals: Signals, settings: &Settings) -> Request {
    let host = &snapshot.host;
    let thresholds = &settings.thresholds;
    let mut at = level(host.memory_total_bytes, host.memory_available_bytes, thresholds);
    if at == Level::Act && has_swap_left(snapshot, thresholds) {
        at = Level::Warn;
    }
    let psi =
        signals.psi_fired_at_ms.is_some_and(|fired| snapshot.now_ms.saturating_sub(fired) <= PSI_FRESH_MS);
    let warn = thresholds.warn.of(host.memory_total_bytes);
    let deficit_bytes = warn.saturating_sub(host.memory_available_bytes);
    let of_host = |cause| Request { cause, cause_memcg: column::NONE_U32, deficit_bytes };
    match at {
        Level::Critical => return of_host(Cause::Critical),
        Level::Act => return of_host(Cause::Pressure),
        Level::Warn if psi => return of_host(Cause::Pressure),
        Level::Warn | Level::Calm => {}
    }
    if let Some(request) = nearest_limit(snapshot, settings) {
        return request;
    }
    match at {
        Level::Warn => of_host(Cause::Warning),
        Level::Calm | Level::Act | Level::Critical if signals.is_manual => of_host(Cause::Manual),
        Level::Calm | Level::Act | Level::Critical => of_host(Cause::Routine),
    }
}

/// Whether the request concerns a domain that is at its critical level, which lifts cool-downs and caps grace periods.
#[must_use]
pub fn is_critical(snapshot: &Snapshot, thresholds: &Thresholds) -> bool {
    match (snapshot.request.cause, row(snapshot.request.cause_memcg)) {
        (Cause::Critical, _) => true,
        (Cause::MemcgLimit, Some(memcg)) => headroom(&snapshot.memcgs, memcg)
            .is_some_and(|(limit, left)| level(limit, left, thresholds) == Level::Critical),
        _ => false,
    }
}

fn has_swap_left(snapshot: &Snapshot, thresholds: &Thresholds) -> bool {
    let Some(percent) = thresholds.swap_free_percent.filter(|_| snapshot.host.swap_total_bytes > 0) else {
        return false;
    };
    let floor = u128::from(snapshot.host.swap_total_bytes) * u128::from(percent) / 100;
    u128::from(snapshot.host.swap_free_bytes) > floor
}

/// The watched memcg that is closest to its own limit, if one is at `act`.
fn nearest_limit(snapshot: &Snapshot, settings: &Settings) -> Option<Request> {
    let memcgs = &snapshot.memcgs;
    (0..memcgs.len())
        .filter(|&row| is_watched(memcgs.paths.get(row), settings))
        .filter_map(|row| Some((row, headroom(memcgs, row)?)))
        .filter(|&(_, (limit, left))| level(limit, left, &settings.thresholds) >= Level::Act)
        .min_by_key(|&(row, (_, left))| (left, row))
        .map(|(row, (limit, left))| Request {
            cause: Cause::MemcgLimit,
            cause_memcg: u32::try_from(row).unwrap_or(column::NONE_U32),
            deficit_bytes: settings.thresholds.warn.of(limit).saturating_sub(left),
        })
}

/// Whether a memcg's own limit is watched: one that is configured to be, in our scope. The root has none.
#[must_use]
pub fn is_watched(path: &[u8], settings: &Settings) -> bool {
    let is_ours = settings.scope.as_ref().is_none_or(|scope| is_below(path, scope.as_bytes()));
    is_ours
        && match &settings.watch {
            Watch::Limited => path != b"/",
            Watch::Nothing => false,
            Watch::Paths(paths) => paths.iter().any(|watched| watched.as_bytes() == path),
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::sync::Arc;
    use alloc::vec;
    use jettison_model::Host;

    use crate::settings::Bound;

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
        let request = gate(snapshot, signals, &Settings::default());
        (request.cause, request.deficit_bytes / MIB)
    }

    #[test]
    fn each_level_has_its_cause_and_a_bound_is_part_of_its_level() {
        let quiet = Signals::default();
        assert_eq!(cause(&host(151), quiet), (Cause::Routine, 0));
        assert_eq!(cause(&host(150), quiet), (Cause::Warning, 0));
        assert_eq!(cause(&host(81), quiet), (Cause::Warning, 69));
        assert_eq!(cause(&host(80), quiet), (Cause::Pressure, 70));
        assert_eq!(cause(&host(30), quiet), (Cause::Critical, 120));
        assert_eq!(cause(&host(500), Signals { is_manual: true, ..quiet }), (Cause::Manual, 0));
    }

    #[test]
    fn a_psi_trigger_counts_for_two_seconds_and_only_below_warn() {
        let fired = |at| Signals { psi_fired_at_ms: Some(at), is_manual: false };
        assert_eq!(cause(&host(120), fired(8_000)).0, Cause::Pressure);
        assert_eq!(cause(&host(120), fired(7_999)).0, Cause::Warning);
        assert_eq!(cause(&host(500), fired(9_999)).0, Cause::Routine);
    }

    #[test]
    fn free_swap_holds_back_pressure_but_never_critical() {
        let mut settings = Settings::default();
        settings.thresholds.swap_free_percent = Some(10);
        let mut snapshot = host(60);
        (snapshot.host.swap_total_bytes, snapshot.host.swap_free_bytes) = (100 * MIB, 11 * MIB);
        assert_eq!(gate(&snapshot, Signals::default(), &settings).cause, Cause::Warning);
        snapshot.host.swap_free_bytes = 10 * MIB;
        assert_eq!(gate(&snapshot, Signals::default(), &settings).cause, Cause::Pressure);
        snapshot.host.swap_free_bytes = 100 * MIB;
        snapshot.host.memory_available_bytes = 20 * MIB;
        assert_eq!(gate(&snapshot, Signals::default(), &settings).cause, Cause::Critical);
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
        let request = gate(&snapshot, Signals::default(), &Settings::default());
        assert_eq!(
            (request.cause, request.cause_memcg, request.deficit_bytes),
            (Cause::MemcgLimit, 1, 10 * MIB)
        );
        snapshot.request = request;
        assert!(!is_critical(&snapshot, &Settings::default().thresholds));
        let unwatched = Settings { watch: Watch::Paths(vec!["/web".into()]), ..Settings::default() };
        assert_eq!(gate(&snapshot, Signals::default(), &unwatched).cause, Cause::Routine);
        let elsewhere = Settings { scope: Some("/web".into()), ..Settings::default() };
        assert_eq!(gate(&snapshot, Signals::default(), &elsewhere).cause, Cause::Routine);
    }

    #[test]
    fn of_several_memcgs_near_their_limits_the_one_with_the_least_left_is_the_cause() {
        let mut snapshot = host(900);
        snapshot.memcgs.paths = [b"/a".as_slice(), b"/b", b"/c"].into_iter().collect();
        snapshot.memcgs.max_bytes = Arc::new(vec![100 * MIB; 3]);
        let cause_memcg = |left_mib: [u64; 3]| {
            let mut snapshot = snapshot.clone();
            snapshot.memcgs.current_bytes = Arc::new(left_mib.map(|left| (100 - left) * MIB).to_vec());
            gate(&snapshot, Signals::default(), &Settings::default()).cause_memcg
        };
        assert_eq!(cause_memcg([8, 4, 7]), 1);
        assert_eq!(cause_memcg([50, 6, 6]), 1);
        assert_eq!(cause_memcg([9, 15, 50]), column::NONE_U32, "below warn is not yet at the limit");
    }
}
