//! A process of a test machine, with a setter for every column.

use super::cells::Cells;
use super::rows::rows;
use crate::columns::{NONE_U32, Processes, Text, UNKNOWN_S16, UNKNOWN_S64, UNKNOWN_U64};

pub(super) const MIB: u64 = 1 << 20;

rows! {
    /// A process of a test machine. Made by [`Machine::process`](super::Machine::process).
    ///
    /// Unless told otherwise: a child of init, of user 0, ten minutes old, with one thread, `oom_score_adj`
    /// 0, no memory at all, and steady.
    ProcessRow of Processes {
        key { pid: u32, parent: u32, memcg: Option<String>, cmdline: Vec<u8>, exe: Vec<u8>, pss_bytes: u64, }
        numbers {
            flags: u32 = 0,
            uids: u32 = 0,
            threads: u32 = 1,
            ages_ms: u64 = 600_000,
            rss_anon_bytes: u64 = 0,
            rss_file_bytes: u64 = 0,
            rss_shmem_bytes: u64 = 0,
            swap_bytes: u64 = 0,
            page_table_bytes: u64 = 0,
            growth_bytes_per_s: i64 = 0,
            oom_score_adjs: i16 = 0,
            taken_bytes: i64 = UNKNOWN_S64,
            growth_1h_bytes_per_s: i64 = UNKNOWN_S64,
            births_per_1000s: u32 = NONE_U32,
        }
        texts { comms, }
    }
}

impl ProcessRow {
    pub(super) fn new(pid: u32, comm: &[u8]) -> Self {
        let mut row = Self::of(pid, 1, None, Vec::new(), Vec::new(), UNKNOWN_U64);
        row.comms = comm.into();
        row
    }

    /// As in the host's first snapshot: no rate is known.
    pub(super) fn forget_rates(&mut self) {
        (self.growth_bytes_per_s, self.growth_1h_bytes_per_s) = (UNKNOWN_S64, UNKNOWN_S64);
        (self.taken_bytes, self.births_per_1000s) = (UNKNOWN_S64, NONE_U32);
    }

    /// Ends the line: the pid, for [`child_of`](Self::child_of) and the verdict.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Gives it this pid instead of the next free one. Rows are in the order of pids.
    pub fn numbered(&mut self, pid: u32) -> &mut Self {
        self.pid = pid;
        self
    }

    /// Its parent, by pid; one that the machine does not have is none.
    pub fn child_of(&mut self, pid: u32) -> &mut Self {
        self.parent = pid;
        self
    }

    /// Its memcg, which the machine gets if it does not have it yet.
    pub fn memcg(&mut self, path: &str) -> &mut Self {
        self.memcg = Some(path.to_owned());
        self
    }

    /// Its effective user id.
    pub fn uid(&mut self, uid: u32) -> &mut Self {
        self.uids = uid;
        self
    }

    /// Its threads.
    pub fn threads(&mut self, threads: u32) -> &mut Self {
        self.threads = threads;
        self
    }

    /// How long ago it started.
    pub fn age_s(&mut self, age_s: u64) -> &mut Self {
        self.age_ms(age_s * 1000)
    }

    /// How long ago it started.
    pub fn age_ms(&mut self, age_ms: u64) -> &mut Self {
        self.ages_ms = age_ms;
        self
    }

    /// Resident anonymous memory.
    pub fn anon_mib(&mut self, mib: u64) -> &mut Self {
        self.rss_anon_bytes = mib * MIB;
        self
    }

    /// Resident file mappings.
    pub fn file_mib(&mut self, mib: u64) -> &mut Self {
        self.rss_file_bytes = mib * MIB;
        self
    }

    /// Resident shared memory.
    pub fn shmem_mib(&mut self, mib: u64) -> &mut Self {
        self.rss_shmem_bytes = mib * MIB;
        self
    }

    /// Swapped-out anonymous memory.
    pub fn swap_mib(&mut self, mib: u64) -> &mut Self {
        self.swap_bytes = mib * MIB;
        self
    }

    /// Page tables.
    pub fn page_table_mib(&mut self, mib: u64) -> &mut Self {
        self.page_table_bytes = mib * MIB;
        self
    }

    /// Proportional set size.
    pub fn pss_mib(&mut self, mib: u64) -> &mut Self {
        self.pss_bytes = mib * MIB;
        self
    }

    /// What the kernel did not tell about its memory: anonymous, file, shared, swap, page tables.
    pub fn memory_unknown(&mut self) -> &mut Self {
        self.rss_anon_bytes = UNKNOWN_U64;
        self.rss_file_bytes = UNKNOWN_U64;
        self.rss_shmem_bytes = UNKNOWN_U64;
        self.swap_bytes = UNKNOWN_U64;
        self.page_table_bytes = UNKNOWN_U64;
        self
    }

    /// How fast it grows.
    pub fn growth_mib_per_s(&mut self, mib_per_s: i64) -> &mut Self {
        self.growth_bytes_per_s(mib_per_s << 20)
    }

    /// How fast it grows.
    pub fn growth_bytes_per_s(&mut self, bytes_per_s: i64) -> &mut Self {
        self.growth_bytes_per_s = bytes_per_s;
        self
    }

    /// As in the host's first snapshot.
    pub fn growth_unknown(&mut self) -> &mut Self {
        self.growth_bytes_per_s(UNKNOWN_S64)
    }

    /// What it holds beyond what it held when memory was last at ease. Unknown unless told, like the next
    /// two.
    pub fn taken_mib(&mut self, mib: i64) -> &mut Self {
        self.taken_bytes = mib << 20;
        self
    }

    /// How fast it grows over the last hour.
    pub fn growth_1h_bytes_per_s(&mut self, bytes_per_s: i64) -> &mut Self {
        self.growth_1h_bytes_per_s = bytes_per_s;
        self
    }

    /// Children that it has started over the last 10 seconds, times 100.
    pub fn births_per_1000s(&mut self, births: u32) -> &mut Self {
        self.births_per_1000s = births;
        self
    }

    /// Its own `oom_score_adj`.
    pub fn oom_score_adj(&mut self, adj: i16) -> &mut Self {
        self.oom_score_adjs = adj;
        self
    }

    /// An `oom_score_adj` that the kernel did not tell.
    pub fn oom_score_adj_unknown(&mut self) -> &mut Self {
        self.oom_score_adj(UNKNOWN_S16)
    }

    /// A user id that the kernel did not tell.
    pub fn uid_unknown(&mut self) -> &mut Self {
        self.uid(NONE_U32)
    }

    /// A kernel thread.
    pub fn kernel_thread(&mut self) -> &mut Self {
        self.flags |= 1 | 4;
        self
    }

    /// Exited, not yet waited for.
    pub fn zombie(&mut self) -> &mut Self {
        self.flags |= 2;
        self
    }

    /// Not to be touched by the host.
    pub fn excluded(&mut self) -> &mut Self {
        self.flags |= 4;
        self
    }

    /// Outside the daemon's scope.
    pub fn out_of_scope(&mut self) -> &mut Self {
        self.flags |= 8;
        self
    }

    /// Its command line, a NUL after each argument.
    pub fn cmdline(&mut self, cmdline: &str) -> &mut Self {
        self.cmdline = cmdline.as_bytes().to_owned();
        self
    }

    /// The path of its executable.
    pub fn exe(&mut self, path: &str) -> &mut Self {
        self.exe = path.as_bytes().to_owned();
        self
    }
}
