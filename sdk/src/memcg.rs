//! One row of the memcg table.

use std::cmp::Ordering;
use std::fmt;

use crate::columns::{UNKNOWN_U64, UNLIMITED_U64};
use crate::process::{known, known_s64};
use crate::snapshot::{Snapshot, some};
use crate::tree::row_of;

/// Bits of the column `flags`.
pub(crate) mod flags {
    pub(crate) const OOM_GROUP: u32 = 1;
    pub(crate) const OOMD_AVOID: u32 = 2;
    pub(crate) const OOMD_OMIT: u32 = 4;
}

/// A bound as the kernel states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The file is missing or could not be read.
    Unknown,
    /// `max`: no bound.
    Max,
    /// A bound in bytes.
    Bytes(u64),
}

impl Limit {
    fn of(value: u64) -> Self {
        match value {
            UNKNOWN_U64 => Self::Unknown,
            UNLIMITED_U64 => Self::Max,
            bytes => Self::Bytes(bytes),
        }
    }

    /// The bound in bytes, if there is one.
    pub fn bytes(self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Unknown | Self::Max => None,
        }
    }
}

/// A cgroup of the memory controller, v1 or v2, of a [`Snapshot`]. Cheap to copy: it is a row number.
///
/// Files are those of Documentation/admin-guide/cgroup-v2.rst; the host translates v1's.
#[derive(Clone, Copy)]
pub struct Memcg<'s> {
    pub(crate) snapshot: &'s Snapshot,
    pub(crate) row: usize,
}

impl<'s> Memcg<'s> {
    /// The path below the root of the memory hierarchy, which is `/`.
    pub fn path(&self) -> &'s [u8] {
        self.snapshot.memcgs.paths().get(self.row)
    }

    /// The parent, if there is one.
    pub fn parent(&self) -> Option<Self> {
        // By path a parent comes first, so a walk upwards ends whatever the column says.
        row_of(self.snapshot.memcgs.parents()[self.row])
            .filter(|&row| row < self.row)
            .map(|row| Self { row, ..*self })
    }

    /// The parent, its parent and so on.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + Clone + use<'s> {
        std::iter::successors(self.parent(), Self::parent)
    }

    /// It and the memcgs above it that belong to the same systemd unit. What is asked for a unit holds for
    /// the cgroups that it makes for itself, and not for other units below.
    pub fn of_unit(&self) -> impl Iterator<Item = Self> + Clone + use<'s> {
        let unit = self.unit();
        let above = self.ancestors().take_while(move |memcg| !unit.is_empty() && memcg.unit() == unit);
        std::iter::once(*self).chain(above)
    }

    /// Whether it is this one or below it.
    pub fn is_in(&self, other: &Memcg<'_>) -> bool {
        self.row == other.row || self.ancestors().any(|ancestor| ancestor.row == other.row)
    }

    /// The systemd unit that the path belongs to, empty if none.
    pub fn unit(&self) -> &'s [u8] {
        self.snapshot.memcgs.units().get(self.row)
    }

    /// Charged now, descendants included, bytes: memory.current.
    pub fn current_bytes(&self) -> Option<u64> {
        known(self.snapshot.memcgs.current_bytes()[self.row])
    }

    /// Hard protection: memory.min.
    pub fn min_bytes(&self) -> Limit {
        Limit::of(self.snapshot.memcgs.min_bytes()[self.row])
    }

    /// Best-effort protection: memory.low.
    pub fn low_bytes(&self) -> Limit {
        Limit::of(self.snapshot.memcgs.low_bytes()[self.row])
    }

    /// Throttling limit: memory.high.
    pub fn high_bytes(&self) -> Limit {
        Limit::of(self.snapshot.memcgs.high_bytes()[self.row])
    }

    /// Hard limit: memory.max.
    pub fn max_bytes(&self) -> Limit {
        Limit::of(self.snapshot.memcgs.max_bytes()[self.row])
    }

    /// Swap charged now, bytes: memory.swap.current.
    pub fn swap_bytes(&self) -> Option<u64> {
        known(self.snapshot.memcgs.swap_bytes()[self.row])
    }

    /// Anonymous memory, bytes: `anon` of memory.stat.
    pub fn anon_bytes(&self) -> Option<u64> {
        known(self.snapshot.memcgs.anon_bytes()[self.row])
    }

    /// Page cache, bytes: `file` of memory.stat.
    pub fn file_bytes(&self) -> Option<u64> {
        known(self.snapshot.memcgs.file_bytes()[self.row])
    }

    /// Shared memory and tmpfs, bytes: `shmem` of memory.stat.
    pub fn shmem_bytes(&self) -> Option<u64> {
        known(self.snapshot.memcgs.shmem_bytes()[self.row])
    }

    /// How fast its anonymous memory and swap grow, bytes per second, over the last one to two seconds or the
    /// last tick, whichever is longer. Unknown where it was not there before.
    pub fn growth_bytes_per_s(&self) -> Option<i64> {
        known_s64(self.snapshot.memcgs.growth_bytes_per_s()[self.row])
    }

    /// Likewise over the last hour, or since the memcg was first seen if that is 5 minutes or more. Unknown
    /// for a newer one.
    pub fn growth_1h_bytes_per_s(&self) -> Option<i64> {
        known_s64(self.snapshot.memcgs.growth_1h_bytes_per_s()[self.row])
    }

    /// What the unit of that name has held in quiet times, bytes, in earlier runs too.
    pub fn usual_bytes(&self) -> Option<u64> {
        known(self.snapshot.memcgs.usual_bytes()[self.row])
    }

    /// Pages that were read back from swap soon after they had been taken, since the memcg was made:
    /// `workingset_refault_anon` of memory.stat.
    pub fn refaults_anon(&self) -> Option<u64> {
        known(self.snapshot.memcgs.refaults_anon()[self.row])
    }

    /// Likewise of page cache: `workingset_refault_file` of memory.stat.
    pub fn refaults_file(&self) -> Option<u64> {
        known(self.snapshot.memcgs.refaults_file()[self.row])
    }

    /// Both together, pages per second, over the same time as growth: they show that its working set does not
    /// fit.
    pub fn refaults_per_s(&self) -> Option<u64> {
        known(self.snapshot.memcgs.refaults_per_s()[self.row])
    }

    /// PSI `some avg10` of memory.pressure in hundredths of a percent, if there is PSI.
    pub fn pressure_some_avg10(&self) -> Option<u32> {
        some(self.snapshot.memcgs.pressures_some_avg10()[self.row])
    }

    /// PSI `full avg10` of memory.pressure, likewise: all its tasks wait for memory.
    pub fn pressure_full_avg10(&self) -> Option<u32> {
        some(self.snapshot.memcgs.pressures_full_avg10()[self.row])
    }

    /// How often the hard limit was hit: `max` of memory.events.
    pub fn max_events(&self) -> Option<u64> {
        known(self.snapshot.memcgs.max_events()[self.row])
    }

    /// Processes that the kernel's OOM killer took: `oom_kill` of memory.events.
    pub fn oom_kills(&self) -> Option<u64> {
        known(self.snapshot.memcgs.oom_kills()[self.row])
    }

    /// Whether the kernel's OOM killer takes all of it or nothing: memory.oom.group. Never on v1.
    pub fn is_oom_group(&self) -> bool {
        self.has(flags::OOM_GROUP)
    }

    /// Whether its owner asks for others to go first: `ManagedOOMPreference=avoid` of
    /// systemd.resource-control(5). Never on v1.
    pub fn is_oomd_avoid(&self) -> bool {
        self.has(flags::OOMD_AVOID)
    }

    /// Whether its owner asks never to be a victim: `ManagedOOMPreference=omit`. The host excludes the
    /// processes of such a unit itself. Never on v1.
    pub fn is_oomd_omit(&self) -> bool {
        self.has(flags::OOMD_OMIT)
    }

    fn has(&self, bit: u32) -> bool {
        some(self.snapshot.memcgs.flags()[self.row]).is_some_and(|flags| flags & bit != 0)
    }
}

/// The same memcg of the same snapshot.
impl PartialEq for Memcg<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.snapshot, other.snapshot) && self.row == other.row
    }
}

impl Eq for Memcg<'_> {}

/// By path, as the table is.
impl PartialOrd for Memcg<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Memcg<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.row.cmp(&other.row)
    }
}

impl fmt::Debug for Memcg<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memcg").field("row", &self.row).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::testing::Machine;

    #[test]
    fn a_bit_of_the_flags_is_told_from_the_others_and_from_none() {
        let mut machine = Machine::new();
        machine.memcg("/a").oom_group();
        machine.memcg("/b").oomd_avoid().oomd_omit();
        machine.memcg("/c").oomd_omit();
        let snapshot = machine.snapshot();
        let bits = |memcg: Memcg<'_>| [memcg.is_oom_group(), memcg.is_oomd_avoid(), memcg.is_oomd_omit()];
        let all: Vec<[bool; 3]> = snapshot.memcgs().map(bits).collect();
        assert_eq!(all, [[false; 3], [true, false, false], [false, true, true], [false, false, true]]);
    }

    #[test]
    fn rates_are_unknown_in_the_first_snapshot_and_counts_are_not() {
        let mut machine = Machine::new();
        machine.memcg("/a").growth_mib_per_s(-2).refaults(30, 400).refaults_per_s(50);
        let seen = |machine: &Machine| {
            let snapshot = machine.snapshot();
            let memcg = snapshot.memcgs().last().expect("it is there");
            let refaults = (memcg.refaults_anon(), memcg.refaults_file());
            (memcg.growth_bytes_per_s(), refaults, memcg.refaults_per_s())
        };
        assert_eq!(seen(&machine), (Some(-2 << 20), (Some(30), Some(400)), Some(50)));
        assert_eq!(seen(&machine.first_snapshot()), (None, (Some(30), Some(400)), None));
    }

    #[test]
    fn a_unit_ends_where_another_begins() {
        let mut machine = Machine::new();
        for (path, unit) in [("/u", "u"), ("/u/in", "u"), ("/u/in/v", "v"), ("/u/x", "")] {
            machine.memcg(path).unit(unit);
        }
        let snapshot = machine.snapshot();
        let lengths: Vec<usize> = snapshot.memcgs().map(|memcg| memcg.of_unit().count()).collect();
        assert_eq!(lengths, [1, 1, 2, 1, 1], "of /, /u, /u/in, /u/in/v and /u/x");
    }
}
