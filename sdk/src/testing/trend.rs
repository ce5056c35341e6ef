//! How the memory of a test machine moves. At rest unless told otherwise.

use super::cells::Cells;
use super::machine::Machine;
use super::process_row::MIB;
use crate::columns::{Host, UNKNOWN_U64};

/// The rates as the host hands them over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trend {
    refault_anon_bytes_per_s: u64,
    refault_file_bytes_per_s: u64,
    swap_in_bytes_per_s: u64,
    swap_out_bytes_per_s: u64,
    major_faults_per_s: u64,
    allocation_stalls_per_s: u64,
    memory_stall_some_us_per_s: u64,
    memory_stall_full_us_per_s: u64,
    memory_exhaustion_ms: u64,
    eased_ms_ago: u64,
    taken_bytes: u64,
    taken_by_nobody_bytes: u64,
}

impl Trend {
    fn all(rate: u64) -> Self {
        Self {
            refault_anon_bytes_per_s: rate,
            refault_file_bytes_per_s: rate,
            swap_in_bytes_per_s: rate,
            swap_out_bytes_per_s: rate,
            major_faults_per_s: rate,
            allocation_stalls_per_s: rate,
            memory_stall_some_us_per_s: rate,
            memory_stall_full_us_per_s: rate,
            memory_exhaustion_ms: UNKNOWN_U64,
            eased_ms_ago: UNKNOWN_U64,
            taken_bytes: UNKNOWN_U64,
            taken_by_nobody_bytes: UNKNOWN_U64,
        }
    }

    /// Nothing moves.
    pub(super) fn at_rest() -> Self {
        Self::all(0)
    }

    /// Nothing is known: the first snapshot.
    pub(super) fn unknown() -> Self {
        Self::all(UNKNOWN_U64)
    }

    /// As a file has them.
    pub(super) fn read(host: &Cells<'_>) -> Result<Self, String> {
        Ok(Self {
            refault_anon_bytes_per_s: host.single("refault_anon_bytes_per_s")?,
            refault_file_bytes_per_s: host.single("refault_file_bytes_per_s")?,
            swap_in_bytes_per_s: host.single("swap_in_bytes_per_s")?,
            swap_out_bytes_per_s: host.single("swap_out_bytes_per_s")?,
            major_faults_per_s: host.single("major_faults_per_s")?,
            allocation_stalls_per_s: host.single("allocation_stalls_per_s")?,
            memory_stall_some_us_per_s: host.single("memory_stall_some_us_per_s")?,
            memory_stall_full_us_per_s: host.single("memory_stall_full_us_per_s")?,
            memory_exhaustion_ms: host.single("memory_exhaustion_ms")?,
            eased_ms_ago: host.single("eased_ms_ago")?,
            taken_bytes: host.single("taken_bytes")?,
            taken_by_nobody_bytes: host.single("taken_by_nobody_bytes")?,
        })
    }

    /// Fills in the rates of the host.
    pub(super) fn fill(self, host: &mut Host) {
        host.refault_anon_bytes_per_s = self.refault_anon_bytes_per_s.into();
        host.refault_file_bytes_per_s = self.refault_file_bytes_per_s.into();
        host.swap_in_bytes_per_s = self.swap_in_bytes_per_s.into();
        host.swap_out_bytes_per_s = self.swap_out_bytes_per_s.into();
        host.major_faults_per_s = self.major_faults_per_s.into();
        host.allocation_stalls_per_s = self.allocation_stalls_per_s.into();
        host.memory_stall_some_us_per_s = self.memory_stall_some_us_per_s.into();
        host.memory_stall_full_us_per_s = self.memory_stall_full_us_per_s.into();
        host.memory_exhaustion_ms = self.memory_exhaustion_ms.into();
        host.eased_ms_ago = self.eased_ms_ago.into();
        host.taken_bytes = self.taken_bytes.into();
        host.taken_by_nobody_bytes = self.taken_by_nobody_bytes.into();
    }
}

/// How its memory moves. Known from the second snapshot on: see [`Machine::first_snapshot`].
impl Machine {
    /// Memory that comes back soon after it was given up, anonymous and page cache.
    pub fn refaults_mib_per_s(mut self, anon_mib: u64, file_mib: u64) -> Self {
        self.trend.refault_anon_bytes_per_s = anon_mib * MIB;
        self.trend.refault_file_bytes_per_s = file_mib * MIB;
        self
    }

    /// What is read from and written to swap devices.
    pub fn swapping_mib_per_s(mut self, in_mib: u64, out_mib: u64) -> Self {
        self.trend.swap_in_bytes_per_s = in_mib * MIB;
        self.trend.swap_out_bytes_per_s = out_mib * MIB;
        self
    }

    /// Page faults that have to wait for a device.
    pub fn major_faults_per_s(mut self, faults: u64) -> Self {
        self.trend.major_faults_per_s = faults;
        self
    }

    /// Allocations that have to free memory themselves first.
    pub fn allocation_stalls_per_s(mut self, stalls: u64) -> Self {
        self.trend.allocation_stalls_per_s = stalls;
        self
    }

    /// Microseconds of each second in which some, and in which all tasks are stalled; `None` for a kernel
    /// without PSI.
    pub fn stalls_us_per_s(mut self, some_and_full: Option<(u64, u64)>) -> Self {
        let (some, full) = some_and_full.unwrap_or((UNKNOWN_U64, UNKNOWN_U64));
        self.trend.memory_stall_some_us_per_s = some;
        self.trend.memory_stall_full_us_per_s = full;
        self
    }

    /// Available memory falls, and is gone in so many milliseconds.
    pub fn exhausted_in_ms(mut self, ms: u64) -> Self {
        self.trend.memory_exhaustion_ms = ms;
        self
    }

    /// How long ago memory was last at ease. Unknown unless told, like the next two.
    pub fn eased_ms_ago(mut self, ms: u64) -> Self {
        self.trend.eased_ms_ago = ms;
        self
    }

    /// What available memory has lost since it was at ease.
    pub fn taken_mib(mut self, mib: u64) -> Self {
        self.trend.taken_bytes = mib * MIB;
        self
    }

    /// The part of it that no process explains.
    pub fn taken_by_nobody_mib(mut self, mib: u64) -> Self {
        self.trend.taken_by_nobody_bytes = mib * MIB;
        self
    }
}
