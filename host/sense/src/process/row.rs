//! One row of the table of processes, and the columns that it is appended to.

use jettison_model::column::{NONE_U32, TextFill, UNKNOWN_S16, UNKNOWN_U64, known_u64, refill, reuse, set};
use jettison_model::snapshot::flags;
use jettison_model::{ProcessId, Processes};

use crate::parse::stat::Stat;
use crate::parse::status::Status;
use crate::process::place::Place;
use crate::process::tasks::Task;

/// The kernel's names have 15 bytes, those of its workers up to 63 (`WQ_WORKER_ID_LEN`, `do_task_stat`).
const COMM_BYTES_MAX: usize = 64;

/// A name, copied out of the buffer that it was read into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comm {
    bytes: [u8; COMM_BYTES_MAX],
    length: usize,
}

impl Comm {
    fn of(name: &[u8]) -> Self {
        let mut bytes = [0; COMM_BYTES_MAX];
        let length = name.len().min(COMM_BYTES_MAX);
        for (slot, byte) in bytes.iter_mut().zip(name) {
            *slot = *byte;
        }
        Self { bytes, length }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// One row, on the stack. Fields are those of [`Processes`], with their sentinels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) id: ProcessId,
    pub(crate) parent_pid: u32,
    pub(crate) comm: Comm,
    pub(crate) flags: u32,
    pub(crate) threads: u32,
    pub(crate) age_ms: u64,
    pub(crate) uid: u32,
    pub(crate) memcg: u32,
    pub(crate) rss_anon_bytes: u64,
    pub(crate) rss_file_bytes: u64,
    pub(crate) rss_shmem_bytes: u64,
    pub(crate) swap_bytes: u64,
    pub(crate) page_table_bytes: u64,
    pub(crate) oom_score_adj: i16,
}

impl Row {
    /// From `stat`. A kernel thread has no memory of its own, so no other file of it is read.
    pub(crate) fn new(pid: u32, stat: &Stat<'_>, age_ms: u64) -> Self {
        let mut bits = 0;
        if stat.is_kernel_thread {
            bits |= flags::KERNEL_THREAD;
        }
        if stat.is_dead() {
            bits |= flags::ZOMBIE;
        }
        let bytes = if stat.is_kernel_thread { 0 } else { UNKNOWN_U64 };
        Self {
            id: ProcessId { pid, start_time: stat.start_time },
            parent_pid: stat.parent_pid,
            comm: Comm::of(stat.comm),
            flags: bits,
            threads: stat.threads,
            age_ms,
            uid: NONE_U32,
            memcg: NONE_U32,
            rss_anon_bytes: bytes,
            rss_file_bytes: bytes,
            rss_shmem_bytes: bytes,
            swap_bytes: bytes,
            page_table_bytes: bytes,
            oom_score_adj: UNKNOWN_S16,
        }
    }

    /// From `status`.
    pub(crate) fn set_status(&mut self, status: &Status<'_>) {
        let or_unknown = |bytes: Option<u64>| bytes.unwrap_or(UNKNOWN_U64);
        self.uid = status.uid;
        self.rss_anon_bytes = or_unknown(status.rss_anon_bytes);
        self.rss_file_bytes = or_unknown(status.rss_file_bytes);
        self.rss_shmem_bytes = or_unknown(status.rss_shmem_bytes);
        self.swap_bytes = or_unknown(status.swap_bytes);
        self.page_table_bytes = or_unknown(status.page_table_bytes);
    }

    /// From `statm`, for a process without swap whose shared memory is as before. `None` if that is not
    /// known.
    pub(crate) fn with_statm(mut self, resident_bytes: u64, shared_bytes: u64) -> Option<Self> {
        let shmem = known_u64(self.rss_shmem_bytes)?.min(shared_bytes);
        self.rss_anon_bytes = resident_bytes.saturating_sub(shared_bytes);
        self.rss_shmem_bytes = shmem;
        self.rss_file_bytes = shared_bytes - shmem;
        self.swap_bytes = 0;
        Some(self)
    }

    /// From a look at all processes at once. `None` if it is of another process, or if it runs another
    /// program by now: then its files say more.
    pub(crate) fn with_task(mut self, task: &Task) -> Option<Self> {
        let is_kernel_thread = self.flags & flags::KERNEL_THREAD != 0;
        if (task.pid, task.start_time) != (self.id.pid, self.id.start_time)
            || task.is_kernel_thread != is_kernel_thread
        {
            return None;
        }
        // Its name may be longer than the kernel's own column.
        if is_kernel_thread {
            return Some(self);
        }
        if self.comm.as_bytes() != task.comm() {
            return None;
        }
        self.parent_pid = task.parent_pid;
        self.threads = task.threads;
        self.uid = task.uid;
        self.rss_anon_bytes = task.rss_anon_bytes;
        self.rss_file_bytes = task.rss_file_bytes;
        self.rss_shmem_bytes = task.rss_shmem_bytes;
        self.swap_bytes = task.swap_bytes;
        self.page_table_bytes = task.page_table_bytes;
        self.oom_score_adj = task.oom_score_adj;
        Some(self)
    }

    /// Which memcg it is in, and whether that is in the scope.
    pub(crate) fn set_place(&mut self, place: Place) {
        self.memcg = place.memcg;
        self.flags &= !flags::OUT_OF_SCOPE;
        if !place.is_in_scope {
            self.flags |= flags::OUT_OF_SCOPE;
        }
    }

    /// Resident memory that is not anonymous.
    pub(crate) fn file_and_shmem_bytes(&self) -> u64 {
        let bytes = |value| known_u64(value).unwrap_or(0);
        bytes(self.rss_file_bytes).saturating_add(bytes(self.rss_shmem_bytes))
    }
}

/// Puts a row in the place of the one that the table has of the same process. Its name is as it was.
pub(crate) fn put(table: &mut Processes, at: usize, row: Row) {
    // All of them, so that none that is added is forgotten here.
    let Row {
        id: _,
        parent_pid,
        comm: _,
        flags,
        threads,
        age_ms,
        uid,
        memcg,
        rss_anon_bytes,
        rss_file_bytes,
        rss_shmem_bytes,
        swap_bytes,
        page_table_bytes,
        oom_score_adj,
    } = row;
    set(&mut table.parents, at, row_of(&table.pids, parent_pid));
    set(&mut table.memcgs, at, memcg);
    set(&mut table.flags, at, flags);
    set(&mut table.uids, at, uid);
    set(&mut table.threads, at, threads);
    set(&mut table.ages_ms, at, age_ms);
    set(&mut table.rss_anon_bytes, at, rss_anon_bytes);
    set(&mut table.rss_file_bytes, at, rss_file_bytes);
    set(&mut table.rss_shmem_bytes, at, rss_shmem_bytes);
    set(&mut table.swap_bytes, at, swap_bytes);
    set(&mut table.page_table_bytes, at, page_table_bytes);
    set(&mut table.oom_score_adjs, at, oom_score_adj);
    set(&mut table.oom_score_adjs_now, at, oom_score_adj);
}

/// The row of a pid, of all in ascending order.
fn row_of(pids: &[u32], pid: u32) -> u32 {
    pids.binary_search(&pid).ok().and_then(|row| u32::try_from(row).ok()).unwrap_or(NONE_U32)
}

/// The columns of the table that every scan fills, emptied.
#[derive(Debug)]
pub(crate) struct Fill<'a> {
    pids: &'a mut Vec<u32>,
    start_times: &'a mut Vec<u64>,
    parents: &'a mut Vec<u32>,
    parent_pids: &'a mut Vec<u32>,
    memcgs: &'a mut Vec<u32>,
    comms: TextFill<'a>,
    flags: &'a mut Vec<u32>,
    uids: &'a mut Vec<u32>,
    threads: &'a mut Vec<u32>,
    ages_ms: &'a mut Vec<u64>,
    rss_anon_bytes: &'a mut Vec<u64>,
    rss_file_bytes: &'a mut Vec<u64>,
    rss_shmem_bytes: &'a mut Vec<u64>,
    swap_bytes: &'a mut Vec<u64>,
    page_table_bytes: &'a mut Vec<u64>,
    oom_score_adjs: &'a mut Vec<i16>,
    oom_score_adjs_now: &'a mut Vec<i16>,
}

impl<'a> Fill<'a> {
    /// `parent_pids` is memory to use again.
    pub(crate) fn of(table: &'a mut Processes, parent_pids: &'a mut Vec<u32>) -> Self {
        reuse(parent_pids);
        refill(&mut table.pss_bytes);
        Self {
            pids: refill(&mut table.pids),
            start_times: refill(&mut table.start_times),
            parents: refill(&mut table.parents),
            parent_pids,
            memcgs: refill(&mut table.memcgs),
            comms: table.comms.refill(),
            flags: refill(&mut table.flags),
            uids: refill(&mut table.uids),
            threads: refill(&mut table.threads),
            ages_ms: refill(&mut table.ages_ms),
            rss_anon_bytes: refill(&mut table.rss_anon_bytes),
            rss_file_bytes: refill(&mut table.rss_file_bytes),
            rss_shmem_bytes: refill(&mut table.rss_shmem_bytes),
            swap_bytes: refill(&mut table.swap_bytes),
            page_table_bytes: refill(&mut table.page_table_bytes),
            oom_score_adjs: refill(&mut table.oom_score_adjs),
            oom_score_adjs_now: refill(&mut table.oom_score_adjs_now),
        }
    }

    pub(crate) fn push(&mut self, row: &Row) {
        self.pids.push(row.id.pid);
        self.start_times.push(row.id.start_time);
        self.parent_pids.push(row.parent_pid);
        self.memcgs.push(row.memcg);
        self.comms.push(row.comm.as_bytes());
        self.flags.push(row.flags);
        self.uids.push(row.uid);
        self.threads.push(row.threads);
        self.ages_ms.push(row.age_ms);
        self.rss_anon_bytes.push(row.rss_anon_bytes);
        self.rss_file_bytes.push(row.rss_file_bytes);
        self.rss_shmem_bytes.push(row.rss_shmem_bytes);
        self.swap_bytes.push(row.swap_bytes);
        self.page_table_bytes.push(row.page_table_bytes);
        self.oom_score_adjs.push(row.oom_score_adj);
        self.oom_score_adjs_now.push(row.oom_score_adj);
    }

    /// Ends the fill: replaces the pids of parents by their rows.
    pub(crate) fn finish(self) {
        let pids = self.pids;
        self.parents.extend(self.parent_pids.iter().map(|&parent| row_of(pids, parent)));
    }
}
