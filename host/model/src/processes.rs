//! The table of processes.

use crate::column::{Amounts, Known, NONE_U32, Names, Nullable, UNKNOWN_S16, known_u64, table};

/// A process (a thread group) that no later process can be mistaken for: pids are reused, start times are
/// not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId {
    /// The thread group id.
    pub pid: u32,
    /// Field 22 of `/proc/PID/stat`, in clock ticks since boot (proc_pid_stat(5)).
    pub start_time: u64,
}

/// Bits of the column `flags`.
pub mod flags {
    /// A kernel thread (`PF_KTHREAD`).
    pub const KERNEL_THREAD: u32 = 1;
    /// Exited and not yet reaped, with no thread left alive.
    pub const ZOMBIE: u32 = 2;
    /// The host will never touch it, whatever a policy says; see [`crate::ranking::Exclusion`].
    pub const EXCLUDED: u32 = 4;
    /// Outside the daemon's `--scope`.
    pub const OUT_OF_SCOPE: u32 = 8;
}

/// The columns of processes, as [`memcg_columns`](crate::memcg_columns) has those of memcgs. Those of
/// `details` are an interface of their own, and a table of their own in the snapshot file.
#[macro_export]
macro_rules! process_columns {
    ($then:ident) => {
        $then! {
            /// One row per process.
            #[expect(missing_docs, reason = "uniform: each column is documented once, in wit/processes.wit")]
            Processes {
                first {
                    pids: Known<u32>,
                    start_times: Known<u64>,
                    parents: Nullable<u32>,
                    memcgs: Nullable<u32>,
                    comms: Names,
                    /// Bits of [`flags`].
                    flags: Known<u32>,
                    uids: Nullable<u32>,
                    threads: Known<u32>,
                    ages_ms: Known<u64>,
                    rss_anon_bytes: Amounts,
                    rss_file_bytes: Amounts,
                    rss_shmem_bytes: Amounts,
                    swap_bytes: Amounts,
                    page_table_bytes: Amounts,
                    growth_bytes_per_s: Nullable<i64>,
                    /// What each process had before us. The sensor fills in what it read; the ledger of holds
                    /// puts the originals back.
                    oom_score_adjs: Nullable<i16>,
                    /// What the kernel holds now.
                    oom_score_adjs_now: Nullable<i16>,
                }
                later {}
                sensed {
                    taken_bytes: Nullable<i64>,
                    growth_1h_bytes_per_s: Nullable<i64>,
                    births_per_1000s: Nullable<u32>,
                }
                details {
                    /// On demand: `/proc/PID/cmdline`, its NULs kept.
                    cmdlines: Names,
                    /// On demand: the target of `/proc/PID/exe`.
                    exes: Names,
                    /// On demand, for the largest few: `Pss` of `/proc/PID/smaps_rollup`.
                    pss_bytes: Amounts,
                }
            }
        }
    };
}
process_columns!(table);

impl Processes {
    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pids.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pids.is_empty()
    }

    /// The process of the row.
    #[must_use]
    pub fn id(&self, row: usize) -> Option<ProcessId> {
        Some(ProcessId { pid: *self.pids.get(row)?, start_time: *self.start_times.get(row)? })
    }

    /// The row of a process, if it is still there.
    #[must_use]
    pub fn row_of(&self, id: ProcessId) -> Option<usize> {
        let row = self.pids.binary_search(&id.pid).ok()?;
        (self.start_times.get(row) == Some(&id.start_time)).then_some(row)
    }

    /// Whether the row has all the bits of `mask`.
    #[must_use]
    pub fn has(&self, row: usize, mask: u32) -> bool {
        self.flags.get(row).is_some_and(|flags| flags & mask == mask)
    }

    /// The effective user, if the kernel said.
    #[must_use]
    pub fn uid(&self, row: usize) -> Option<u32> {
        self.uids.get(row).copied().filter(|&uid| uid != NONE_U32)
    }

    /// Anonymous memory and swap, which come back for certain when the process ends. Unknown counts as 0.
    #[must_use]
    pub fn anon_and_swap_bytes(&self, row: usize) -> u64 {
        bytes(&self.rss_anon_bytes, row).saturating_add(bytes(&self.swap_bytes, row))
    }

    /// Shared memory the process maps, which comes back only with its last user. Unknown counts as 0.
    #[must_use]
    pub fn shmem_bytes(&self, row: usize) -> u64 {
        bytes(&self.rss_shmem_bytes, row)
    }

    /// The kernel's badness before the adjustment: rss + swap + page tables (`oom_badness` in mm/oom_kill.c).
    #[must_use]
    pub fn footprint_bytes(&self, row: usize) -> u64 {
        [&self.rss_file_bytes, &self.rss_shmem_bytes, &self.page_table_bytes]
            .into_iter()
            .fold(self.anon_and_swap_bytes(row), |sum, column| sum.saturating_add(bytes(column, row)))
    }

    /// The adjustment before us; 0 where the kernel did not say.
    #[must_use]
    pub fn oom_score_adj(&self, row: usize) -> i16 {
        adj(&self.oom_score_adjs, row)
    }

    /// The adjustment that the kernel holds now; 0 where it did not say.
    #[must_use]
    pub fn oom_score_adj_now(&self, row: usize) -> i16 {
        adj(&self.oom_score_adjs_now, row)
    }
}

fn bytes(column: &[u64], row: usize) -> u64 {
    column.get(row).copied().and_then(known_u64).unwrap_or(0)
}

fn adj(column: &[i16], row: usize) -> i16 {
    column.get(row).copied().filter(|&value| value != UNKNOWN_S16).unwrap_or(0)
}
