//! The model as a file.

use jettison_model::column::{NONE_U32, UNKNOWN_S16, UNKNOWN_S64};
use jettison_model::{Memcgs, Processes, SenseFault, Snapshot, TextColumn};
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
        processes: processes(&snapshot.processes),
        details: details(&snapshot.processes),
        memcgs: memcgs(&snapshot.memcgs),
        attribution: Some(whose(&snapshot.memcgs)),
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
        memory_exhaustion_ms: Number(trend.memory_exhaustion_ms),
    }
}

fn processes(table: &Processes) -> wire::Processes {
    wire::Processes {
        pids: table.pids.to_vec(),
        start_times: table.start_times.to_vec(),
        parents: options(&table.parents),
        memcgs: options(&table.memcgs),
        comms: texts(&table.comms),
        flags: table.flags.to_vec(),
        uids: options(&table.uids),
        threads: table.threads.to_vec(),
        ages_ms: table.ages_ms.to_vec(),
        rss_anon_bytes: numbers(&table.rss_anon_bytes),
        rss_file_bytes: numbers(&table.rss_file_bytes),
        rss_shmem_bytes: numbers(&table.rss_shmem_bytes),
        swap_bytes: numbers(&table.swap_bytes),
        page_table_bytes: numbers(&table.page_table_bytes),
        growth_bytes_per_s: known(&table.growth_bytes_per_s, UNKNOWN_S64),
        oom_score_adjs: known(&table.oom_score_adjs, UNKNOWN_S16),
        oom_score_adjs_now: known(&table.oom_score_adjs_now, UNKNOWN_S16),
    }
}

fn details(table: &Processes) -> wire::Details {
    wire::Details {
        cmdlines: (!table.cmdlines.is_empty()).then(|| texts(&table.cmdlines)),
        exes: (!table.exes.is_empty()).then(|| texts(&table.exes)),
        pss_bytes: (!table.pss_bytes.is_empty()).then(|| numbers(&table.pss_bytes)),
    }
}

fn memcgs(table: &Memcgs) -> wire::Memcgs {
    wire::Memcgs {
        paths: texts(&table.paths),
        parents: options(&table.parents),
        current_bytes: numbers(&table.current_bytes),
        min_bytes: numbers(&table.min_bytes),
        low_bytes: numbers(&table.low_bytes),
        high_bytes: numbers(&table.high_bytes),
        max_bytes: numbers(&table.max_bytes),
        swap_bytes: numbers(&table.swap_bytes),
        anon_bytes: numbers(&table.anon_bytes),
        file_bytes: numbers(&table.file_bytes),
        shmem_bytes: numbers(&table.shmem_bytes),
        reclaimable_bytes: numbers(&table.reclaimable_bytes),
        pressures_some_avg10: options(&table.pressures_some_avg10),
        max_events: numbers(&table.max_events),
        oom_kills: numbers(&table.oom_kills),
        units: texts(&table.units),
        flags: Some(table.flags.to_vec()),
        growth_bytes_per_s: Some(known(&table.growth_bytes_per_s, UNKNOWN_S64)),
        refaults_anon: Some(numbers(&table.refaults_anon)),
        refaults_file: Some(numbers(&table.refaults_file)),
        refaults_per_s: Some(numbers(&table.refaults_per_s)),
    }
}

fn whose(table: &Memcgs) -> wire::Attribution {
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

fn numbers(column: &[u64]) -> Vec<Number> {
    column.iter().copied().map(Number).collect()
}

fn texts(column: &TextColumn) -> Vec<Text> {
    (0..column.len()).map(|row| Text(column.get(row).to_vec())).collect()
}

fn some_u32(value: u32) -> Option<u32> {
    (value != NONE_U32).then_some(value)
}

fn options(column: &[u32]) -> Vec<Option<u32>> {
    column.iter().copied().map(some_u32).collect()
}

fn known<T: Copy + PartialEq>(column: &[T], unknown: T) -> Vec<Option<T>> {
    column.iter().map(|&value| (value != unknown).then_some(value)).collect()
}
