//! Before any process is ended: from which memcg the kernel should reclaim a bite (`memory.reclaim` of v2).
//!
//! A bite pays where memory is cold: the memcg does not stall on memory, does not read back what was taken
//! from it, and does not grow. With each bite that changes, so bites are small, and what pushed back is left
//! alone for a while by the caller.

use alloc::vec::Vec;

use jettison_model::column::{NONE_U32, UNKNOWN_S64, known_u64, row as row_of};
use jettison_model::{Cause, Limit, Memcgs, Snapshot};

use crate::eligible::{is_below, is_in_scope};
use crate::settings::Settings;

/// A bite is no more than this part of what a memcg holds, so that a small one is not emptied at once.
const BITE_PART: u64 = 16;
/// Less is not worth the kernel's walk.
const BITE_MIN_BYTES: u64 = 1 << 20;
/// One that would fill a bite again within so many seconds is not cold.
const GROWTH_S: u64 = 10;
/// One that reads back more of a bite in a second is not cold.
const REFAULT_PART: u64 = 32;

/// What to ask the kernel for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bite {
    /// The row of the memcg.
    pub memcg: u32,
    /// How much.
    pub bytes: u64,
}

/// The bite to take now, from the allowed unit that has most to give; `None` unless this is a warning. With
/// `is_resting` a memcg is let alone.
///
/// What a unit can give is its page cache and, as far as swap is free, its anonymous memory, above what
/// `memory.low` and `memory.min` keep for it (admin-guide/cgroup-v2.rst).
#[must_use]
pub fn bite(snapshot: &Snapshot, settings: &Settings, is_resting: impl Fn(&[u8]) -> bool) -> Option<Bite> {
    if snapshot.request.cause != Cause::Warning || settings.reclaim.memcgs.is_empty() {
        return None;
    }
    let memcgs = &snapshot.memcgs;
    let parents: Vec<bool> = has_children(memcgs);
    let candidates = (0_u32..).zip(0..memcgs.len()).filter(|&(_, row)| {
        is_allowed(memcgs.paths.get(row), settings)
            && is_unit(memcgs, row, &parents)
            && !is_resting(memcgs.paths.get(row))
            && is_cold(memcgs, row, settings)
    });
    let bites = candidates.filter_map(|(memcg, row)| {
        let gives = gives(snapshot, row)?;
        let held = known_u64(*memcgs.current_bytes.get(row)?)?;
        let bytes = gives.min(settings.reclaim.bite_bytes).min(held / BITE_PART);
        (bytes >= BITE_MIN_BYTES).then_some((gives, Bite { memcg, bytes }))
    });
    // The first of equals.
    bites.max_by_key(|&(gives, bite)| (gives, core::cmp::Reverse(bite.memcg))).map(|(_, bite)| bite)
}

fn has_children(memcgs: &Memcgs) -> Vec<bool> {
    let mut found = alloc::vec![false; memcgs.len()];
    for parent in memcgs.parents.iter().copied().filter_map(row_of) {
        if let Some(slot) = found.get_mut(parent) {
            *slot = true;
        }
    }
    found
}

fn is_allowed(path: &[u8], settings: &Settings) -> bool {
    is_in_scope(path, settings)
        && settings.reclaim.memcgs.iter().any(|allowed| is_below(path, allowed.as_bytes()))
}

/// Whether it is the topmost memcg of a service unit or scope, or one without a unit that has none below:
/// what is one workload to its administrator.
fn is_unit(memcgs: &Memcgs, row: usize, has_children: &[bool]) -> bool {
    let unit = memcgs.units.get(row);
    if unit.is_empty() {
        return !has_children.get(row).copied().unwrap_or(false);
    }
    let above = memcgs.parents.get(row).copied().and_then(row_of);
    above.is_none_or(|above| memcgs.units.get(above) != unit)
}

/// Whether it does without what would be taken. What is not known is not cold.
fn is_cold(memcgs: &Memcgs, row: usize, settings: &Settings) -> bool {
    let bite = settings.reclaim.bite_bytes;
    let pressure = memcgs.pressures_some_avg10.get(row).copied().filter(|&pressure| pressure != NONE_U32);
    let growth = memcgs.growth_bytes_per_s.get(row).copied().filter(|&growth| growth != UNKNOWN_S64);
    let refaults = memcgs.refaults_per_s.get(row).copied().and_then(known_u64);
    pressure.is_some_and(|pressure| pressure <= settings.reclaim.pressure_max)
        && growth.is_some_and(|growth| u64::try_from(growth).unwrap_or(0) <= bite / GROWTH_S)
        // Pages of 4 KiB at least.
        && refaults.unwrap_or(0).saturating_mul(4 << 10) <= bite / REFAULT_PART
}

fn gives(snapshot: &Snapshot, row: usize) -> Option<u64> {
    let memcgs = &snapshot.memcgs;
    let of = |column: &[u64]| column.get(row).copied().and_then(known_u64);
    let file = of(&memcgs.reclaimable_bytes).unwrap_or(0);
    let anon = of(&memcgs.anon_bytes)?.saturating_add(of(&memcgs.shmem_bytes).unwrap_or(0));
    let kept =
        |column: &[u64]| column.get(row).map_or(0, |&keeps| Limit::of(keeps).bytes().unwrap_or(u64::MAX));
    let kept = kept(&memcgs.low_bytes).max(kept(&memcgs.min_bytes));
    let above = of(&memcgs.current_bytes)?.saturating_sub(kept);
    Some(file.saturating_add(anon.min(snapshot.host.swap_free_bytes)).min(above))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Reclaim;
    use alloc::vec;
    use jettison_model::column::{Column, UNKNOWN_U64};

    const MIB: u64 = 1 << 20;

    fn settings() -> Settings {
        let reclaim = Reclaim { memcgs: vec!["/system.slice".into()], ..Reclaim::default() };
        Settings { reclaim, ..Settings::default() }
    }

    /// `/`, `/system.slice`, its `a.service` with 800 MiB and `b.service` with 400 and a part of its own, and
    /// `/user.slice`.
    fn machine() -> Snapshot {
        let mut snapshot = Snapshot::default();
        snapshot.request.cause = Cause::Warning;
        snapshot.host.swap_free_bytes = 1000 * MIB;
        let memcgs = &mut snapshot.memcgs;
        memcgs.paths = [
            b"/".as_slice(),
            b"/system.slice",
            b"/system.slice/a.service",
            b"/system.slice/b.service",
            b"/system.slice/b.service/part",
            b"/user.slice",
        ]
        .into_iter()
        .collect();
        memcgs.units =
            [b"".as_slice(), b"", b"a.service", b"b.service", b"b.service", b""].into_iter().collect();
        memcgs.parents = Column::new(vec![NONE_U32, 0, 1, 1, 3, 0]);
        let mib = |mib: [u64; 6]| Column::new(mib.map(|mib| mib * MIB).to_vec());
        memcgs.current_bytes = mib([3000, 1200, 800, 400, 300, 900]);
        memcgs.anon_bytes = mib([2000, 1000, 700, 300, 250, 800]);
        memcgs.shmem_bytes = mib([0; 6]);
        memcgs.reclaimable_bytes = mib([500, 200, 100, 100, 50, 100]);
        memcgs.low_bytes = mib([0; 6]);
        memcgs.min_bytes = mib([0; 6]);
        memcgs.pressures_some_avg10 = Column::new(vec![0; 6]);
        memcgs.growth_bytes_per_s = Column::new(vec![0; 6]);
        memcgs.refaults_per_s = Column::new(vec![0; 6]);
        snapshot
    }

    fn taken(snapshot: &Snapshot, settings: &Settings) -> Option<(u32, u64)> {
        bite(snapshot, settings, |_| false).map(|bite| (bite.memcg, bite.bytes / MIB))
    }

    #[test]
    fn the_allowed_unit_with_most_to_give_is_bitten() {
        let machine = machine();
        assert_eq!(taken(&machine, &settings()), Some((2, 32)));
        let only_b = |path: &[u8]| path.ends_with(b"a.service");
        let next = bite(&machine, &settings(), only_b).map(|bite| (bite.memcg, bite.bytes / MIB));
        assert_eq!(next, Some((3, 25)), "a sixteenth of it, and not its part");
        assert_eq!(taken(&machine, &Settings::default()), None, "nothing is allowed");
    }

    #[test]
    fn only_a_warning_has_time_for_it() {
        let mut machine = machine();
        for cause in [Cause::Routine, Cause::Pressure, Cause::Critical, Cause::MemcgLimit, Cause::Manual] {
            machine.request.cause = cause;
            assert_eq!(taken(&machine, &settings()), None);
        }
    }

    #[test]
    fn what_is_in_use_is_let_alone() {
        type Set = fn(&mut Memcgs);
        let cases: [(Set, &str); 5] = [
            (|memcgs| memcgs.pressures_some_avg10 = Column::new(vec![0, 0, 101, 0, 0, 0]), "it stalls"),
            (|memcgs| memcgs.pressures_some_avg10 = Column::new(vec![0, 0, NONE_U32, 0, 0, 0]), "no PSI"),
            (|memcgs| memcgs.growth_bytes_per_s = Column::new(vec![0, 0, 4 << 20, 0, 0, 0]), "it grows"),
            (|memcgs| memcgs.refaults_per_s = Column::new(vec![0, 0, 1000, 0, 0, 0]), "it reads back"),
            (|memcgs| memcgs.low_bytes = Column::new(vec![0, 0, UNKNOWN_U64 - 1, 0, 0, 0]), "low = max"),
        ];
        for (set, why) in cases {
            let mut machine = machine();
            set(&mut machine.memcgs);
            assert_eq!(taken(&machine, &settings()).map(|(row, _)| row), Some(3), "{why}");
        }
    }

    #[test]
    fn without_swap_only_page_cache_comes_back() {
        let mut machine = machine();
        machine.host.swap_free_bytes = 0;
        machine.memcgs.reclaimable_bytes =
            Column::new([0, 0, 0, 20, 0, 0].map(|mib: u64| mib * MIB).to_vec());
        assert_eq!(taken(&machine, &settings()), Some((3, 20)));
        machine.memcgs.reclaimable_bytes = Column::new(vec![0; 6]);
        assert_eq!(taken(&machine, &settings()), None);
    }

    #[test]
    fn nothing_outside_the_scope_is_bitten() {
        let inside = Settings { scope: Some("/system.slice/b.service".into()), ..settings() };
        assert_eq!(taken(&machine(), &inside).map(|(row, _)| row), Some(3));
        let elsewhere = Settings { scope: Some("/user.slice".into()), ..settings() };
        assert_eq!(taken(&machine(), &elsewhere), None);
    }
}
