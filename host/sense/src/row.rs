//! One process on its way into the columns.

use jettison_model::column::{NONE_U32, TextFill, UNKNOWN_S16, UNKNOWN_S64, UNKNOWN_U64, known_u64, refill};
use jettison_model::snapshot::flags;
use jettison_model::{ProcessId, Processes};

use crate::parse::stat::Stat;
use crate::parse::status::Status;
use crate::place::Place;

/// The kernel's names have 15 bytes, those of its workers up to 63 (`WQ_WORKER_ID_LEN`, `do_task_stat`).
const COMM_BYTES_MAX: usize = 64;

/// A name that outlives the buffer it was read into.
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

    fn as_bytes(&self) -> &[u8] {
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
    pub(crate) growth_bytes_per_s: i64,
    pub(crate) oom_score_adj: i16,
}

impl Row {
    /// What `stat` tells. A kernel thread has no memory of its own, and nothing else of it is read.
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
            growth_bytes_per_s: UNKNOWN_S64,
            oom_score_adj: UNKNOWN_S16,
        }
    }

    /// What `status` tells.
    pub(crate) fn set_status(&mut self, status: &Status<'_>) {
        let or_unknown = |bytes: Option<u64>| bytes.unwrap_or(UNKNOWN_U64);
        self.uid = status.uid;
        self.rss_anon_bytes = or_unknown(status.rss_anon_bytes);
        self.rss_file_bytes = or_unknown(status.rss_file_bytes);
        self.rss_shmem_bytes = or_unknown(status.rss_shmem_bytes);
        self.swap_bytes = or_unknown(status.swap_bytes);
        self.page_table_bytes = or_unknown(status.page_table_bytes);
    }

    /// What `statm` tells of a process without swap, of which the rest is as it was. `None` if some of that is not known.
    pub(crate) fn with_statm(mut self, resident_bytes: u64, shared_bytes: u64) -> Option<Self> {
        let shmem = known_u64(self.rss_shmem_bytes)?.min(shared_bytes);
        self.rss_anon_bytes = resident_bytes.saturating_sub(shared_bytes);
        self.rss_shmem_bytes = shmem;
        self.rss_file_bytes = shared_bytes - shmem;
        self.swap_bytes = 0;
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

    /// What grows, if both parts are known.
    pub(crate) fn anon_and_swap_bytes(&self) -> Option<u64> {
        known_u64(self.rss_anon_bytes)?.checked_add(known_u64(self.swap_bytes)?)
    }
}

/// All columns of the table that every scan fills, emptied.
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
    growth_bytes_per_s: &'a mut Vec<i64>,
    oom_score_adjs: &'a mut Vec<i16>,
    oom_score_adjs_now: &'a mut Vec<i16>,
    pub(crate) cmdlines: TextFill<'a>,
    pub(crate) exes: TextFill<'a>,
}

impl<'a> Fill<'a> {
    /// `parent_pids` is memory to use again.
    pub(crate) fn of(table: &'a mut Processes, parent_pids: &'a mut Vec<u32>) -> Self {
        parent_pids.clear();
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
            growth_bytes_per_s: refill(&mut table.growth_bytes_per_s),
            oom_score_adjs: refill(&mut table.oom_score_adjs),
            oom_score_adjs_now: refill(&mut table.oom_score_adjs_now),
            cmdlines: table.cmdlines.refill(),
            exes: table.exes.refill(),
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
        self.growth_bytes_per_s.push(row.growth_bytes_per_s);
        self.oom_score_adjs.push(row.oom_score_adj);
        self.oom_score_adjs_now.push(row.oom_score_adj);
    }

    /// Ends the fill: parents, so far known by pid, become rows.
    pub(crate) fn finish(self) {
        let pids = self.pids;
        self.parents.extend(self.parent_pids.iter().map(|parent| {
            let row = pids.binary_search(parent).ok();
            row.and_then(|row| u32::try_from(row).ok()).unwrap_or(NONE_U32)
        }));
    }
}
