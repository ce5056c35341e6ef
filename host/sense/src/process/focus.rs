//! Which processes are read while memory is short, and what the others can have taken unseen.
//!
//! Among ten thousand processes a scan takes longer than a fast leak needs for what is left. So between two
//! looks at all processes only these are read: the largest and the fastest-growing ones of the last look, the
//! young ones, the newcomers since, and the victims under way. Of all others the last row is kept.
//!
//! The bound on what that can miss, since the last look at all processes:
//!
//! ```text
//!   unseen = what available memory has lost - anonymous memory and page tables that those read have gained
//!   |unseen| <= max(an eighth of what was lost, a 256th of the total), or a scan follows at once
//! ```
//!
//! `unseen` is net: what processes that were not read have gained, less what others of them gave back.
//! Shared memory is not subtracted, since the same page may grow in a hundred processes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use jettison_model::column::{NONE_U32, known_u64};
use jettison_model::snapshot::flags::{KERNEL_THREAD, OUT_OF_SCOPE};
use jettison_model::{ProcessId, Processes};

use crate::process::row::Row;

/// So many of the largest processes are read, and so many of the fastest-growing ones.
const LARGEST: usize = 64;
/// A process is young up to this age; so many of them are read, the youngest first.
const YOUNG_MS: u64 = 10_000;
const YOUNGEST: usize = 256;
/// The parts of what was lost, and of the total, that may be unseen.
const LOST_PART: i64 = 8;
const TOTAL_PART: u64 = 256;
/// No host has more memory, bytes.
const MOST: i64 = 1 << 60;

/// The processes to be read.
#[derive(Debug, Default)]
pub(crate) struct Focus {
    /// In ascending order.
    pids: Vec<u32>,
    /// The least of those with the most is on top.
    ranked: BinaryHeap<Reverse<(u64, Reverse<u32>)>>,
}

impl Focus {
    /// Chooses from the table of the last look. `on` is read in any case.
    pub(crate) fn choose(&mut self, table: &Processes, on: &[ProcessId]) {
        self.pids.clear();
        self.pids.extend(on.iter().map(|id| id.pid));
        let sizes = table.rss_anon_bytes.iter().zip(&*table.swap_bytes).zip(&*table.rss_shmem_bytes);
        let held = sizes.map(|((&anon, &swap), &shmem)| {
            [anon, swap, shmem].into_iter().filter_map(known_u64).fold(0, u64::saturating_add)
        });
        self.take(LARGEST, &table.pids, held);
        let grown = table.growth_bytes_per_s.iter().map(|&rate| u64::try_from(rate).unwrap_or(0));
        self.take(LARGEST, &table.pids, grown);
        let youth = table.ages_ms.iter().map(|&age_ms| YOUNG_MS.saturating_sub(age_ms));
        self.take(YOUNGEST, &table.pids, youth);
        self.pids.sort_unstable();
        self.pids.dedup();
    }

    /// Adds those with the most, of which zero is none.
    fn take(&mut self, most: usize, pids: &[u32], values: impl Iterator<Item = u64>) {
        self.ranked.clear();
        for (value, &pid) in values.zip(pids).filter(|&(value, _)| value > 0) {
            let ranked = Reverse((value, Reverse(pid)));
            if self.ranked.len() < most {
                self.ranked.push(ranked);
            } else if let Some(mut least) = self.ranked.peek_mut().filter(|least| ranked < **least) {
                *least = ranked;
            }
        }
        self.pids.extend(self.ranked.drain().map(|Reverse((_, Reverse(pid)))| pid));
    }

    pub(crate) fn pids(&self) -> &[u32] {
        &self.pids
    }

    pub(crate) fn has(&self, pid: u32) -> bool {
        self.pids.binary_search(&pid).is_ok()
    }
}

/// What available memory has lost since the last look at all processes, and what those that were read since
/// have gained.
///
/// A look takes time, and meanwhile a leak goes on: what was available is known before and after each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    available_bytes: (u64, u64),
    gained_bytes: i64,
    /// One is in a memcg that the table does not have, and is new or was in another: then the table is too
    /// old.
    has_stranger: bool,
}

impl Account {
    /// Nothing is unseen.
    pub(crate) fn open(available_bytes: (u64, u64)) -> Self {
        Self { available_bytes, gained_bytes: 0, has_stranger: false }
    }

    /// A process was read: what it was before, unless it is new, and what it is, unless it has ended.
    /// `has_memcgs` is false where no process is in one.
    pub(crate) fn note(&mut self, before: Option<&Row>, now: Option<&Row>, has_memcgs: bool) {
        self.gained_bytes = (self.gained_bytes + taken_bytes(now) - taken_bytes(before)).clamp(-MOST, MOST);
        let is_elsewhere = |row: &Row| row.flags & KERNEL_THREAD == 0 && row.memcg == NONE_U32;
        let was_here = before.is_none_or(|row| row.memcg != NONE_U32);
        self.has_stranger |= has_memcgs && was_here && now.is_some_and(is_elsewhere);
    }

    /// Whether those that were not read have, all in all, taken or given back no more than the bound.
    pub(crate) fn explains(&self, total_bytes: u64, available_bytes: (u64, u64)) -> bool {
        let lost = |from, to| Some(signed(known_u64(from)?) - signed(known_u64(to)?));
        let (first, last) = (self.available_bytes, available_bytes);
        let Some((a, b)) = lost(first.1, last.0).zip(lost(first.0, last.1)) else { return false };
        let bound = |lost: i64| (lost / LOST_PART).max(signed(total_bytes / TOTAL_PART));
        let (least, most) = (a.min(b), a.max(b));
        let is_seen = least - self.gained_bytes <= bound(least) && self.gained_bytes - most <= bound(most);
        is_seen && !self.has_stranger
    }
}

/// What a process in the scope takes from available memory.
fn taken_bytes(row: Option<&Row>) -> i64 {
    let row = row.filter(|row| row.flags & (KERNEL_THREAD | OUT_OF_SCOPE) == 0);
    row.map_or(0, |row| {
        let known = [row.rss_anon_bytes, row.page_table_bytes].into_iter().filter_map(known_u64);
        signed(known.fold(0, u64::saturating_add))
    })
}

/// At most [`MOST`], so that a few can be added.
fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(MOST).min(MOST)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jettison_model::column::UNKNOWN_U64;
    use proptest::prelude::*;

    use super::*;
    use crate::parse::stat::stat;

    const MIB: u64 = 1 << 20;

    fn row_of(anon_bytes: u64) -> Row {
        let row = Row::new(7, &stat(b"7 (a) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 70 0 0\n").unwrap(), 0);
        Row { rss_anon_bytes: anon_bytes, page_table_bytes: UNKNOWN_U64, ..row }
    }

    proptest! {
        /// The bound, on a machine of which some processes are read and the others are not.
        #[test]
        fn what_explains_leaves_no_more_than_the_bound_unseen(
            read in prop::collection::vec((0_u64..1 << 32, 0_u64..1 << 32), 0..8),
            unread_gain in -(1_i64 << 33)..1 << 33,
            total in 1_u64 << 34..1 << 40,
        ) {
            let mut account = Account::open((total / 2, total / 2));
            let mut gain = unread_gain;
            for (before, now) in read {
                account.note(Some(&row_of(before)), Some(&row_of(now)), false);
                gain += signed(now) - signed(before);
            }
            let available = signed(total / 2) - gain;
            prop_assume!(available >= 0);
            let available = available.unsigned_abs();
            let bound = (gain / 8).max(signed(total / 256));
            let explains = account.explains(total, (available, available));
            prop_assert_eq!(explains, unread_gain.unsigned_abs() <= bound.unsigned_abs());
        }
    }

    #[test]
    fn the_new_and_the_ended_count_and_those_elsewhere_do_not() {
        let mut account = Account::open((1000 * MIB, 1000 * MIB));
        let elsewhere = Row { flags: OUT_OF_SCOPE, ..row_of(800 * MIB) };
        account.note(None, Some(&elsewhere), false);
        assert!(!account.explains(1000 * MIB, (900 * MIB, 900 * MIB)));
        account.note(None, Some(&row_of(95 * MIB)), false);
        assert!(account.explains(1000 * MIB, (900 * MIB, 900 * MIB)));
        account.note(Some(&row_of(50 * MIB)), None, false);
        assert!(!account.explains(1000 * MIB, (900 * MIB, 900 * MIB)));
        assert!(
            !account.explains(1000 * MIB, (UNKNOWN_U64, UNKNOWN_U64))
                && account.explains(1000 * MIB, (955 * MIB, 955 * MIB))
        );
        assert!(!account.explains(1000 * MIB, (990 * MIB, 990 * MIB)), "others have given back");
        assert!(account.explains(1000 * MIB, (990 * MIB, 955 * MIB)), "it was taken while they were read");
        let mut account = Account::open((1000 * MIB, 900 * MIB));
        assert!(account.explains(1000 * MIB, (900 * MIB, 900 * MIB)), "it was taken before its row was read");
        account.note(Some(&row_of(0)), Some(&row_of(100 * MIB)), false);
        assert!(account.explains(1000 * MIB, (900 * MIB, 900 * MIB)), "it was taken after its row was read");
        account.note(Some(&row_of(0)), Some(&row_of(0)), true);
        assert!(account.explains(1000 * MIB, (900 * MIB, 900 * MIB)), "it is known in no memcg");
        account.note(None, Some(&row_of(0)), true);
        assert!(!account.explains(1000 * MIB, (900 * MIB, 900 * MIB)), "a newcomer in an unknown memcg");
    }

    #[test]
    fn the_largest_the_growing_the_young_and_the_named_are_in_focus() {
        let count = 1000_u32;
        let each = |of: fn(u64) -> u64| Arc::new((0..u64::from(count)).map(of).collect());
        let table = Processes {
            pids: Arc::new((1..=count).collect()),
            rss_anon_bytes: each(|row| row + 1),
            swap_bytes: each(|row| if row == 5 { 4000 } else { 0 }),
            rss_shmem_bytes: each(|row| if row == 6 { 5000 } else { UNKNOWN_U64 }),
            growth_bytes_per_s: Arc::new((0..count).map(|row| if row == 20 { 9 } else { -9 }).collect()),
            ages_ms: each(|row| if row == 30 { 9_999 } else { 10_000 }),
            ..Processes::default()
        };
        let mut focus = Focus::default();
        focus.choose(&table, &[ProcessId { pid: 41, start_time: 0 }]);
        let found: Vec<u32> = (1..=count).filter(|&pid| focus.has(pid)).collect();
        let largest = 939..=1000;
        let expected: Vec<u32> = [6, 7, 21, 31, 41].into_iter().chain(largest).collect();
        assert_eq!(found, expected);
    }
}
