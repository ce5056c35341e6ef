//! The time of a scan, which is an argument.

/// The time of a scan. The caller has the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since boot, `CLOCK_BOOTTIME`: the clock of start times (clock_gettime(2)).
    pub boot_ms: u64,
    /// Milliseconds since 1970.
    pub wall_ms: u64,
}
