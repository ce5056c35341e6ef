//! What is: the process tree, the memcgs and the memory of the machine at one moment.
//!
//! Rows are in ascending pid order (memcgs: by path). Every column of a table has as many values as
//! the table has rows, except those that were not asked for, which are empty.

use alloc::string::String;

use crate::column::{NONE_U32, UNKNOWN_U64, known_u64};
pub use crate::memcgs::{Memcgs, memcg_flags};
pub use crate::processes::{ProcessId, Processes, flags};
pub use crate::tree::Tree;
use crate::trend::Trend;

/// Why a tick happens. The numbers are those of wit/request.wit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Cause {
    /// The interval has passed. No process is shut down.
    #[default]
    Routine = 0,
    /// Available memory is below `warn`. No process is shut down.
    Warning = 1,
    /// Available memory is at or below `act`, or a PSI trigger fired below `warn`.
    Pressure = 2,
    /// Available memory is at or below `critical`.
    Critical = 3,
    /// A watched memcg is about to hit its own limit.
    MemcgLimit = 4,
    /// An administrator asked.
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
    /// What brings the domain back above the level that armed the tick (0 if none did).
    pub need_bytes: u64,
    /// What a plan is measured against: the need, but at least what lies between `act` and `critical`. A
    /// domain that hovers at its level needs a few bytes at a time, and must not be dismantled for them
    /// process by process.
    pub scale_bytes: u64,
}

impl Default for Request {
    fn default() -> Self {
        Self { cause: Cause::Routine, cause_memcg: NONE_U32, deficit_bytes: 0, need_bytes: 0, scale_bytes: 0 }
    }
}

/// The memory of the domain that the daemon looks after: the host, or its `--scope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// `MemTotal` less the pool of hugepages, or the tightest limit of the scope.
    pub memory_total_bytes: u64,
    /// What a process could still allocate: `MemAvailable` and the shrinkable cache of ZFS, or the least over
    /// the scope, its limited ancestors and the host.
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
    /// PSI `some avg10` of the processors, likewise. A host has no `full`: some task always runs.
    pub cpu_pressure_some_avg10: u32,
    /// `MemFree`: what is not used for anything. Of the host.
    pub memory_free_bytes: u64,
    /// The sum of the zones' `min` in `/proc/zoneinfo`: with less free, an allocation must free memory
    /// itself. Looked at once a minute, like those that follow. Of the host.
    pub watermark_min_bytes: u64,
    /// Likewise of `low`: with less free, kswapd begins to free memory.
    pub watermark_low_bytes: u64,
    /// Likewise of `high`: with more free, it stops.
    pub watermark_high_bytes: u64,
    /// `Zswap` of `/proc/meminfo`: what the compressed cache of swap takes, or [`UNKNOWN_U64`] before Linux
    /// 5.19.
    pub zswap_bytes: u64,
    /// `Zswapped`: how much it holds for that.
    pub zswapped_bytes: u64,
    /// How many processes the kernel's OOM killer has killed since boot (`oom_kill` of `/proc/vmstat`), in
    /// memcgs too.
    pub oom_kills: u64,
    /// Milliseconds since memory was last at ease, which is the last tick with available memory above `warn`
    /// before the shortage began. Unknown as long as there was none, like the next two.
    pub eased_ms_ago: u64,
    /// What available memory has lost since then.
    pub taken_bytes: u64,
    /// The part of it that no process explains: tmpfs, slab, page tables, hugepages.
    pub taken_by_nobody_bytes: u64,
    /// How it moves.
    pub trend: Trend,
}

impl Host {
    /// The kernel reclaims from the whole host when about this part of it is free, or less: its watermarks
    /// lie below. With more free, tasks that stall do so at the limits of their own memcgs.
    const FREE_PART: u64 = 20;
    /// On a small host reclaim leaves this much free: it evicts in batches.
    const FREE_MIN_BYTES: u64 = 64 << 20;

    /// Whether so little is free that the kernel reclaims from the whole host. What is not known is not.
    #[must_use]
    pub fn is_reclaimed_from(&self) -> bool {
        let free = known_u64(self.memory_free_bytes);
        free.is_some_and(|free| free <= (self.memory_total_bytes / Self::FREE_PART).max(Self::FREE_MIN_BYTES))
    }
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
            eased_ms_ago: UNKNOWN_U64,
            taken_bytes: UNKNOWN_U64,
            taken_by_nobody_bytes: UNKNOWN_U64,
            trend: Trend::UNKNOWN,
        }
    }
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
    /// The functions of `host` that the kernel counts beside its memory: of `/proc/vmstat`, of the pressure
    /// on I/O and processors, and the watermarks.
    pub counters: bool,
    /// Of these the refaults of `/proc/vmstat`, while tasks stall on memory: the gate goes by them.
    pub refaults: bool,
}

impl Needs {
    /// Everything.
    pub const ALL: Self = Self { cmdlines: true, exes: true, pss: true, counters: true, refaults: true };

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
            refaults: self.refaults || other.refaults,
        }
    }
}
