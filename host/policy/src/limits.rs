//! Bounds of this border, with their reasons. What other stages share is in [`jettison_model::limits`].

use std::time::Duration;

use jettison_model::limits as shared;

/// What one consultation may use, and what it may take to compile a module. [`LIMITS_MAX`] bounds each.
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
    /// Of the compiling child.
    pub compile: CompileLimits,
}

/// What it may take to compile one module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Bytes of the module's file. Of compiled code four times as much is taken.
    pub module_bytes: u64,
    /// Seconds of processor time. The child is waited for four times as long: a host that is busy, as at its
    /// boot, gives little of it, and is not to lose its policies for that.
    pub seconds: u64,
    /// Bytes of address space, which holds the module, its code and the compiler's working memory.
    pub memory_bytes: u64,
}

impl CompileLimits {
    /// As arguments of the child.
    pub(crate) fn to_args(self) -> [String; 3] {
        [self.module_bytes, self.seconds, self.memory_bytes].map(|limit| limit.to_string())
    }

    /// From these arguments; without any the default ones. `None` if they are not three numbers.
    #[must_use]
    pub fn from_args(args: &[String]) -> Option<Self> {
        if args.is_empty() {
            return Some(Self::default());
        }
        let [module_bytes, seconds, memory_bytes] = args else { return None };
        Some(Self {
            module_bytes: module_bytes.parse().ok()?,
            seconds: seconds.parse().ok()?,
            memory_bytes: memory_bytes.parse().ok()?,
        })
    }

    /// Bytes of compiled code that are taken from the child: a module grows some fourfold.
    pub(crate) fn code_bytes(self) -> u64 {
        self.module_bytes.saturating_mul(4)
    }

    pub(crate) fn wait(self) -> Duration {
        Duration::from_secs(self.seconds.saturating_mul(4))
    }

    fn bounded(self, most: Self) -> Self {
        Self {
            module_bytes: self.module_bytes.min(most.module_bytes),
            seconds: self.seconds.min(most.seconds),
            memory_bytes: self.memory_bytes.min(most.memory_bytes),
        }
    }
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { module_bytes: 16 << 20, seconds: 30, memory_bytes: 1 << 30 }
    }
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
            compile: self.compile.bounded(most.compile),
        }
    }
}

/// What cannot be set higher: memory is set aside for it once, the WIT has it, or no host has more to give.
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
    compile: CompileLimits { module_bytes: 64 << 20, seconds: 600, memory_bytes: 8 << 30 },
};

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: shared::FUEL_PER_CONSULTATION,
            epoch_ms: 5_000,
            stack_bytes: 256 << 10,
            compile: CompileLimits::default(),
            ..LIMITS_MAX
        }
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

/// Bytes kept of the child's last words.
pub(crate) const LAST_WORDS_BYTES_MAX: usize = 512;

/// Compiled modules that are kept: some policies, some versions of each.
pub(crate) const CACHE_FILES_MAX: usize = 32;
/// Bytes of all compiled modules that are kept. `balanced` has well under one MiB.
pub(crate) const CACHE_BYTES_MAX: u64 = 256 << 20;
