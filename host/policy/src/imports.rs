//! What the host offers: one uniform table of functions, each a value or a column of the snapshot.
//!
//! Documented in `wit/*.wit`, in the same order.

use std::sync::Arc;

use jettison_model::{Host, Snapshot, Trend, memcg_columns, process_columns};
use wasmtime::Result;
use wasmtime::component::{Linker, WasmStr};

use crate::guest::Guest;
use crate::offer::{Caller, FUEL_PER_LOG_LINE, Offer, burn, charge};

/// All functions, for any policy.
pub(crate) struct Imports {
    pub(crate) linker: Linker<Guest>,
    /// As `interface.function`.
    pub(crate) names: Vec<String>,
}

impl Imports {
    pub(crate) fn new(engine: &wasmtime::Engine) -> Result<Self> {
        let mut linker = Linker::new(engine);
        let mut names = Vec::new();
        let mut offer = |interface, rows, fill: fn(&mut Offer<'_>) -> Result<()>| {
            fill(&mut Offer::new(&mut linker, interface, rows, &mut names)?)
        };
        let (no_rows, process_rows, memcg_rows): (Rows, Rows, Rows) =
            (|_| 0, |s| s.processes.len(), |s| s.memcgs.len());
        offer("request", no_rows, request)?;
        offer("host", no_rows, host)?;
        offer("processes", process_rows, processes)?;
        offer("memcgs", memcg_rows, memcgs)?;
        offer("details", process_rows, details)?;
        offer("log", no_rows, log)?;
        Ok(Self { linker, names })
    }
}

/// How many values the columns of an interface have.
type Rows = fn(&Snapshot) -> usize;

/// Columns that the host keeps to itself.
const NOT_OFFERED: [&str; 3] = ["start_times", "oom_score_adjs_now", "reclaimable_bytes"];

/// Offers numbers of the snapshot: each is named as in the WIT, with `_` for `-`.
macro_rules! values {
    ($to:ident, $of:ident: $($name:ident,)*) => {
        $($to.value(&in_wit(stringify!($name)), |s| $of(s).$name)?;)*
    };
}

/// Offers columns of a table, likewise.
macro_rules! columns {
    ($to:ident, $table:ident: $($(#[$doc:meta])* $column:ident: $kind:ty,)*) => {
        $(if !NOT_OFFERED.contains(&stringify!($column)) {
            $to.column(&in_wit(stringify!($column)), |s| &s.$table.$column)?;
        })*
    };
}

fn in_wit(field: &str) -> String {
    field.replace('_', "-")
}

fn request(to: &mut Offer<'_>) -> Result<()> {
    to.value("cause", |s| s.request.cause as u32)?;
    to.value("cause-memcg", |s| s.request.cause_memcg)?;
    to.value("deficit-bytes", |s| s.request.deficit_bytes)?;
    to.function("config", |mut caller: Caller<'_>, (): ()| {
        let config = Arc::clone(&caller.data().config);
        charge(&mut caller, config.len())?;
        Ok((config,))
    })
}

fn memory(s: &Snapshot) -> &Host {
    &s.host
}

fn trend(s: &Snapshot) -> &Trend {
    &s.host.trend
}

fn host(to: &mut Offer<'_>) -> Result<()> {
    values!(to, memory:
        memory_total_bytes,
        memory_available_bytes,
        swap_total_bytes,
        swap_free_bytes,
        memory_pressure_some_avg10,
        memory_pressure_full_avg10,
        io_pressure_some_avg10,
        io_pressure_full_avg10,
        cpu_pressure_some_avg10,
        memory_free_bytes,
        watermark_min_bytes,
        watermark_low_bytes,
        watermark_high_bytes,
        zswap_bytes,
        zswapped_bytes,
        oom_kills,
        eased_ms_ago,
        taken_bytes,
        taken_by_nobody_bytes,
    );
    values!(to, trend:
        refault_anon_bytes_per_s,
        refault_file_bytes_per_s,
        swap_in_bytes_per_s,
        swap_out_bytes_per_s,
        major_faults_per_s,
        allocation_stalls_per_s,
        memory_stall_some_us_per_s,
        memory_stall_full_us_per_s,
        memory_exhaustion_ms,
    );
    to.value("now-ms", |s| s.now_ms)
}

macro_rules! processes {
    ($(#[$doc:meta])* $table:ident {
        first { $($first:tt)* } later { $($later:tt)* } sensed { $($sensed:tt)* } details { $($details:tt)* }
    }) => {
        fn processes(to: &mut Offer<'_>) -> Result<()> {
            to.value("count", |s| count(s.processes.len()))?;
            columns!(to, processes: $($first)* $($later)* $($sensed)*);
            Ok(())
        }

        fn details(to: &mut Offer<'_>) -> Result<()> {
            columns!(to, processes: $($details)*);
            Ok(())
        }
    };
}
process_columns!(processes);

macro_rules! memcgs {
    ($(#[$doc:meta])* $table:ident { $($group:ident { $($columns:tt)* })* }) => {
        fn memcgs(to: &mut Offer<'_>) -> Result<()> {
            to.value("count", |s| count(s.memcgs.len()))?;
            $(columns!(to, memcgs: $($columns)*);)*
            Ok(())
        }
    };
}
memcg_columns!(memcgs);

fn log(to: &mut Offer<'_>) -> Result<()> {
    to.function("emit", |mut caller: Caller<'_>, (level, message): (u32, WasmStr)| {
        let message = message.to_str(&caller)?.into_owned();
        charge(&mut caller, message.len())?;
        burn(&mut caller, FUEL_PER_LOG_LINE)?;
        caller.data_mut().emit(level, &message);
        Ok(())
    })
}

fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_offered_is_the_contract() {
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let mut contract = Vec::new();
        for interface in ["request", "host", "processes", "memcgs", "details", "log"] {
            let text = std::fs::read_to_string(wit.join(interface).with_extension("wit")).unwrap();
            let lines = text.lines().map(|line| line.trim_start().trim_start_matches('%'));
            let functions = lines.filter_map(|line| Some(line.split_once(": func(")?.0));
            contract.extend(functions.map(|function| format!("{interface}.{function}")));
        }
        let mut offered = Imports::new(&wasmtime::Engine::default()).unwrap().names;
        contract.sort_unstable();
        offered.sort_unstable();
        assert_eq!(offered, contract);
    }
}
