//! A file as the model. It may come from another machine, or be made by hand: all that the rest of the host
//! relies on is checked here.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jettison_model::column::{Column, NONE_U32};
use jettison_model::snapshot::flags::EXCLUDED;
use jettison_model::{Host, Memcgs, Processes, Request, Snapshot, TextColumn, Trend};
use jettison_sense::{Qos, Runtime, attribution};
use serde::Deserialize;

use super::cell::Text;
use super::{fit, wire};

/// A snapshot of 10,000 processes is some 4 MB.
const FILE_BYTES_MAX: u64 = 512 << 20;

/// Why a file is no snapshot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadSnapshot {
    path: PathBuf,
    what: String,
}

impl fmt::Display for BadSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.what)
    }
}

/// Reads what `jettison snapshot` wrote, or the same made by hand.
///
/// # Errors
/// If it cannot be read, is no JSON of this schema, or its columns do not fit each other: with the file, the
/// place in it and what was expected.
pub(crate) fn read(path: &Path) -> Result<Snapshot, BadSnapshot> {
    text_of(path).and_then(|text| parse(&text)).map_err(|what| BadSnapshot { path: path.into(), what })
}

fn text_of(path: &Path) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text));
    match read {
        Err(error) => Err(format!("cannot be read: {error}")),
        Ok(length) if length as u64 > FILE_BYTES_MAX => {
            Err(format!("is larger than {} MiB: no snapshot is", FILE_BYTES_MAX >> 20))
        }
        Ok(_) => Ok(text),
    }
}

/// The same, from a text.
///
/// # Errors
/// As [`read`], without the file.
pub(crate) fn parse(text: &[u8]) -> Result<Snapshot, String> {
    #[derive(Deserialize)]
    struct Schema {
        schema: String,
    }
    let head: Schema = serde_json::from_slice(text).map_err(|error| format!("is no snapshot: {error}"))?;
    if head.schema != wire::SCHEMA {
        return Err(format!("has the schema {:?}; this version reads {:?}", head.schema, wire::SCHEMA));
    }
    let file: wire::File = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    fit::fits(&file)?;
    Ok(snapshot(file))
}

fn snapshot(file: wire::File) -> Snapshot {
    let host = file.host;
    Snapshot {
        taken_at_ms: file.taken_at_ms,
        now_ms: host.now_ms,
        request: Request::default(),
        host: memory(&host),
        processes: processes(file.processes, file.details),
        memcgs: memcgs(file.memcgs, file.attribution),
    }
}

fn memory(host: &wire::Host) -> Host {
    Host {
        memory_total_bytes: host.memory_total_bytes.0,
        memory_available_bytes: host.memory_available_bytes.0,
        swap_total_bytes: host.swap_total_bytes.0,
        swap_free_bytes: host.swap_free_bytes.0,
        memory_pressure_some_avg10: host.memory_pressure_some_avg10.unwrap_or(NONE_U32),
        memory_pressure_full_avg10: host.memory_pressure_full_avg10.unwrap_or(NONE_U32),
        io_pressure_some_avg10: host.io_pressure_some_avg10.unwrap_or(NONE_U32),
        io_pressure_full_avg10: host.io_pressure_full_avg10.unwrap_or(NONE_U32),
        cpu_pressure_some_avg10: host.cpu_pressure_some_avg10.unwrap_or(NONE_U32),
        memory_free_bytes: host.memory_free_bytes.0,
        watermark_min_bytes: host.watermark_min_bytes.0,
        watermark_low_bytes: host.watermark_low_bytes.0,
        watermark_high_bytes: host.watermark_high_bytes.0,
        zswap_bytes: host.zswap_bytes.0,
        zswapped_bytes: host.zswapped_bytes.0,
        oom_kills: host.oom_kills.0,
        eased_ms_ago: host.eased_ms_ago.0,
        taken_bytes: host.taken_bytes.0,
        taken_by_nobody_bytes: host.taken_by_nobody_bytes.0,
        trend: Trend {
            refault_anon_bytes_per_s: host.refault_anon_bytes_per_s.0,
            refault_file_bytes_per_s: host.refault_file_bytes_per_s.0,
            swap_in_bytes_per_s: host.swap_in_bytes_per_s.0,
            swap_out_bytes_per_s: host.swap_out_bytes_per_s.0,
            major_faults_per_s: host.major_faults_per_s.0,
            allocation_stalls_per_s: host.allocation_stalls_per_s.0,
            memory_stall_some_us_per_s: host.memory_stall_some_us_per_s.0,
            memory_stall_full_us_per_s: host.memory_stall_full_us_per_s.0,
            memory_stall_full_10s_us_per_s: host.memory_stall_full_10s_us_per_s.0,
            memory_stall_full_30s_us_per_s: host.memory_stall_full_30s_us_per_s.0,
            memory_exhaustion_ms: host.memory_exhaustion_ms.0,
        },
    }
}

fn processes(table: wire::Processes, details: wire::Details) -> Processes {
    let rows = table.pids.len();
    let mut processes = Processes::default();
    table.fill(rows, &mut processes);
    details.fill(rows, &mut processes);
    // Exclusions are decided anew.
    Arc::make_mut(&mut processes.flags).iter_mut().for_each(|bits| *bits &= !EXCLUDED);
    processes
}

fn memcgs(table: wire::Memcgs, owners: Option<wire::Attribution>) -> Memcgs {
    let owners = owners.unwrap_or_else(|| owners_by_path(&table.paths));
    let mut memcgs = Memcgs {
        container_ids: ids(&owners.container_ids),
        container_runtimes: numbers_of(&owners.container_runtimes, &Runtime::ALL.map(Runtime::as_str)),
        pod_uids: ids(&owners.pod_uids),
        pod_qos_classes: numbers_of(&owners.pod_qos_classes, &Qos::ALL.map(Qos::as_str)),
        ..Memcgs::default()
    };
    let rows = table.paths.len();
    table.fill(rows, &mut memcgs);
    memcgs
}

/// What `attribution` says, of a file made by hand without it.
fn owners_by_path(paths: &[Text]) -> wire::Attribution {
    let mut table = wire::Attribution::default();
    for path in paths {
        let said = attribution(&path.0);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        table.slices.push(Text(said.slice.to_vec()));
        table.container_ids.push(said.container.map(|container| text(container.id)));
        let runtime = said.container.and_then(|container| container.runtime);
        table.container_runtimes.push(runtime.map(|runtime| runtime.as_str().into()));
        table.pod_uids.push(said.pod.map(|pod| pod.uid.to_string()));
        table.pod_qos_classes.push(said.pod.map(|pod| pod.qos.as_str().into()));
    }
    table
}

/// The number of each word. One that only a later version knows is none.
fn numbers_of(column: &[Option<String>], all: &[&str]) -> Column<u32> {
    let number = |word: &Option<String>| {
        let mut known = (0_u32..).zip(all);
        known.find(|(_, known)| Some(**known) == word.as_deref()).map_or(NONE_U32, |(number, _)| number)
    };
    Arc::new(column.iter().map(number).collect())
}

fn ids(column: &[Option<String>]) -> TextColumn {
    column.iter().map(|id| id.as_deref().unwrap_or_default().as_bytes()).collect()
}
