//! The processes of the last scan, which can be read again without their `stat`.
//!
//! The `oom_score_adj` of each stays open, and every scan reads it. An open file of procfs belongs to one
//! process: once that has ended, reading fails with ESRCH (`oom_score_adj_read` in fs/proc/base.c), even if
//! another process has its pid. So files that were opened by the pid, before `oom_score_adj` could still be
//! read, were of the same process. `oom_score_adj` costs the least to keep open: `status` and others pin a
//! page of kernel memory each (fs/seq_file.c).

use std::fs::read_link;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use jettison_model::ProcessId;
use jettison_model::column::{NONE_U32, reuse};
use jettison_model::snapshot::flags;
use rustix::fs::{PROC_SUPER_MAGIC, fstatfs};
use rustix::process::{Resource, getrlimit};

use crate::process::row::Row;

/// A process of the last scan, with what identifies it.
#[derive(Debug)]
pub(crate) struct KnownProcess {
    /// Its row at that scan.
    pub(crate) row: Row,
    /// Its open `oom_score_adj`. Without it the process is read as a new one, unless its row is kept unread
    /// or a look at all at once says what it is.
    pub(crate) adj: Option<OwnedFd>,
    /// Its address space.
    pub(crate) size_bytes: u64,
    /// Its resident memory that was not anonymous when `status` was last read.
    pub(crate) shared_bytes: u64,
}

/// The processes of the last scan, and those of the scan under way, in ascending order of pid.
#[derive(Debug)]
pub(crate) struct KnownProcesses {
    /// So many may have an open file: half of `RLIMIT_NOFILE`. 0 where an open file does not identify a
    /// process, or where its list of pids is of another namespace.
    most: usize,
    last: Vec<Option<KnownProcess>>,
    next: Vec<Option<KnownProcess>>,
    /// Of those kept since the last scan began.
    open: usize,
    /// How far `last` has been merged.
    cursor: usize,
}

impl KnownProcesses {
    /// `directory` is that of procfs, open, and `proc` its path. Without the kernel's procfs, and in another
    /// pid namespace than its own, no process is kept: a file in a folder outlives its process, and
    /// `cgroup.procs` has the pids of the reader's namespace.
    pub(crate) fn new(directory: BorrowedFd<'_>, proc: &Path) -> Self {
        let is_procfs = fstatfs(directory).is_ok_and(|found| found.f_type == PROC_SUPER_MAGIC);
        let own = std::process::id().to_string();
        let has_our_pids = read_link(proc.join("self")).is_ok_and(|target| target == Path::new(&own));
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let most =
            if is_procfs && has_our_pids { usize::try_from(files / 2).unwrap_or(usize::MAX) } else { 0 };
        Self { most, last: Vec::new(), next: Vec::new(), open: 0, cursor: 0 }
    }

    /// None is kept from now on.
    pub(crate) fn keep_none(&mut self) {
        self.most = 0;
    }

    /// Whether a process was not in the last scan, or was in no known memcg. Kernel threads are in none.
    pub(crate) fn is_stray(&self, pid: u32) -> bool {
        let row = self.find(pid).and_then(|at| self.last.get(at)?.as_ref()).map(|found| &found.row);
        row.is_none_or(|row| row.memcg == NONE_U32 && row.flags & flags::KERNEL_THREAD == 0)
    }

    /// A process of the last scan has this adjustment by now, which its row has if that is kept unread.
    pub(crate) fn note_adj(&mut self, id: ProcessId, adj: i16) {
        let slot = self.find(id.pid).and_then(|at| self.last.get_mut(at)?.as_mut());
        if let Some(found) = slot.filter(|found| found.row.id == id) {
            found.row.oom_score_adj = adj;
        }
    }

    fn find(&self, pid: u32) -> Option<usize> {
        let pid_of = |slot: &Option<KnownProcess>| slot.as_ref().map_or(0, |found| found.row.id.pid);
        self.last.binary_search_by_key(&pid, pid_of).ok()
    }

    /// How many there were in the last scan.
    pub(crate) fn len(&self) -> usize {
        self.last.len()
    }

    /// Whether processes can be kept at all.
    pub(crate) fn is_usable(&self) -> bool {
        self.most > 0
    }

    /// Begins a scan.
    pub(crate) fn begin(&mut self) {
        (self.cursor, self.open) = (0, 0);
    }

    /// Ends the scan: a process that was not kept is forgotten.
    pub(crate) fn end(&mut self) {
        std::mem::swap(&mut self.last, &mut self.next);
        reuse(&mut self.next);
    }

    /// Removes and returns a process of the last scan. To be called in ascending order of pid.
    pub(crate) fn take(&mut self, pid: u32) -> Option<KnownProcess> {
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

    /// Whether there was one in the last scan for each of so many rows.
    pub(crate) fn has_all(&self, rows: usize) -> bool {
        self.is_usable() && self.last.len() == rows
    }

    /// Removes the process of a row, to be put back once it was read again.
    pub(crate) fn take_row(&mut self, at: usize, pid: u32) -> Option<KnownProcess> {
        let taken = self.last.get_mut(at)?.take_if(|found| found.row.id.pid == pid)?;
        self.open -= usize::from(taken.adj.is_some());
        Some(taken)
    }

    /// Puts it back.
    pub(crate) fn put_row(&mut self, at: usize, process: KnownProcess) {
        let process = self.admitted(process);
        if let Some(slot) = self.last.get_mut(at) {
            *slot = Some(process);
        }
    }

    /// Whether one more file can stay open.
    pub(crate) fn has_room(&self) -> bool {
        self.open < self.most
    }

    /// Keeps a process for the next scan.
    pub(crate) fn keep(&mut self, process: KnownProcess) {
        if self.is_usable() {
            let process = self.admitted(process);
            self.next.push(Some(process));
        }
    }

    /// Without room its file is closed.
    fn admitted(&mut self, process: KnownProcess) -> KnownProcess {
        let adj = process.adj.filter(|_| self.has_room());
        self.open += usize::from(adj.is_some());
        KnownProcess { adj, ..process }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::io::file::open_root;
    use crate::io::root::Root;
    use crate::parse::stat::stat;

    fn process(pid: u32) -> KnownProcess {
        let text = format!("{pid} (a) S 1 {pid} {pid} 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 {pid}0 0 0\n");
        let row = Row::new(pid, &stat(text.as_bytes()).unwrap(), 0);
        KnownProcess { row, adj: open_root(&Root::live().proc).ok(), size_bytes: 0, shared_bytes: 0 }
    }

    fn scan(known: &mut KnownProcesses) -> [Option<u64>; 4] {
        known.begin();
        let found = [3, 7, 8, 9].map(|pid| {
            let found = known.take(pid)?;
            found.adj.map(|_| found.row.id.start_time)
        });
        known.keep(process(7));
        known.keep(process(9));
        known.end();
        found
    }

    #[test]
    fn a_process_is_known_for_one_scan() {
        let proc = Root::live().proc;
        let mut known = KnownProcesses::new(open_root(&proc).unwrap().as_fd(), &proc);
        assert_eq!(scan(&mut known), [None; 4]);
        assert_eq!(scan(&mut known), [None, Some(70), None, Some(90)]);
        known.begin();
        known.end();
        assert_eq!(known.len(), 0, "no process was kept");
    }

    #[test]
    fn there_is_room_for_half_of_our_files() {
        let proc = Root::live().proc;
        let mut known = KnownProcesses::new(open_root(&proc).unwrap().as_fd(), &proc);
        assert!(
            u64::try_from(known.most).unwrap() * 2 <= getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
        );
        known.most = 1;
        scan(&mut known);
        assert_eq!(scan(&mut known), [None, Some(70), None, None]);
        assert_eq!(known.len(), 2, "the row of the other is known");
    }

    #[test]
    fn only_the_procfs_of_our_own_pids_is_usable() {
        let folder = tempfile::tempdir().unwrap();
        let directory = open_root(folder.path()).unwrap();
        let own = std::process::id().to_string();
        std::os::unix::fs::symlink(own, folder.path().join("self")).unwrap();
        let mut known = KnownProcesses::new(directory.as_fd(), folder.path());
        assert_eq!(scan(&mut known), [None; 4]);
        assert_eq!(scan(&mut known), [None; 4]);
    }
}
