//! How the memory moves: rates between two scans.

use crate::column::UNKNOWN_U64;

/// Rates over the last one to two seconds, or since the last scan where that is longer ago. Each is
/// [`UNKNOWN_U64`] after the first scan, and where the kernel does not count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trend {
    /// Anonymous memory that came back soon after it had been swapped out (`workingset_refault_anon` of
    /// `/proc/vmstat`, since Linux 5.9). Of the host.
    pub refault_anon_bytes_per_s: u64,
    /// Page cache that was read again soon after it had been dropped (`workingset_refault_file`, before Linux
    /// 5.9 `workingset_refault`). Of the host.
    pub refault_file_bytes_per_s: u64,
    /// Read from swap devices (`pswpin`). Of the host.
    pub swap_in_bytes_per_s: u64,
    /// Written to swap devices (`pswpout`). Of the host.
    pub swap_out_bytes_per_s: u64,
    /// Page faults that had to wait for a device (`pgmajfault`). Of the host.
    pub major_faults_per_s: u64,
    /// Allocations that had to free memory themselves first (`allocstall*`, all zones). Of the host.
    pub allocation_stalls_per_s: u64,
    /// Time in which some task was stalled on memory, microseconds per second: `total` of PSI `some`
    /// (Documentation/accounting/psi.rst), 0 to 1,000,000. Of the scope where its memcg has PSI, else of the
    /// host.
    pub memory_stall_some_us_per_s: u64,
    /// Time in which all tasks were, likewise.
    pub memory_stall_full_us_per_s: u64,
    /// The same over the last 10 s, or a little more; unknown before. For the host itself.
    pub memory_stall_full_10s_us_per_s: u64,
    /// The same over the last 30 s.
    pub memory_stall_full_30s_us_per_s: u64,
    /// Until nothing is available at the present rate of fall, milliseconds; unknown while available memory
    /// does not fall. Of the domain.
    pub memory_exhaustion_ms: u64,
}

impl Trend {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        refault_anon_bytes_per_s: UNKNOWN_U64,
        refault_file_bytes_per_s: UNKNOWN_U64,
        swap_in_bytes_per_s: UNKNOWN_U64,
        swap_out_bytes_per_s: UNKNOWN_U64,
        major_faults_per_s: UNKNOWN_U64,
        allocation_stalls_per_s: UNKNOWN_U64,
        memory_stall_some_us_per_s: UNKNOWN_U64,
        memory_stall_full_us_per_s: UNKNOWN_U64,
        memory_stall_full_10s_us_per_s: UNKNOWN_U64,
        memory_stall_full_30s_us_per_s: UNKNOWN_U64,
        memory_exhaustion_ms: UNKNOWN_U64,
    };
}
