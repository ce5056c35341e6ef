//! The memory of the domain, and what the policies were asked. Sentinels are kept as they are.
//!
//! A field that comes later has a default of its own: a journal of before does not say.

use jettison_model::column::UNKNOWN_U64;
use jettison_model::{Cause, Host, Request, Trend};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(remote = "Cause", rename_all = "kebab-case")]
pub(super) enum CauseForm {
    Routine,
    Warning,
    Pressure,
    Critical,
    MemcgLimit,
    Manual,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Request")]
pub(super) struct RequestForm {
    #[serde(with = "CauseForm")]
    cause: Cause,
    cause_memcg: u32,
    deficit_bytes: u64,
    need_bytes: u64,
    scale_bytes: u64,
}

fn unknown() -> u64 {
    UNKNOWN_U64
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Trend")]
struct TrendForm {
    refault_anon_bytes_per_s: u64,
    refault_file_bytes_per_s: u64,
    swap_in_bytes_per_s: u64,
    swap_out_bytes_per_s: u64,
    major_faults_per_s: u64,
    allocation_stalls_per_s: u64,
    memory_stall_some_us_per_s: u64,
    memory_stall_full_us_per_s: u64,
    #[serde(default = "unknown")]
    memory_stall_full_10s_us_per_s: u64,
    #[serde(default = "unknown")]
    memory_stall_full_30s_us_per_s: u64,
    memory_exhaustion_ms: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Host")]
pub(super) struct HostForm {
    memory_total_bytes: u64,
    memory_available_bytes: u64,
    swap_total_bytes: u64,
    swap_free_bytes: u64,
    memory_pressure_some_avg10: u32,
    memory_pressure_full_avg10: u32,
    io_pressure_some_avg10: u32,
    io_pressure_full_avg10: u32,
    cpu_pressure_some_avg10: u32,
    memory_free_bytes: u64,
    watermark_min_bytes: u64,
    watermark_low_bytes: u64,
    watermark_high_bytes: u64,
    zswap_bytes: u64,
    zswapped_bytes: u64,
    oom_kills: u64,
    eased_ms_ago: u64,
    taken_bytes: u64,
    taken_by_nobody_bytes: u64,
    #[serde(with = "TrendForm")]
    trend: Trend,
}
