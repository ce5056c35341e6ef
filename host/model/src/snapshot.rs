//! What is: the process tree, the memcgs and the memory of the machine at one moment.
//!
//! Rows are in ascending pid order (memcgs: by path). Every column of a table has as many values as
//! the table has rows, except those that nobody asked for, which are empty.

use alloc::string::String;
use alloc::vec::Vec;

use crate::column::{Column, NONE_U32, TextColumn, UNKNOWN_S16, UNKNOWN_U64, known_u64};
pub use crate::memcgs::{Memcgs, memcg_flags};
use crate::trend::Trend;

/// A process (a thread group) that no later process can be mistaken for: pids are reused, start times are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId {
    /// The thread group id.
    pub pid: u32,
    /// Field 22 of `/proc/PID/stat`, in clock ticks since boot (proc_pid_stat(5)).
    pub start_time: u64,
}

/// Why a tick happens. The numbers are the contract's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Cause {
    /// The interval has passed. Nobody is shut down.
    #[default]
    Routine = 0,
    /// Available memory is below `warn`. Nobody is shut down.
    Warning = 1,
    /// Available memory is at or below `act`, or a PSI trigger fired below `warn`.
    Pressure = 2,
    /// Available memory is at or below `critical`.
    Critical = 3,
    /// A watched memcg is about to hit its own limit.
    MemcgLimit = 4,
    /// Somebody asked.
    Manual = 5,
}

impl Cause {
    /// The word used in logs and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Routine => "routine",
            Self::Warning => "warning",
            Self::Pressure => "pressure",
            Self::Critical => "critical",
            Self::MemcgLimit => "memcg-limit",
            Self::Manual => "manual",
        }
    }

    /// Whether the plan of this tick may name victims.
    #[must_use]
    pub fn is_armed(self) -> bool {
        match self {
            Self::Pressure | Self::Critical | Self::MemcgLimit => true,
            Self::Routine | Self::Warning | Self::Manual => false,
        }
    }
}

/// What the policies are asked this time. Filled in by the gate, after sensing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Why.
    pub cause: Cause,
    /// The row of the memcg whose limit is near, for [`Cause::MemcgLimit`]; else [`NONE_U32`].
    pub cause_memcg: u32,
    /// How far available memory is below the warn level (0 if it is not).
    pub deficit_bytes: u64,
}

impl Default for Request {
    fn default() -> Self {
        Self { cause: Cause::Routine, cause_memcg: NONE_U32, deficit_bytes: 0 }
    }
}

/// The memory of the domain that the daemon looks after: the host, or its `--scope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// `MemTotal` less the pool of hugepages, or the tightest limit of the scope.
    pub memory_total_bytes: u64,
    /// What a process could still allocate: `MemAvailable` and the shrinkable cache of ZFS, or the least over the
    /// scope, its limited ancestors and the host.
    pub memory_available_bytes: u64,
    /// `SwapTotal`; swap on zram counts as what its compression saves.
    pub swap_total_bytes: u64,
    /// `SwapFree`, likewise.
    pub swap_free_bytes: u64,
    /// PSI `some avg10` of memory in hundredths of a percent, or [`NONE_U32`]
    /// (Documentation/accounting/psi.rst). Of the scope where its memcg has one, else of the host.
    pub memory_pressure_some_avg10: u32,
    /// PSI `full avg10`, likewise.
    pub memory_pressure_full_avg10: u32,
    /// PSI `some avg10` of block I/O, hundredths of a percent, or [`NONE_U32`]. Of the host.
    pub io_pressure_some_avg10: u32,
    /// PSI `full avg10` of block I/O, likewise.
    pub io_pressure_full_avg10: u32,
    /// PSI `some avg10` of the processors, likewise. There is no `full` of a host: somebody always runs.
    pub cpu_pressure_some_avg10: u32,
    /// `MemFree`: what nobody uses, for anything. Of the host.
    pub memory_free_bytes: u64,
    /// The sum of the zones' `min` in `/proc/zoneinfo`: with less free, whoever allocates must free memory itself.
    /// Looked at once a minute, like those that follow. Of the host.
    pub watermark_min_bytes: u64,
    /// Likewise of `low`: with less free, kswapd begins to free memory.
    pub watermark_low_bytes: u64,
    /// Likewise of `high`: with more free, it stops.
    pub watermark_high_bytes: u64,
    /// `Zswap` of `/proc/meminfo`: what the compressed cache of swap takes, or [`UNKNOWN_U64`] before Linux 5.19.
    pub zswap_bytes: u64,
    /// `Zswapped`: how much it holds for that.
    pub zswapped_bytes: u64,
    /// How many processes the kernel's OOM killer has killed since boot (`oom_kill` of `/proc/vmstat`), in memcgs too.
    pub oom_kills: u64,
    /// How it moves.
    pub trend: Trend,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            memory_total_bytes: 0,
            memory_available_bytes: 0,
            swap_total_bytes: 0,
            swap_free_bytes: 0,
            memory_pressure_some_avg10: NONE_U32,
            memory_pressure_full_avg10: NONE_U32,
            io_pressure_some_avg10: NONE_U32,
            io_pressure_full_avg10: NONE_U32,
            cpu_pressure_some_avg10: NONE_U32,
            memory_free_bytes: UNKNOWN_U64,
            watermark_min_bytes: UNKNOWN_U64,
            watermark_low_bytes: UNKNOWN_U64,
            watermark_high_bytes: UNKNOWN_U64,
            zswap_bytes: UNKNOWN_U64,
            zswapped_bytes: UNKNOWN_U64,
            oom_kills: UNKNOWN_U64,
            trend: Trend::UNKNOWN,
        }
    }
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

/// One row per process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "uniform: each column is documented once, in wit/processes.wit")]
pub struct Processes {
    pub pids: Column<u32>,
    pub start_times: Column<u64>,
    pub parents: Column<u32>,
    pub memcgs: Column<u32>,
    pub comms: TextColumn,
    pub flags: Column<u32>,
    pub uids: Column<u32>,
    pub threads: Column<u32>,
    pub ages_ms: Column<u64>,
    pub rss_anon_bytes: Column<u64>,
    pub rss_file_bytes: Column<u64>,
    pub rss_shmem_bytes: Column<u64>,
    pub swap_bytes: Column<u64>,
    pub page_table_bytes: Column<u64>,
    pub growth_bytes_per_s: Column<i64>,
    /// What each process had before us. The sensor fills in what it read; the ledger of holds puts the originals back.
    pub oom_score_adjs: Column<i16>,
    /// What the kernel holds now.
    pub oom_score_adjs_now: Column<i16>,
    /// On demand: `/proc/PID/cmdline`, its NULs kept.
    pub cmdlines: TextColumn,
    /// On demand: the target of `/proc/PID/exe`.
    pub exes: TextColumn,
    /// On demand, for the largest few: `Pss` of `/proc/PID/smaps_rollup`.
    pub pss_bytes: Column<u64>,
}

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

    /// Who the row is.
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

/// The machine at one moment. Cloning shares the columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When: the wall clock, milliseconds since 1970.
    pub taken_at_ms: u64,
    /// When: the boot clock, milliseconds since boot (`CLOCK_BOOTTIME`).
    pub now_ms: u64,
    /// What the policies are asked.
    pub request: Request,
    /// The machine's memory, or the scope's.
    pub host: Host,
    /// The processes.
    pub processes: Processes,
    /// The memcgs.
    pub memcgs: Memcgs,
}

/// One thing that could not be sensed. It costs its entry, never the walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenseFault {
    /// The file.
    pub path: String,
    /// What was tried and what came of it.
    pub what: String,
}

/// What costs something or is private, read only when some loaded policy imports it or a guard names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// `details.cmdlines`
    pub cmdlines: bool,
    /// `details.exes`
    pub exes: bool,
    /// `details.pss-bytes`
    pub pss: bool,
    /// The functions of `host` that the kernel counts beside its memory: of `/proc/vmstat`, of the pressure on I/O and
    /// processors, and the watermarks.
    pub counters: bool,
}

impl Needs {
    /// Everything.
    pub const ALL: Self = Self { cmdlines: true, exes: true, pss: true, counters: true };

    /// Whether anything is to be read of each process.
    #[must_use]
    pub fn has_details(self) -> bool {
        self.cmdlines || self.exes || self.pss
    }

    /// What either needs.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            cmdlines: self.cmdlines || other.cmdlines,
            exes: self.exes || other.exes,
            pss: self.pss || other.pss,
            counters: self.counters || other.counters,
        }
    }
}

/// Children of every row, from the column of parents. One allocation per column, none per row.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    starts: Vec<u32>,
    children: Vec<u32>,
}

impl Tree {
    /// Builds the index. A parent that is no row is no parent.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "rows are u32 by contract")]
    pub fn of(parents: &[u32]) -> Self {
        let count = parents.len();
        let mut starts = alloc::vec![0_u32; count + 1];
        for &parent in parents {
            if let Some(slot) = starts.get_mut(parent as usize + 1).filter(|_| (parent as usize) < count) {
                *slot += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut children = alloc::vec![0_u32; sum as usize];
        for (row, &parent) in parents.iter().enumerate() {
            if (parent as usize) < count {
                children[next[parent as usize] as usize] = row as u32;
                next[parent as usize] += 1;
            }
        }
        Self { starts, children }
    }

    /// The rows whose parent is `row`, ascending.
    #[must_use]
    pub fn children(&self, row: usize) -> &[u32] {
        match (self.starts.get(row), self.starts.get(row + 1)) {
            (Some(&start), Some(&end)) => &self.children[start as usize..end as usize],
            _ => &[],
        }
    }

    /// `row` and all below it, parents before children. A cycle (a torn scan with a reused pid) ends where it closes.
    #[must_use]
    pub fn subtree(&self, row: u32) -> Vec<u32> {
        let mut members = alloc::vec![row];
        let mut next = 0;
        while let Some(&member) = members.get(next) {
            next += 1;
            members.extend(self.children(member as usize).iter().filter(|&&child| child != row));
            if members.len() > self.starts.len() {
                members.sort_unstable();
                members.dedup();
                break;
            }
        }
        members
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_lists_children_and_survives_rootless_rows_and_cycles() {
        let tree = Tree::of(&[NONE_U32, 0, 0, 1, 77]);
        assert_eq!(tree.children(0), [1, 2]);
        assert_eq!(tree.subtree(0), [0, 1, 2, 3]);
        assert_eq!(tree.subtree(4), [4]);
        let cycle = Tree::of(&[1, 0, 1]);
        assert_eq!(cycle.subtree(0), [0, 1, 2]);
        let inner = Tree::of(&[NONE_U32, 2, 1, 0]);
        assert_eq!(inner.subtree(1), [1, 2]);
    }
}
