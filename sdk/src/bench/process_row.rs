//! A process of a test machine, with a setter for every column.

use crate::columns::{NONE_U32, UNKNOWN_S16, UNKNOWN_S64, UNKNOWN_U64};

pub(super) const MIB: u64 = 1 << 20;

/// A process of a test machine. Made by [`Machine::process`](super::Machine::process).
///
/// Unless told otherwise: a child of init, of user 0, ten minutes old, with one thread, `oom_score_adj` 0, no memory at all, and
/// steady.
#[derive(Clone, Debug)]
pub struct ProcessRow {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) comm: Vec<u8>,
    pub(super) memcg: Option<String>,
    pub(super) flags: u32,
    pub(super) uid: u32,
    pub(super) threads: u32,
    pub(super) age_ms: u64,
    pub(super) anon_bytes: u64,
    pub(super) file_bytes: u64,
    pub(super) shmem_bytes: u64,
    pub(super) swap_bytes: u64,
    pub(super) page_table_bytes: u64,
    pub(super) growth_bytes_per_s: i64,
    pub(super) oom_score_adj: i16,
    pub(super) cmdline: Vec<u8>,
    pub(super) exe: Vec<u8>,
    pub(super) pss_bytes: u64,
}

impl ProcessRow {
    pub(super) fn new(pid: u32, comm: &[u8]) -> Self {
        Self {
            pid,
            parent: 1,
            comm: comm.to_owned(),
            memcg: None,
            flags: 0,
            uid: 0,
            threads: 1,
            age_ms: 600_000,
            anon_bytes: 0,
            file_bytes: 0,
            shmem_bytes: 0,
            swap_bytes: 0,
            page_table_bytes: 0,
            growth_bytes_per_s: 0,
            oom_score_adj: 0,
            cmdline: Vec::new(),
            exe: Vec::new(),
            pss_bytes: UNKNOWN_U64,
        }
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
        self.uid = uid;
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
        self.age_ms = age_ms;
        self
    }

    /// Resident anonymous memory.
    pub fn anon_mib(&mut self, mib: u64) -> &mut Self {
        self.anon_bytes = mib * MIB;
        self
    }

    /// Resident file mappings.
    pub fn file_mib(&mut self, mib: u64) -> &mut Self {
        self.file_bytes = mib * MIB;
        self
    }

    /// Resident shared memory.
    pub fn shmem_mib(&mut self, mib: u64) -> &mut Self {
        self.shmem_bytes = mib * MIB;
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
        self.anon_bytes = UNKNOWN_U64;
        self.file_bytes = UNKNOWN_U64;
        self.shmem_bytes = UNKNOWN_U64;
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

    /// Its own `oom_score_adj`.
    pub fn oom_score_adj(&mut self, adj: i16) -> &mut Self {
        self.oom_score_adj = adj;
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
