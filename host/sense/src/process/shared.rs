//! Which shared memory is a process's own. `RssShmem` (proc_pid_status(5)) counts a page once for each
//! process that maps it: each of a hundred backends of a database has all of the pool that they share.
//!
//! ```text
//!   alone  = RssShmem - the largest RssShmem of its parent, its children and its siblings, at least 0
//!   own    grows with RssShmem, up to `alone`, and shrinks only where RssShmem does
//! ```
//!
//! Relatives count within one memcg only: the services that pid 1 starts share nothing. What is its own does
//! not grow when a relative ends, since the process has taken nothing by that.

use std::cmp::Reverse;

use jettison_model::Processes;
use jettison_model::column::{NONE_U32, known_u64};

/// The processes that map shared memory, by parent and memcg, the largest first.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    mapped: Vec<Mapped>,
    alone: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Mapped {
    parent: u32,
    memcg: u32,
    bytes: Reverse<u64>,
    row: u32,
}

impl Shared {
    /// Finds what each process of the table alone maps. Its parents are known.
    pub(crate) fn find(&mut self, table: &Processes) {
        self.alone.clear();
        self.mapped.clear();
        let rows = table.rss_shmem_bytes.iter().zip(table.parents.iter().zip(table.memcgs.iter()));
        for (row, (&bytes, (&parent, &memcg))) in (0_u32..).zip(rows) {
            if let Some(bytes @ 1..) = known_u64(bytes) {
                self.mapped.push(Mapped { parent, memcg, bytes: Reverse(bytes), row });
            }
        }
        if self.mapped.is_empty() {
            return;
        }
        self.mapped.sort_unstable();
        self.alone.resize(table.len(), 0);
        for process in &self.mapped {
            let relatives = self.of_parent(process, table).max(self.of_siblings(process, table));
            let most = relatives.max(self.first_of(process.row, process.memcg, NONE_U32));
            if let Some(slot) = self.alone.get_mut(process.row as usize) {
                *slot = process.bytes.0.saturating_sub(most);
            }
        }
    }

    /// What the process of a row alone maps.
    pub(crate) fn alone_bytes(&self, row: usize) -> u64 {
        self.alone.get(row).copied().unwrap_or(0)
    }

    fn of_parent(&self, process: &Mapped, table: &Processes) -> u64 {
        let parent = process.parent as usize;
        let is_near = table.memcgs.get(parent) == Some(&process.memcg);
        let bytes = table.rss_shmem_bytes.get(parent).copied().and_then(known_u64);
        bytes.filter(|_| is_near).unwrap_or(0)
    }

    /// Without memcgs the children of pid 1 are not siblings, and those without a parent never are.
    fn of_siblings(&self, process: &Mapped, table: &Processes) -> u64 {
        let parent_pid = table.pids.get(process.parent as usize).copied();
        match parent_pid {
            None => 0,
            Some(1) if process.memcg == NONE_U32 => 0,
            Some(_) => self.first_of(process.parent, process.memcg, process.row),
        }
    }

    /// The most that a child of `parent` in that memcg maps, other than the process of the row `except`.
    fn first_of(&self, parent: u32, memcg: u32, except: u32) -> u64 {
        let from = self.mapped.partition_point(|mapped| (mapped.parent, mapped.memcg) < (parent, memcg));
        let group = self.mapped.iter().skip(from);
        let mut group = group.take_while(|mapped| (mapped.parent, mapped.memcg) == (parent, memcg));
        group.find(|mapped| mapped.row != except).map_or(0, |mapped| mapped.bytes.0)
    }
}

/// What is its own, of `shmem` that it maps and `alone` of that. `before` is what was its own and what it
/// mapped at the scan before.
pub(super) fn own_bytes(before: Option<(u64, u64)>, shmem: u64, alone: u64) -> u64 {
    match before {
        None => alone,
        Some((own, mapped)) => {
            let more = shmem.saturating_sub(mapped).min(alone.saturating_sub(own));
            own.saturating_add(more).min(shmem)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Rows of parent, memcg and shared memory; the pids count from 1.
    fn alone(rows: &[(u32, u32, u64)]) -> Vec<u64> {
        let column = |of: fn(&(u32, u32, u64)) -> u32| Arc::new(rows.iter().map(of).collect());
        let table = Processes {
            pids: Arc::new((1..).take(rows.len()).collect()),
            parents: column(|row| row.0),
            memcgs: column(|row| row.1),
            rss_shmem_bytes: Arc::new(rows.iter().map(|row| row.2).collect()),
            ..Processes::default()
        };
        let mut shared = Shared::default();
        shared.find(&table);
        (0..rows.len()).map(|row| shared.alone_bytes(row)).collect()
    }

    #[test]
    fn what_a_relative_maps_as_well_is_not_alone() {
        const NO: u32 = NONE_U32;
        // init, a database with three backends, and a service of its own.
        let rows = [(NO, 0, 0), (0, 1, 100), (1, 1, 800), (1, 1, 900), (1, 1, 50), (0, 2, 700)];
        assert_eq!(alone(&rows), [0, 0, 0, 100, 0, 700]);
        let one_memcg = rows.map(|(parent, _, bytes)| (parent, 7, bytes));
        assert_eq!(alone(&one_memcg), [0, 0, 0, 100, 0, 600], "both are of pid 1 and in one memcg");
        let no_memcg = rows.map(|(parent, _, bytes)| (parent, NO, bytes));
        assert_eq!(alone(&no_memcg), [0, 0, 0, 100, 0, 700]);
        assert_eq!(alone(&[(NO, 0, 5), (NO, 0, 9)]), [5, 9], "without a parent");
        assert_eq!(alone(&[(NO, 0, 0)]), [0]);
    }

    #[test]
    fn the_end_of_a_relative_takes_nothing() {
        assert_eq!(own_bytes(None, 900, 700), 700);
        assert_eq!(own_bytes(Some((0, 900)), 900, 900), 0, "a relative has ended");
        assert_eq!(own_bytes(Some((0, 900)), 950, 950), 50);
        assert_eq!(own_bytes(Some((500, 500)), 500, 0), 500, "a relative has mapped it as well");
        assert_eq!(own_bytes(Some((500, 500)), 800, 0), 500);
        assert_eq!(own_bytes(Some((500, 900)), 200, 200), 200);
    }
}
