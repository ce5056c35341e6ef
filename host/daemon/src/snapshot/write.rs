//! The model as a file.

use jettison_model::column::NONE_U32;
use jettison_model::{Memcgs, SenseFault, Snapshot, TextColumn};
use jettison_sense::{Qos, Runtime, attribution};

use super::cell::{Number, Text};
use super::wire;

pub(super) fn file(snapshot: &Snapshot, faults: &[SenseFault]) -> wire::File {
    wire::File {
        schema: wire::SCHEMA.into(),
        jettison: env!("CARGO_PKG_VERSION").into(),
        taken_at_ms: snapshot.taken_at_ms,
        redacted: false,
        host: memory(snapshot),
        processes: wire::Processes::of(&snapshot.processes),
        details: wire::Details::of(&snapshot.processes),
        memcgs: wire::Memcgs::of(&snapshot.memcgs),
        attribution: Some(owners(&snapshot.memcgs)),
        faults: faults
            .iter()
            .map(|fault| wire::Fault { path: fault.path.clone(), what: fault.what.clone() })
            .collect(),
    }
}

fn memory(snapshot: &Snapshot) -> wire::Host {
    let host = &snapshot.host;
    let trend = &host.trend;
    wire::Host {
        memory_total_bytes: Number(host.memory_total_bytes),
        memory_available_bytes: Number(host.memory_available_bytes),
        swap_total_bytes: Number(host.swap_total_bytes),
        swap_free_bytes: Number(host.swap_free_bytes),
        memory_pressure_some_avg10: some_u32(host.memory_pressure_some_avg10),
        memory_pressure_full_avg10: some_u32(host.memory_pressure_full_avg10),
        now_ms: snapshot.now_ms,
        io_pressure_some_avg10: some_u32(host.io_pressure_some_avg10),
        io_pressure_full_avg10: some_u32(host.io_pressure_full_avg10),
        cpu_pressure_some_avg10: some_u32(host.cpu_pressure_some_avg10),
        memory_free_bytes: Number(host.memory_free_bytes),
        watermark_min_bytes: Number(host.watermark_min_bytes),
        watermark_low_bytes: Number(host.watermark_low_bytes),
        watermark_high_bytes: Number(host.watermark_high_bytes),
        zswap_bytes: Number(host.zswap_bytes),
        zswapped_bytes: Number(host.zswapped_bytes),
        oom_kills: Number(host.oom_kills),
        refault_anon_bytes_per_s: Number(trend.refault_anon_bytes_per_s),
        refault_file_bytes_per_s: Number(trend.refault_file_bytes_per_s),
        swap_in_bytes_per_s: Number(trend.swap_in_bytes_per_s),
        swap_out_bytes_per_s: Number(trend.swap_out_bytes_per_s),
        major_faults_per_s: Number(trend.major_faults_per_s),
        allocation_stalls_per_s: Number(trend.allocation_stalls_per_s),
        memory_stall_some_us_per_s: Number(trend.memory_stall_some_us_per_s),
        memory_stall_full_us_per_s: Number(trend.memory_stall_full_us_per_s),
        memory_stall_full_10s_us_per_s: Number(trend.memory_stall_full_10s_us_per_s),
        memory_stall_full_30s_us_per_s: Number(trend.memory_stall_full_30s_us_per_s),
        memory_exhaustion_ms: Number(trend.memory_exhaustion_ms),
        eased_ms_ago: Number(host.eased_ms_ago),
        taken_bytes: Number(host.taken_bytes),
        taken_by_nobody_bytes: Number(host.taken_by_nobody_bytes),
    }
}

fn owners(table: &Memcgs) -> wire::Attribution {
    let paths = (0..table.len()).map(|row| table.paths.get(row));
    wire::Attribution {
        slices: paths.map(|path| Text(attribution(path).slice.to_vec())).collect(),
        container_runtimes: words(&table.container_runtimes, &Runtime::ALL.map(Runtime::as_str)),
        container_ids: names(&table.container_ids),
        pod_uids: names(&table.pod_uids),
        pod_qos_classes: words(&table.pod_qos_classes, &Qos::ALL.map(Qos::as_str)),
    }
}

/// The word of each number; none has no word.
fn words(column: &[u32], all: &[&str]) -> Vec<Option<String>> {
    column.iter().map(|&number| all.get(number as usize).map(ToString::to_string)).collect()
}

/// Ids, which are digits. An empty one is none.
fn names(column: &TextColumn) -> Vec<Option<String>> {
    let texts = (0..column.len()).map(|row| String::from_utf8_lossy(column.get(row)).into_owned());
    texts.map(|text| Some(text).filter(|text| !text.is_empty())).collect()
}

fn some_u32(value: u32) -> Option<u32> {
    (value != NONE_U32).then_some(value)
}
