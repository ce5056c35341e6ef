//! `jettison.snapshot/1`: columns by their names in wit/. Frozen: columns are added, never changed.
//!
//! What is unknown or none is null, no limit is `"max"`. Each column of a table has as many values as the
//! others.

use jettison_model::{Memcgs as MemcgTable, Processes as ProcessTable, memcg_columns, process_columns};
use serde::{Deserialize, Serialize};

use super::cell::{Number, Text};
use super::table::{self, Amounts, Kind, Known, Names, Nullable, Rows, table};

/// The value of `schema`.
pub(super) const SCHEMA: &str = "jettison.snapshot/1";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct File {
    pub(super) schema: String,
    /// The version that wrote it.
    pub(super) jettison: String,
    /// Milliseconds since 1970.
    pub(super) taken_at_ms: u64,
    /// Whether names are hashes.
    pub(super) redacted: bool,
    pub(super) host: Host,
    pub(super) processes: Processes,
    pub(super) details: Details,
    pub(super) memcgs: Memcgs,
    /// It follows from the paths of memcgs, but not from hashes. Where it is absent the paths say.
    #[serde(default)]
    pub(super) attribution: Option<Attribution>,
    /// What could not be sensed.
    #[serde(default)]
    pub(super) faults: Vec<Fault>,
}

/// wit/host.wit
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Host {
    pub(super) memory_total_bytes: Number,
    pub(super) memory_available_bytes: Number,
    pub(super) swap_total_bytes: Number,
    pub(super) swap_free_bytes: Number,
    pub(super) memory_pressure_some_avg10: Option<u32>,
    pub(super) memory_pressure_full_avg10: Option<u32>,
    pub(super) now_ms: u64,
    // Files of before do not have these.
    #[serde(default)]
    pub(super) io_pressure_some_avg10: Option<u32>,
    #[serde(default)]
    pub(super) io_pressure_full_avg10: Option<u32>,
    #[serde(default)]
    pub(super) cpu_pressure_some_avg10: Option<u32>,
    #[serde(default)]
    pub(super) memory_free_bytes: Number,
    #[serde(default)]
    pub(super) watermark_min_bytes: Number,
    #[serde(default)]
    pub(super) watermark_low_bytes: Number,
    #[serde(default)]
    pub(super) watermark_high_bytes: Number,
    #[serde(default)]
    pub(super) zswap_bytes: Number,
    #[serde(default)]
    pub(super) zswapped_bytes: Number,
    #[serde(default)]
    pub(super) oom_kills: Number,
    #[serde(default)]
    pub(super) refault_anon_bytes_per_s: Number,
    #[serde(default)]
    pub(super) refault_file_bytes_per_s: Number,
    #[serde(default)]
    pub(super) swap_in_bytes_per_s: Number,
    #[serde(default)]
    pub(super) swap_out_bytes_per_s: Number,
    #[serde(default)]
    pub(super) major_faults_per_s: Number,
    #[serde(default)]
    pub(super) allocation_stalls_per_s: Number,
    #[serde(default)]
    pub(super) memory_stall_some_us_per_s: Number,
    #[serde(default)]
    pub(super) memory_stall_full_us_per_s: Number,
    #[serde(default)]
    pub(super) memory_stall_full_10s_us_per_s: Number,
    #[serde(default)]
    pub(super) memory_stall_full_30s_us_per_s: Number,
    #[serde(default)]
    pub(super) memory_exhaustion_ms: Number,
    #[serde(default)]
    pub(super) eased_ms_ago: Number,
    #[serde(default)]
    pub(super) taken_bytes: Number,
    #[serde(default)]
    pub(super) taken_by_nobody_bytes: Number,
}

macro_rules! process_tables {
    ($(#[$doc:meta])* $model:ident {
        first { $($first:tt)* } later { $($later:tt)* } sensed { $($sensed:tt)* } details { $($details:tt)* }
    }) => {
        table! {
            /// wit/processes.wit, and what the host itself needs: start times, and the adjustments that the
            /// kernel holds now.
            Processes of ProcessTable {
                first { $($first)* } later { $($later)* } sensed { $($sensed)* }
            }
        }
        table! {
            /// wit/details.wit: rows are those of the processes. A column that was not sensed is not there.
            Details of ProcessTable {
                first {} later {} sensed { $($details)* }
            }
        }
    };
}
process_columns!(process_tables);

macro_rules! memcg_table {
    ($(#[$doc:meta])* $model:ident {
        first { $($first:tt)* } later { $($later:tt)* } sensed { $($sensed:tt)* }
        attribution { $($attribution:tt)* }
    }) => {
        table! {
            /// wit/memcgs.wit, without containers and pods.
            Memcgs of MemcgTable {
                first { $($first)* } later { $($later)* } sensed { $($sensed)* }
            }
        }
    };
}
memcg_columns!(memcg_table);

/// What each memcg belongs to: rows are those of the memcgs. The last four are columns of wit/memcgs.wit,
/// numbers as words.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Attribution {
    pub(super) slices: Vec<Text>,
    pub(super) container_runtimes: Vec<Option<String>>,
    pub(super) container_ids: Vec<Option<String>>,
    pub(super) pod_uids: Vec<Option<String>>,
    pub(super) pod_qos_classes: Vec<Option<String>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Fault {
    pub(super) path: String,
    pub(super) what: String,
}
