//! Who a process is, without reading its `stat` again: most are those of the last scan.
//!
//! Of each, `oom_score_adj` stays open, which every scan reads. An open file of procfs belongs to one process, whoever has its
//! pid later, and says nothing more once that process is gone (ESRCH; `oom_score_adj_read` in fs/proc/base.c). So what was read
//! by the pid before that file could be read was that process's. Others, such as `status`, would each keep a page of the
//! kernel's while they are open (fs/seq_file.c); this one does not.

use std::fs::read_link;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{PROC_SUPER_MAGIC, fstatfs};
use rustix::process::{Resource, getrlimit};

use crate::row::Row;

/// A process of the last scan.
#[derive(Debug)]
pub(crate) struct Acquaintance {
    /// As it was then.
    pub(crate) row: Row,
    /// Its `oom_score_adj`.
    pub(crate) adj: OwnedFd,
    /// Its address space.
    pub(crate) size_bytes: u64,
}

/// The processes of the last scan, and those of the scan under way, in ascending order of pid.
#[derive(Debug)]
pub(crate) struct Known {
    /// How many may be known: half of our limit of open files. None where open files say nothing, or pids do not mean the
    /// same to all files.
    most: usize,
    last: Vec<Option<Acquaintance>>,
    next: Vec<Option<Acquaintance>>,
    /// How far `last` has been merged.
    cursor: usize,
}

impl Known {
    /// `directory` is that of procfs, open, and `proc` its path. Only the kernel's own procfs will do, with the pids as we see
    /// them: a file in a folder outlives its process, and the list of a memcg's processes has the pids of whoever reads it.
    pub(crate) fn new(directory: BorrowedFd<'_>, proc: &Path) -> Self {
        let is_procfs = fstatfs(directory).is_ok_and(|found| found.f_type == PROC_SUPER_MAGIC);
        let own = std::process::id().to_string();
        let has_our_pids = read_link(proc.join("self")).is_ok_and(|target| target == Path::new(&own));
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let most =
            if is_procfs && has_our_pids { usize::try_from(files / 2).unwrap_or(usize::MAX) } else { 0 };
        Self { most, last: Vec::new(), next: Vec::new(), cursor: 0 }
    }

    /// How many there were in the last scan.
    pub(crate) fn len(&self) -> usize {
        self.last.len()
    }

    /// Begins a scan.
    pub(crate) fn begin(&mut self) {
        self.cursor = 0;
    }

    /// Ends the scan: who was not seen is forgotten.
    pub(crate) fn end(&mut self) {
        std::mem::swap(&mut self.last, &mut self.next);
        self.next.clear();
    }

    /// A process of the last scan. They come in ascending order of pid.
    pub(crate) fn take(&mut self, pid: u32) -> Option<Acquaintance> {
        while let Some(slot) = self.last.get_mut(self.cursor) {
            let found_pid = slot.as_ref().map_or(0, |found| found.row.id.pid);
            if found_pid > pid {
                break;
            }
            self.cursor += 1;
            if found_pid == pid {
                return slot.take();
            }
        }
        None
    }

    /// Whether one more can be kept.
    pub(crate) fn has_room(&self) -> bool {
        self.next.len() < self.most
    }

    /// Keeps a process for the next scan, if there is room. Whoever is not known is read as a new one.
    pub(crate) fn keep(&mut self, process: Acquaintance) {
        if self.has_room() {
            self.next.push(Some(process));
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
        Acquaintance { row, adj: open_root(&Root::live().proc).unwrap(), size_bytes: 0 }
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
    fn there_is_room_for_half_of_our_files() {
        let proc = Root::live().proc;
        let mut known = Known::new(open_root(&proc).unwrap().as_fd(), &proc);
        assert!(
            u64::try_from(known.most).unwrap() * 2 <= getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
        );
        known.most = 1;
        scan(&mut known);
        assert_eq!(scan(&mut known), [None, Some(70), None, None]);
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
