//! Bounds of this border, with their reasons. What other stages share is in [`jettison_model::limits`].

use std::time::Duration;

use jettison_model::limits as shared;

/// What one consultation may use. [`LIMITS_MAX`] bounds each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Units of fuel: about one per WebAssembly instruction, one per 8 bytes that the host copies into the
    /// guest, 500 for each call of the host and 8,000 for each line of the log.
    pub fuel: u64,
    /// Bytes of linear memory.
    pub memory_bytes: usize,
    /// Milliseconds until the outer fuse blows. Fuel is the budget; this is for time that fuel does not
    /// measure, so it is far over what the fuel lasts for.
    pub epoch_ms: u64,
    /// Bytes of native stack. Rust guests keep their own stack in linear memory; deep recursion ends here.
    pub stack_bytes: usize,
    /// Tables: the module's own and the shim's.
    pub tables: usize,
    /// Elements of one table: functions whose address is taken.
    pub table_elements: usize,
    /// Bytes that the guest may hand over in one call.
    pub answer_bytes: usize,
    /// Entries of a ballot.
    pub ballot_entries: usize,
    /// Bytes of a reason.
    pub reason_bytes: usize,
    /// Lines of the log that are kept.
    pub log_lines: usize,
}

impl Limits {
    /// None of them over [`LIMITS_MAX`].
    pub(crate) fn bounded(self) -> Self {
        let most = LIMITS_MAX;
        Self {
            fuel: self.fuel.min(most.fuel),
            memory_bytes: self.memory_bytes.min(most.memory_bytes),
            epoch_ms: self.epoch_ms.min(most.epoch_ms),
            stack_bytes: self.stack_bytes.min(most.stack_bytes),
            tables: self.tables.min(most.tables),
            table_elements: self.table_elements.min(most.table_elements),
            answer_bytes: self.answer_bytes.min(most.answer_bytes),
            ballot_entries: self.ballot_entries.min(most.ballot_entries),
            reason_bytes: self.reason_bytes.min(most.reason_bytes),
            log_lines: self.log_lines.min(most.log_lines),
        }
    }
}

/// What cannot be set higher: memory is set aside for it once, or the WIT has it.
pub const LIMITS_MAX: Limits = Limits {
    fuel: 1_000_000_000_000,
    memory_bytes: shared::GUEST_MEMORY_BYTES_MAX,
    epoch_ms: 60_000,
    stack_bytes: STACK_BYTES_MAX,
    tables: TABLES_MAX as usize,
    table_elements: TABLE_ELEMENTS_MAX,
    answer_bytes: LIFTED_BYTES_MAX,
    ballot_entries: shared::BALLOT_ENTRIES_MAX,
    reason_bytes: shared::REASON_BYTES_MAX,
    log_lines: shared::LOG_LINES_MAX,
};

impl Default for Limits {
    fn default() -> Self {
        Self { fuel: shared::FUEL_PER_CONSULTATION, epoch_ms: 5_000, stack_bytes: 256 << 10, ..LIMITS_MAX }
    }
}

/// Bytes that the guest may hand over in one call: 4,096 entries with all steps and reasons at their limits.
const LIFTED_BYTES_MAX: usize = 8 << 20;
/// Problems of a configuration that are reported. More are of no use.
pub(crate) const PROBLEMS_MAX: usize = 32;
/// The largest native stack of a guest: the smallest one of a thread of ours has 2 MiB.
const STACK_BYTES_MAX: usize = 1 << 20;
/// Core instances of one component: wit-component makes three (the module, a shim, a fix-up).
pub(crate) const CORE_INSTANCES_MAX: u32 = 8;
/// Linear memories of one component. A policy is one module with one memory.
pub(crate) const MEMORIES_MAX: u32 = 1;
/// Tables of one component: the module's own and the shim's, with room.
pub(crate) const TABLES_MAX: u32 = 4;
/// Elements of one table: functions whose address is taken. `balanced` has some hundreds.
pub(crate) const TABLE_ELEMENTS_MAX: usize = 16 << 10;

/// The processor time of the compiling child. `balanced` takes well under a second, even unoptimised.
pub(crate) const COMPILE_TIME_MAX: Duration = Duration::from_secs(30);
/// How long it is waited for. Processor time is the budget; a host that is busy, as at its boot, gives little
/// of it, and is not to lose its policies for that. `TimeoutStartSec=` of the unit has room for some.
pub(crate) const COMPILE_WAIT_MAX: Duration = Duration::from_secs(120);
/// Address space of the compiling child, which holds the module, its code and the compiler's working memory.
pub(crate) const COMPILE_MEMORY_BYTES_MAX: u64 = 1 << 30;
/// Bytes of compiled code that are taken from the child: a module of the largest size grows some fourfold.
pub(crate) const COMPILED_BYTES_MAX: u64 = 64 << 20;
/// Bytes kept of the child's last words.
pub(crate) const LAST_WORDS_BYTES_MAX: usize = 512;

/// Compiled modules that are kept: some policies, some versions of each.
pub(crate) const CACHE_FILES_MAX: usize = 32;
/// Bytes of all compiled modules that are kept. `balanced` has well under one MiB.
pub(crate) const CACHE_BYTES_MAX: u64 = 256 << 20;
