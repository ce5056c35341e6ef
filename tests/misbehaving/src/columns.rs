//! Asks for every column, which other tests hold against the contract.

use crate::bindings::jettison::policy::types::TextColumn;
use crate::bindings::jettison::policy::{details, host, log, memcgs, processes, request};

/// Columns by name and length. A text column whose ends do not fit its bytes has no length.
fn all() -> Vec<(&'static str, Option<usize>)> {
    let mut columns = process_columns();
    columns.extend(memcg_columns());
    columns
}

fn process_columns() -> Vec<(&'static str, Option<usize>)> {
    vec![
        ("processes.pids", Some(processes::pids().len())),
        ("processes.parents", Some(processes::parents().len())),
        ("processes.memcgs", Some(processes::memcgs().len())),
        ("processes.comms", text(&processes::comms())),
        ("processes.flags", Some(processes::flags().len())),
        ("processes.uids", Some(processes::uids().len())),
        ("processes.threads", Some(processes::threads().len())),
        ("processes.ages-ms", Some(processes::ages_ms().len())),
        ("processes.rss-anon-bytes", Some(processes::rss_anon_bytes().len())),
        ("processes.rss-file-bytes", Some(processes::rss_file_bytes().len())),
        ("processes.rss-shmem-bytes", Some(processes::rss_shmem_bytes().len())),
        ("processes.swap-bytes", Some(processes::swap_bytes().len())),
        ("processes.page-table-bytes", Some(processes::page_table_bytes().len())),
        ("processes.growth-bytes-per-s", Some(processes::growth_bytes_per_s().len())),
        ("processes.oom-score-adjs", Some(processes::oom_score_adjs().len())),
        ("details.cmdlines", text(&details::cmdlines())),
        ("details.exes", text(&details::exes())),
        ("details.pss-bytes", Some(details::pss_bytes().len())),
    ]
}

fn memcg_columns() -> Vec<(&'static str, Option<usize>)> {
    vec![
        ("memcgs.paths", text(&memcgs::paths())),
        ("memcgs.parents", Some(memcgs::parents().len())),
        ("memcgs.current-bytes", Some(memcgs::current_bytes().len())),
        ("memcgs.min-bytes", Some(memcgs::min_bytes().len())),
        ("memcgs.low-bytes", Some(memcgs::low_bytes().len())),
        ("memcgs.high-bytes", Some(memcgs::high_bytes().len())),
        ("memcgs.max-bytes", Some(memcgs::max_bytes().len())),
        ("memcgs.swap-bytes", Some(memcgs::swap_bytes().len())),
        ("memcgs.anon-bytes", Some(memcgs::anon_bytes().len())),
        ("memcgs.file-bytes", Some(memcgs::file_bytes().len())),
        ("memcgs.shmem-bytes", Some(memcgs::shmem_bytes().len())),
        ("memcgs.pressures-some-avg10", Some(memcgs::pressures_some_avg10().len())),
        ("memcgs.max-events", Some(memcgs::max_events().len())),
        ("memcgs.oom-kills", Some(memcgs::oom_kills().len())),
        ("memcgs.units", text(&memcgs::units())),
        ("memcgs.flags", Some(memcgs::flags().len())),
        ("memcgs.growth-bytes-per-s", Some(memcgs::growth_bytes_per_s().len())),
        ("memcgs.refaults-anon", Some(memcgs::refaults_anon().len())),
        ("memcgs.refaults-file", Some(memcgs::refaults_file().len())),
        ("memcgs.refaults-per-s", Some(memcgs::refaults_per_s().len())),
        ("memcgs.container-ids", text(&memcgs::container_ids())),
        ("memcgs.container-runtimes", Some(memcgs::container_runtimes().len())),
        ("memcgs.pod-uids", text(&memcgs::pod_uids())),
        ("memcgs.pod-qos-classes", Some(memcgs::pod_qos_classes().len())),
    ]
}

fn text(column: &TextColumn) -> Option<usize> {
    let ascending = column.ends.is_sorted();
    let whole = column.ends.last().copied().unwrap_or(0) as usize == column.bytes.len();
    (ascending && whole).then_some(column.ends.len())
}

/// The names of the columns that have rows.
pub(crate) fn not_empty() -> Vec<&'static str> {
    all().into_iter().filter(|(_, rows)| *rows != Some(0)).map(|(name, _)| name).collect()
}

/// Writes the values of the snapshot, and columns of a wrong length, to the log.
pub(crate) fn describe() {
    let lines = [
        format!(
            "request: cause {} memcg {} deficit {}",
            request::cause(),
            request::cause_memcg(),
            request::deficit_bytes()
        ),
        format!(
            "host: {} {} {} {} {} {} {}",
            host::memory_total_bytes(),
            host::memory_available_bytes(),
            host::swap_total_bytes(),
            host::swap_free_bytes(),
            host::memory_pressure_some_avg10(),
            host::memory_pressure_full_avg10(),
            host::now_ms()
        ),
        format!(
            "reclaim: {:?}",
            [
                host::memory_free_bytes(),
                host::watermark_min_bytes(),
                host::watermark_low_bytes(),
                host::watermark_high_bytes(),
                host::zswap_bytes(),
                host::zswapped_bytes(),
                host::io_pressure_some_avg10().into(),
                host::io_pressure_full_avg10().into(),
                host::cpu_pressure_some_avg10().into(),
            ]
        ),
        format!(
            "trend: {} oom kills; {:?}",
            host::oom_kills(),
            [
                host::refault_anon_bytes_per_s(),
                host::refault_file_bytes_per_s(),
                host::swap_in_bytes_per_s(),
                host::swap_out_bytes_per_s(),
                host::major_faults_per_s(),
                host::allocation_stalls_per_s(),
                host::memory_stall_some_us_per_s(),
                host::memory_stall_full_us_per_s(),
                host::memory_exhaustion_ms(),
            ]
        ),
        format!("rows: {} {}", processes::count(), memcgs::count()),
        format!("pids: {:?}", processes::pids()),
        format!("growth: {:?}", processes::growth_bytes_per_s()),
        format!("adjs: {:?}", processes::oom_score_adjs()),
        format!("comms: {:?}", processes::comms()),
        format!("cmdlines: {:?}", details::cmdlines()),
        format!("pss: {:?}", details::pss_bytes()),
        format!("units: {:?}", memcgs::units()),
    ];
    lines.iter().for_each(|line| log::emit(3, line));
    let tables = [(processes::count(), process_columns()), (memcgs::count(), memcg_columns())];
    for (count, columns) in tables {
        for (name, rows) in columns {
            if rows != Some(count as usize) {
                log::emit(1, &format!("{name} has {rows:?} rows of {count}"));
            }
        }
    }
}

/// The sizes of both tables, with a column of each.
pub(crate) fn rows() -> String {
    let (processes, memcgs) = (processes::pids().len(), memcgs::parents().len());
    format!("{processes} and {memcgs}")
}
