//! `jettison.snapshot/1`: columns by their names in wit/. Frozen: columns are added, never changed.
//!
//! What is unknown or none is null, no limit is `"max"`. Each column of a table has as many values as the others.

use serde::{Deserialize, Serialize};

use super::cell::{Number, Text};

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
    pub(super) memory_exhaustion_ms: Number,
}

/// wit/processes.wit, and what the host itself needs: start times, and the adjustments that the kernel holds now.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Processes {
    pub(super) pids: Vec<u32>,
    pub(super) start_times: Vec<u64>,
    pub(super) parents: Vec<Option<u32>>,
    pub(super) memcgs: Vec<Option<u32>>,
    pub(super) comms: Vec<Text>,
    pub(super) flags: Vec<u32>,
    pub(super) uids: Vec<Option<u32>>,
    pub(super) threads: Vec<u32>,
    pub(super) ages_ms: Vec<u64>,
    pub(super) rss_anon_bytes: Vec<Number>,
    pub(super) rss_file_bytes: Vec<Number>,
    pub(super) rss_shmem_bytes: Vec<Number>,
    pub(super) swap_bytes: Vec<Number>,
    pub(super) page_table_bytes: Vec<Number>,
    pub(super) growth_bytes_per_s: Vec<Option<i64>>,
    pub(super) oom_score_adjs: Vec<Option<i16>>,
    pub(super) oom_score_adjs_now: Vec<Option<i16>>,
}

/// wit/details.wit: rows are those of the processes. A column that was not sensed is not there.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cmdlines: Option<Vec<Text>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exes: Option<Vec<Text>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pss_bytes: Option<Vec<Number>>,
}

/// wit/memcgs.wit
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Memcgs {
    pub(super) paths: Vec<Text>,
    pub(super) parents: Vec<Option<u32>>,
    pub(super) current_bytes: Vec<Number>,
    pub(super) min_bytes: Vec<Number>,
    pub(super) low_bytes: Vec<Number>,
    pub(super) high_bytes: Vec<Number>,
    pub(super) max_bytes: Vec<Number>,
    pub(super) swap_bytes: Vec<Number>,
    pub(super) anon_bytes: Vec<Number>,
    pub(super) file_bytes: Vec<Number>,
    pub(super) shmem_bytes: Vec<Number>,
    pub(super) reclaimable_bytes: Vec<Number>,
    pub(super) pressures_some_avg10: Vec<Option<u32>>,
    pub(super) max_events: Vec<Number>,
    pub(super) oom_kills: Vec<Number>,
    pub(super) units: Vec<Text>,
    // From here on added after the first release: files without them are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) flags: Option<Vec<u32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) growth_bytes_per_s: Option<Vec<Option<i64>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refaults_anon: Option<Vec<Number>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refaults_file: Option<Vec<Number>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refaults_per_s: Option<Vec<Number>>,
}

/// Whose each memcg is: rows are those of the memcgs. The last four are columns of wit/memcgs.wit, numbers as words.
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
