//! The two sides of wasmtime: one compiles and never runs, the other runs and never compiles.
//!
//! Both are built from the same settings, since compiled code is accepted only by an engine with equal ones.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use jettison_model::Fault;
use jettison_model::limits::GUEST_MEMORY_BYTES_MAX;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

use crate::fault;
use crate::fuse::Fuse;
use crate::imports::Imports;
use crate::limits::{
    CORE_INSTANCES_MAX, Limits, MEMORIES_MAX, STACK_BYTES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX,
};

/// Runs compiled policies, one consultation at a time. All memory that a consultation needs is set aside once.
/// Cloning shares it.
#[derive(Clone)]
pub struct Engine(Arc<Parts>);

struct Parts {
    wasm: wasmtime::Engine,
    imports: Imports,
    fuse: Fuse,
    limits: Limits,
}

impl Engine {
    /// Reserves the address space and starts the fuse's thread, which sleeps while nobody is consulted.
    ///
    /// # Errors
    /// [`Fault::Host`] if the host has no memory or no thread to give.
    pub fn new(limits: Limits) -> Result<Self, Fault> {
        let limits = Limits { memory_bytes: limits.memory_bytes.min(GUEST_MEMORY_BYTES_MAX), ..limits };
        let mut config = settings();
        config.enable_compiler(false).allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
        let wasm = wasmtime::Engine::new(&config)
            .map_err(|error| fault::host("the WebAssembly runtime does not start", &error))?;
        let imports = Imports::new(&wasm)
            .map_err(|error| fault::host("the functions for policies do not link", &error))?;
        let fuse = Fuse::new(wasm.clone(), limits.epoch_ms)?;
        Ok(Self(Arc::new(Parts { wasm, imports, fuse, limits })))
    }

    pub(crate) fn wasm(&self) -> &wasmtime::Engine {
        &self.0.wasm
    }

    pub(crate) fn imports(&self) -> &Imports {
        &self.0.imports
    }

    pub(crate) fn fuse(&self) -> &Fuse {
        &self.0.fuse
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("limits", self.limits()).finish_non_exhaustive()
    }
}

/// The compiling side. It lives in a short-lived child process.
pub(crate) fn compiling() -> wasmtime::Result<wasmtime::Engine> {
    let mut config = settings();
    config.cranelift_nan_canonicalization(true);
    wasmtime::Engine::new(&config)
}

/// What tells compiled code of one program from that of another: wasmtime's version and settings, this processor's
/// abilities, and our own version. Code runs where this is the same; it may differ where code would run, too.
pub(crate) fn compatibility(compiling: &wasmtime::Engine) -> String {
    let mut hasher = DefaultHasher::new();
    compiling.precompile_compatibility_hash().hash(&mut hasher);
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// What both sides must have alike.
fn settings() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES_MAX)
        // Guests are deterministic, so a replay on another machine says the same.
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        // Bounds are checked by code, not by guard pages and signals: then no consultation changes a mapping,
        // the memory of the last one stays resident, and locked memory (mlockall(2)) is never asked to go away.
        .signals_based_traps(false)
        .memory_reservation(GUEST_MEMORY_BYTES_MAX as u64)
        .memory_reservation_for_growth(0)
        .memory_guard_size(0)
        .guard_before_linear_memory(false)
        .memory_may_move(false)
        .memory_init_cow(false)
        // A panic's message carries file and line; frames of release builds say less, and cost memory.
        .wasm_backtrace_max_frames(None)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .native_unwind_info(false)
        .generate_address_map(false);
    config
}

/// Room for one instance of one component, kept resident and cleared by writing zeros to what was used.
fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(1)
        .total_core_instances(CORE_INSTANCES_MAX)
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .total_memories(MEMORIES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .total_tables(TABLES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_tables_per_module(TABLES_MAX)
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_memory_size(GUEST_MEMORY_BYTES_MAX)
        .max_unused_warm_slots(1)
        .decommit_batch_size(1)
        .linear_memory_keep_resident(GUEST_MEMORY_BYTES_MAX)
        .table_keep_resident(TABLE_ELEMENTS_MAX * size_of::<usize>())
        .pagemap_scan(Enabled::Auto);
    pool
}
