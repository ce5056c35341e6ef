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
    /// Looks. What [`TaskTable::find`] finds is of the last look that succeeded.
    ///
    /// # Errors
    /// Why it cannot, for people.
    fn look(&mut self) -> Result<(), String>;

    /// Makes ready for the next look, where that takes memory.
    fn make_ready(&mut self);

    /// A process of the last look that lives.
    fn find(&self, pid: u32) -> Option<&Task>;
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
