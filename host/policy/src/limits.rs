//! Bounds of this border, with their reasons. What other stages share is in [`jettison_model::limits`].

use std::time::Duration;

use jettison_model::limits as shared;

/// What one consultation may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Units of fuel: about one per WebAssembly instruction, one per 8 bytes that the host copies into the guest, 500 for
    /// each call of the host and 8,000 for each line of the log.
    pub fuel: u64,
    /// Bytes of linear memory; what is over [`shared::GUEST_MEMORY_BYTES_MAX`] counts as that.
    pub memory_bytes: usize,
    /// Milliseconds until the outer fuse blows. Fuel is the budget; this is for time that fuel does not measure, so it is
    /// far over what the fuel lasts for.
    pub epoch_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: shared::FUEL_PER_CONSULTATION,
            memory_bytes: shared::GUEST_MEMORY_BYTES_MAX,
            epoch_ms: 5_000,
        }
    }
}

/// Bytes that the guest may hand over in one call: 4,096 entries with all steps and reasons at their limits.
pub(crate) const LIFTED_BYTES_MAX: usize = 8 << 20;
/// Problems of a configuration that are reported. Who has more has another problem.
pub(crate) const PROBLEMS_MAX: usize = 32;
/// Native stack of a guest. Rust guests keep their own stack in linear memory; deep recursion ends here.
pub(crate) const STACK_BYTES_MAX: usize = 256 << 10;
/// Core instances of one component: wit-component makes three (the module, a shim, a fix-up).
pub(crate) const CORE_INSTANCES_MAX: u32 = 8;
/// Linear memories of one component. A policy is one module with one memory.
pub(crate) const MEMORIES_MAX: u32 = 1;
/// Tables of one component: the module's own and the shim's, with room.
pub(crate) const TABLES_MAX: u32 = 4;
/// Elements of one table: functions whose address is taken. `balanced` has some hundreds.
pub(crate) const TABLE_ELEMENTS_MAX: usize = 16 << 10;

/// How long the compiling child may take. `balanced` takes well under a second, even unoptimised.
pub(crate) const COMPILE_TIME_MAX: Duration = Duration::from_secs(30);
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
