//! A limit on everything, with its reason. Units are in the names.

/// Processes in a snapshot. The kernel's own bound on 64 bit (`PID_MAX_LIMIT`) is 4 Mi; rows are pre-sized
/// for far fewer.
pub const PROCESSES_MAX: usize = 1 << 22;
/// Memcgs in a snapshot. A Kubernetes node has some thousands.
pub const MEMCGS_MAX: usize = 1 << 16;
/// Bytes read of one small kernel file. `status` is under 2 KiB; a page is the kernel's own unit.
pub const KERNEL_FILE_BYTES_MAX: usize = 16 * 1024;
/// Bytes kept of a command line. Enough to match on, too few to bloat a snapshot.
pub const CMDLINE_BYTES_MAX: usize = 4096;
/// Processes whose `smaps_rollup` is read: it walks page tables, 13 us and more each.
pub const SMAPS_ROLLUPS_MAX: usize = 16;

/// Entries in a ballot. The tally looks at each for each consultation.
pub const BALLOT_ENTRIES_MAX: usize = 4096;
/// Bytes of a reason: one line of a log.
pub const REASON_BYTES_MAX: usize = 512;
/// Steps of one entry's shutdown.
pub const SHUTDOWN_STEPS_MAX: usize = 8;
/// Milliseconds that one step may wait: an hour, far over any sane cap.
pub const STEP_WAIT_MS_MAX: u32 = 3_600_000;
/// Log lines that one consultation may emit.
pub const LOG_LINES_MAX: usize = 64;
/// Bytes of one log line.
pub const LOG_LINE_BYTES_MAX: usize = 512;

/// Fuel of one consultation: `balanced` on 10,000 processes takes a few percent of it.
pub const FUEL_PER_CONSULTATION: u64 = 1_000_000_000;
/// Linear memory of one consultation: 10,000 rows of 20 columns are 1.6 MB.
pub const GUEST_MEMORY_BYTES_MAX: usize = 32 << 20;

/// A unit that gives back less is no victim: its end would not help.
pub const RELIEF_BYTES_MIN: u64 = 1 << 20;

/// Strength or urgency: 1 to this.
pub const STRENGTH_MAX: u16 = 1000;
/// The weight of a policy: 1 to this.
pub const WEIGHT_MAX: u32 = 100;
