//! Asks for every column, which other tests hold against the contract.

use crate::bindings::jettison::policy::types::TextColumn;
use crate::bindings::jettison::policy::{details, host, log, memcgs, processes, request};

/// A column by its name, and its length; a text column whose ends do not fit its bytes has none.
type Found = (String, Option<usize>);

/// Asks for columns of an interface.
macro_rules! columns {
    ($($interface:ident { numbers: $($number:ident)*; texts: $($text:ident)*; })*) => {
        vec![$(
            $((name(stringify!($interface), stringify!($number)), Some($interface::$number().len())),)*
            $((name(stringify!($interface), stringify!($text)), text(&$interface::$text())),)*
        )*]
    };
}

fn name(interface: &str, column: &str) -> String {
    format!("{interface}.{}", column.replace('_', "-"))
}

fn all() -> Vec<Found> {
    let mut columns = process_columns();
    columns.extend(memcg_columns());
    columns
}

fn process_columns() -> Vec<Found> {
    columns! {
        processes {
            numbers: pids parents memcgs flags uids threads ages_ms rss_anon_bytes rss_file_bytes
                rss_shmem_bytes swap_bytes page_table_bytes growth_bytes_per_s oom_score_adjs taken_bytes
                growth_1h_bytes_per_s births_per_1000s;
            texts: comms;
        }
        details {
            numbers: pss_bytes;
            texts: cmdlines exes;
        }
    }
}

fn memcg_columns() -> Vec<Found> {
    columns! {
        memcgs {
            numbers: parents current_bytes min_bytes low_bytes high_bytes max_bytes swap_bytes anon_bytes
                file_bytes shmem_bytes pressures_some_avg10 max_events oom_kills flags growth_bytes_per_s
                refaults_anon refaults_file refaults_per_s container_runtimes pod_qos_classes usual_bytes
                growth_1h_bytes_per_s pressures_full_avg10;
            texts: paths units container_ids pod_uids;
        }
    }
}

fn text(column: &TextColumn) -> Option<usize> {
    let ascending = column.ends.is_sorted();
    let whole = column.ends.last().copied().unwrap_or(0) as usize == column.bytes.len();
    (ascending && whole).then_some(column.ends.len())
}

/// The names of the columns that have rows.
pub(crate) fn not_empty() -> Vec<String> {
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
        format!(
            "taken: {:?} {:?} {:?} {:?}",
            [host::eased_ms_ago(), host::taken_bytes(), host::taken_by_nobody_bytes()],
            processes::taken_bytes(),
            processes::growth_1h_bytes_per_s(),
            processes::births_per_1000s(),
        ),
        format!("of memcgs: {:?} {:?}", memcgs::usual_bytes(), memcgs::growth_1h_bytes_per_s()),
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
    complain_of_lengths();
}

fn complain_of_lengths() {
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
