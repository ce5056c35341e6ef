//! Which memcg a process is in, without its own `cgroup`.
//!
//! By `cgroup.procs` (cgroups(7)), the processes of a memcg, one file for each memcg instead of one for each
//! process:
//!
//! ```text
//! 512
//! 880
//! ```
//!
//! Or by the inode of the memcg's directory, where another way tells that of each process.

use jettison_model::column::{NONE_U32, reuse};

use crate::parse::text::{lines, number};

/// How the memcg of each process is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// By the lists of memcgs, if these are fewer than so many processes, whose own `cgroup` files would cost
    /// more.
    ByLists(usize),
    /// By the inode of its memcg's directory.
    ByInodes,
}

/// Pids and the rows of their memcgs. A process in no list, or in two, as with threads in several memcgs of
/// v1, has no row here, and its own `cgroup` is read.
#[derive(Debug, Default)]
pub(crate) struct Members {
    pairs: Vec<(u32, u32)>,
    /// With the row of each, where processes are told by them.
    inodes: Vec<(u64, u32)>,
}

impl Members {
    /// Begins a scan.
    pub(crate) fn clear(&mut self) {
        reuse(&mut self.pairs);
        reuse(&mut self.inodes);
    }

    /// Adds the directory of one memcg.
    pub(crate) fn add_inode(&mut self, row: usize, inode: u64) {
        self.inodes.push((inode, u32::try_from(row).unwrap_or(NONE_U32)));
    }

    /// Adds the list of one memcg. The kernel writes 0 for a process outside of our pid namespace. The last
    /// line may be torn, so a line without its newline does not count.
    pub(crate) fn add(&mut self, row: usize, list: &[u8]) {
        let row = u32::try_from(row).unwrap_or(NONE_U32);
        let end = list.iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
        let pids = lines(list.get(..end).unwrap_or_default())
            .filter_map(|line| u32::try_from(number(line)?).ok())
            .filter(|&pid| pid != 0);
        self.pairs.extend(pids.map(|pid| (pid, row)));
    }

    /// To be called after the last memcg.
    pub(crate) fn sort(&mut self) {
        self.pairs.sort_unstable();
        self.inodes.sort_unstable();
    }

    /// The row of the memcg with that directory.
    pub(crate) fn row_of_inode(&self, inode: u64) -> Option<u32> {
        let at = self.inodes.binary_search_by_key(&inode, |&(inode, _)| inode).ok()?;
        self.inodes.get(at).map(|&(_, row)| row)
    }

    /// The row of the only memcg that lists a process.
    pub(crate) fn row_of(&self, pid: u32) -> Option<u32> {
        let first = self.pairs.partition_point(|&(listed, _)| listed < pid);
        let &(listed, row) = self.pairs.get(first)?;
        let is_only = self.pairs.get(first + 1).is_none_or(|&(next, _)| next != pid);
        (listed == pid && is_only).then_some(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_in_one_list_has_its_memcg_and_any_other_has_none() {
        let mut members = Members::default();
        members.add(0, b"1\n0\n30\n");
        members.add(4, b"20\n10\n\ngarbage\n99999999999\n");
        members.add(5, b"30\n7\n8");
        members.add_inode(4, 71);
        members.add_inode(5, 70);
        members.sort();
        assert_eq!([70, 71, 72].map(|inode| members.row_of_inode(inode)), [Some(5), Some(4), None]);
        let rows = [1, 10, 20, 7, 30, 0, 8, 31].map(|pid| members.row_of(pid));
        assert_eq!(rows, [Some(0), Some(4), Some(4), Some(5), None, None, None, None]);
        members.clear();
        assert_eq!((members.row_of(1), members.row_of_inode(70)), (None, None));
    }
}
