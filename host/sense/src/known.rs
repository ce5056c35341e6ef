//! Who a process is, without reading its `stat` again: most are those of the last scan.
//!
//! procfs gives a file an inode number when it is first looked up, from a counter, and never the same one for another
//! process (`get_next_ino` in fs/inode.c; it wraps after 2^32). So the pid and the number of its directory, or of its `status`,
//! tell a process from a later one with its pid: a path is not followed through a directory whose process is gone (`pid_revalidate`
//! in fs/proc/base.c). When the kernel has dropped the file from its caches the number is a new one, and `stat` is read again.

use std::fs::read_link;
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::fs::{PROC_SUPER_MAGIC, fstatfs};

use crate::row::Row;

/// A process of the last scan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acquaintance {
    /// As it was then.
    pub(crate) row: Row,
    /// The inode of its directory.
    pub(crate) inode: u64,
    /// That of `status`, where nothing else tells more of it: `None` of kernel threads and zombies.
    pub(crate) status_inode: Option<u64>,
    /// Its address space.
    pub(crate) size_bytes: u64,
}

/// The processes of the last scan, and those of the scan under way, in ascending order of pid.
#[derive(Debug)]
pub(crate) struct Known {
    /// Whether inodes say anything, and pids mean the same to all files.
    is_usable: bool,
    last: Vec<Acquaintance>,
    next: Vec<Acquaintance>,
    /// How far `last` has been merged.
    cursor: usize,
}

impl Known {
    /// `directory` is that of procfs, open, and `proc` its path. Usable is only the kernel's own procfs with the pids as we see
    /// them: a folder's inodes are used again, and the list of a memcg's processes has the pids of whoever reads it.
    pub(crate) fn new(directory: BorrowedFd<'_>, proc: &Path) -> Self {
        let is_procfs = fstatfs(directory).is_ok_and(|found| found.f_type == PROC_SUPER_MAGIC);
        let own = std::process::id().to_string();
        let has_our_pids = read_link(proc.join("self")).is_ok_and(|target| target == Path::new(&own));
        Self { is_usable: is_procfs && has_our_pids, last: Vec::new(), next: Vec::new(), cursor: 0 }
    }

    /// How many there were in the last scan.
    pub(crate) fn len(&self) -> usize {
        self.last.len()
    }

    /// Begins a scan.
    pub(crate) fn begin(&mut self) {
        self.next.clear();
        self.cursor = 0;
    }

    /// Ends the scan: who was not seen is forgotten.
    pub(crate) fn end(&mut self) {
        std::mem::swap(&mut self.last, &mut self.next);
    }

    /// A process of the last scan. They come in ascending order of pid.
    pub(crate) fn take(&mut self, pid: u32) -> Option<Acquaintance> {
        while let Some(&found) = self.last.get(self.cursor) {
            let found_pid = found.row.id.pid;
            if found_pid > pid {
                break;
            }
            self.cursor += 1;
            if found_pid == pid {
                return Some(found);
            }
        }
        None
    }

    /// Keeps a process for the next scan.
    pub(crate) fn keep(&mut self, process: Acquaintance) {
        if self.is_usable {
            self.next.push(process);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::file::open_root;
    use crate::parse::stat::stat;
    use crate::root::Root;

    fn process(pid: u32) -> Acquaintance {
        let text = format!("{pid} (a) S 1 {pid} {pid} 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 {pid}0 0 0\n");
        let row = Row::new(pid, &stat(text.as_bytes()).unwrap(), 0);
        Acquaintance { row, inode: pid.into(), status_inode: None, size_bytes: 0 }
    }

    fn scan(known: &mut Known) -> [Option<u64>; 4] {
        known.begin();
        let found = [3, 7, 8, 9].map(|pid| known.take(pid).map(|found| found.row.id.start_time));
        known.keep(process(7));
        known.keep(process(9));
        known.end();
        found
    }

    #[test]
    fn a_process_is_known_for_one_scan() {
        let proc = Root::live().proc;
        let mut known = Known::new(open_root(&proc).unwrap().as_fd(), &proc);
        assert_eq!(scan(&mut known), [None; 4]);
        assert_eq!(scan(&mut known), [None, Some(70), None, Some(90)]);
        known.begin();
        known.end();
        assert_eq!(known.len(), 0, "nobody was kept");
    }

    #[test]
    fn only_the_procfs_of_our_own_pids_is_usable() {
        let folder = tempfile::tempdir().unwrap();
        let directory = open_root(folder.path()).unwrap();
        let own = std::process::id().to_string();
        std::os::unix::fs::symlink(own, folder.path().join("self")).unwrap();
        let mut known = Known::new(directory.as_fd(), folder.path());
        assert_eq!(scan(&mut known), [None; 4]);
        assert_eq!(scan(&mut known), [None; 4]);
    }
}
