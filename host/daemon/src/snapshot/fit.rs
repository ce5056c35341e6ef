//! Whether the columns of a file fit each other.

use jettison_model::limits::{MEMCGS_MAX, PROCESSES_MAX};

use super::wire;

/// The columns fit each other: what every reader of a snapshot may rely on.
pub(super) fn fits(file: &wire::File) -> Result<(), String> {
    let (processes, memcgs, details) = (&file.processes, &file.memcgs, &file.details);
    let (rows, memcg_rows) = (processes.pids.len(), memcgs.paths.len());
    at_most("processes.pids", rows, PROCESSES_MAX)?;
    at_most("memcgs.paths", memcg_rows, MEMCGS_MAX)?;
    for (name, length) in lengths_of_processes(processes) {
        same("processes", name, length, rows)?;
    }
    for (name, length) in lengths_of_memcgs(memcgs) {
        same("memcgs", name, length, memcg_rows)?;
    }
    for (name, length) in later_lengths_of_memcgs(memcgs) {
        same("memcgs", name, length.unwrap_or(memcg_rows), memcg_rows)?;
    }
    for (name, length) in file.attribution.iter().flat_map(lengths_of_attribution) {
        same("attribution", name, length, memcg_rows)?;
    }
    let optional = [
        ("cmdlines", details.cmdlines.as_ref().map(Vec::len)),
        ("exes", details.exes.as_ref().map(Vec::len)),
        ("pss-bytes", details.pss_bytes.as_ref().map(Vec::len)),
    ];
    for (name, length) in optional {
        same("details", name, length.unwrap_or(rows), rows)?;
    }
    if !processes.pids.is_sorted_by(|a, b| a < b) {
        return Err("processes.pids: not in ascending order, or one is there twice".into());
    }
    if !memcgs.paths.is_sorted_by(|a, b| a < b) {
        return Err("memcgs.paths: not in ascending order of bytes, or one is there twice".into());
    }
    adjustments("processes.oom-score-adjs", &processes.oom_score_adjs)?;
    adjustments("processes.oom-score-adjs-now", &processes.oom_score_adjs_now)?;
    rows_exist("processes.parents", &processes.parents, rows)?;
    rows_exist("processes.memcgs", &processes.memcgs, memcg_rows)?;
    rows_exist("memcgs.parents", &memcgs.parents, memcg_rows)
}

fn at_most(column: &str, length: usize, most: usize) -> Result<(), String> {
    if length <= most { Ok(()) } else { Err(format!("{column}: {length} values; at most {most} are read")) }
}

fn same(table: &str, column: &str, length: usize, rows: usize) -> Result<(), String> {
    if length == rows {
        return Ok(());
    }
    Err(format!("{table}.{column}: {length} values for {rows} rows"))
}

fn rows_exist(column: &str, values: &[Option<u32>], rows: usize) -> Result<(), String> {
    match values.iter().flatten().find(|&&row| row as usize >= rows) {
        Some(row) => Err(format!("{column}: there is no row {row}, only {rows}")),
        None => Ok(()),
    }
}

fn adjustments(column: &str, values: &[Option<i16>]) -> Result<(), String> {
    match values.iter().flatten().find(|adj| !(-1000..=1000).contains(*adj)) {
        Some(adj) => Err(format!("{column}: {adj} is not -1000 to 1000")),
        None => Ok(()),
    }
}

fn lengths_of_processes(table: &wire::Processes) -> [(&'static str, usize); 16] {
    [
        ("start-times", table.start_times.len()),
        ("parents", table.parents.len()),
        ("memcgs", table.memcgs.len()),
        ("comms", table.comms.len()),
        ("flags", table.flags.len()),
        ("uids", table.uids.len()),
        ("threads", table.threads.len()),
        ("ages-ms", table.ages_ms.len()),
        ("rss-anon-bytes", table.rss_anon_bytes.len()),
        ("rss-file-bytes", table.rss_file_bytes.len()),
        ("rss-shmem-bytes", table.rss_shmem_bytes.len()),
        ("swap-bytes", table.swap_bytes.len()),
        ("page-table-bytes", table.page_table_bytes.len()),
        ("growth-bytes-per-s", table.growth_bytes_per_s.len()),
        ("oom-score-adjs", table.oom_score_adjs.len()),
        ("oom-score-adjs-now", table.oom_score_adjs_now.len()),
    ]
}

fn lengths_of_memcgs(table: &wire::Memcgs) -> [(&'static str, usize); 15] {
    [
        ("parents", table.parents.len()),
        ("current-bytes", table.current_bytes.len()),
        ("min-bytes", table.min_bytes.len()),
        ("low-bytes", table.low_bytes.len()),
        ("high-bytes", table.high_bytes.len()),
        ("max-bytes", table.max_bytes.len()),
        ("swap-bytes", table.swap_bytes.len()),
        ("anon-bytes", table.anon_bytes.len()),
        ("file-bytes", table.file_bytes.len()),
        ("shmem-bytes", table.shmem_bytes.len()),
        ("reclaimable-bytes", table.reclaimable_bytes.len()),
        ("pressures-some-avg10", table.pressures_some_avg10.len()),
        ("max-events", table.max_events.len()),
        ("oom-kills", table.oom_kills.len()),
        ("units", table.units.len()),
    ]
}

fn lengths_of_attribution(table: &wire::Attribution) -> [(&'static str, usize); 5] {
    [
        ("slices", table.slices.len()),
        ("container-runtimes", table.container_runtimes.len()),
        ("container-ids", table.container_ids.len()),
        ("pod-uids", table.pod_uids.len()),
        ("pod-qos-classes", table.pod_qos_classes.len()),
    ]
}

/// Those that files of the first release do not have.
fn later_lengths_of_memcgs(table: &wire::Memcgs) -> [(&'static str, Option<usize>); 5] {
    let numbers = |column: &Option<Vec<_>>| column.as_ref().map(Vec::len);
    [
        ("flags", table.flags.as_ref().map(Vec::len)),
        ("growth-bytes-per-s", table.growth_bytes_per_s.as_ref().map(Vec::len)),
        ("refaults-anon", numbers(&table.refaults_anon)),
        ("refaults-file", numbers(&table.refaults_file)),
        ("refaults-per-s", numbers(&table.refaults_per_s)),
    ]
}
