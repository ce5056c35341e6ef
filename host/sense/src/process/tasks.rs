//! All processes at one look, by another way than their files: what such a way says of each.
//!
//! Among ten thousand processes a scan of files takes longer than a fast leak needs for what is left. The
//! kernel's BPF task iterator (`bpf/`) hands over all of them in some milliseconds. It replaces the files of
//! processes that are known, while memory is short and no focus will do. New ones, dead ones and those in
//! focus are read from their files as ever: the iterator's sizes may be off by what each processor has
//! counted and not yet added up (`percpu_counter` of lib/percpu_counter.c, from Linux 6.2).

use std::fmt::Debug;

/// A way to look at all processes at once.
pub(crate) trait TaskTable: Debug + Send {
    /// Looks at all processes.
    ///
    /// # Errors
    /// Why it cannot, for people.
    fn look(&mut self) -> Result<(), String>;

    /// Makes ready for the next look, where that takes memory.
    fn make_ready(&mut self);

    /// Those of the last look, in ascending order of pid. None if that failed.
    fn all(&self) -> &[Task];
}

/// Finds tasks by pids that ascend.
#[derive(Debug)]
pub(crate) struct InStep<'a>(&'a [Task]);

impl<'a> InStep<'a> {
    pub(crate) fn of(tasks: &'a [Task]) -> Self {
        Self(tasks)
    }

    /// A process that lives.
    pub(crate) fn find(&mut self, pid: u32) -> Option<&'a Task> {
        self.any(pid).filter(|task| !task.is_dead)
    }

    /// Whether there is one, alive or dead.
    pub(crate) fn has(&mut self, pid: u32) -> bool {
        self.any(pid).is_some()
    }

    fn any(&mut self, pid: u32) -> Option<&'a Task> {
        let before = self.0.iter().take_while(|task| task.pid < pid).count();
        self.0 = self.0.get(before..).unwrap_or_default();
        self.0.first().filter(|task| task.pid == pid)
    }
}

/// What is said of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) pid: u32,
    /// Clock ticks since boot.
    pub(crate) start_time: u64,
    pub(crate) parent_pid: u32,
    /// Filled up with zeros.
    pub(crate) comm: [u8; 16],
    /// Of the directory of its memcg; 0 is none.
    pub(crate) memcg_inode: u64,
    /// It has ended, and its parent has not asked how; or its first thread has.
    pub(crate) is_dead: bool,
    pub(crate) is_kernel_thread: bool,
    pub(crate) threads: u32,
    pub(crate) uid: u32,
    pub(crate) size_bytes: u64,
    pub(crate) rss_anon_bytes: u64,
    pub(crate) rss_file_bytes: u64,
    pub(crate) rss_shmem_bytes: u64,
    pub(crate) swap_bytes: u64,
    pub(crate) page_table_bytes: u64,
    pub(crate) oom_score_adj: i16,
}

impl Task {
    pub(crate) fn comm(&self) -> &[u8] {
        self.comm.split(|&byte| byte == 0).next().unwrap_or_default()
    }
}
