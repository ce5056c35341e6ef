//! Whether the columns of a file fit each other.

use jettison_model::limits::{MEMCGS_MAX, PROCESSES_MAX};

use super::wire;

/// The columns fit each other: what every reader of a snapshot may rely on.
pub(super) fn fits(file: &wire::File) -> Result<(), String> {
    let (processes, memcgs, details) = (&file.processes, &file.memcgs, &file.details);
    let (rows, memcg_rows) = (processes.pids.len(), memcgs.paths.len());
    at_most("processes.pids", rows, PROCESSES_MAX)?;
    at_most("memcgs.paths", memcg_rows, MEMCGS_MAX)?;
    for (name, length) in processes.lengths() {
        same("processes", &name, length, rows)?;
    }
    for (name, length) in memcgs.lengths() {
        same("memcgs", &name, length, memcg_rows)?;
    }
    for (name, length) in file.attribution.iter().flat_map(lengths_of_attribution) {
        same("attribution", name, length, memcg_rows)?;
    }
    for (name, length) in details.lengths() {
        same("details", &name, length, rows)?;
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

fn lengths_of_attribution(table: &wire::Attribution) -> [(&'static str, usize); 5] {
    [
        ("slices", table.slices.len()),
        ("container-runtimes", table.container_runtimes.len()),
        ("container-ids", table.container_ids.len()),
        ("pod-uids", table.pod_uids.len()),
        ("pod-qos-classes", table.pod_qos_classes.len()),
    ]
}
