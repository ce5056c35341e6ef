//! What wasmtime is told, for the side that compiles and for the side that runs.

use jettison_model::limits::GUEST_MEMORY_BYTES_MAX;
use wasmtime::{Config, Enabled, PoolingAllocationConfig, WasmBacktraceDetails};

use crate::limits::{CORE_INSTANCES_MAX, MEMORIES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX};

/// What both sides must have alike.
pub(crate) fn settings() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        // Guests are deterministic, so a replay on another machine says the same.
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        // Bounds are checked by code, not by guard pages and signals: then no consultation changes a mapping,
        // the memory of the last one stays resident, and locked memory (mlockall(2)) is never asked to go
        // away.
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
pub(crate) fn pool() -> PoolingAllocationConfig {
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
