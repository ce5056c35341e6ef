//! A machine as the file that `jettison explain --snapshot` reads (docs/snapshot.md).

use serde_json::{Value, json};

use crate::machine::{Machine, Process};

/// Since the machine was started: longer than any process is old.
const NOW_MS: i64 = 1000 * 86_400_000;
const MIB: f64 = 1_048_576.0;

/// The snapshot of a machine, `jettison.snapshot/1`.
#[must_use]
pub fn snapshot(machine: &Machine) -> Value {
    json!({
        "schema": "jettison.snapshot/1",
        "jettison": "0.1.0",
        "taken-at-ms": 1_795_541_456_668_u64,
        "redacted": false,
        "host": host(machine),
        "processes": processes(machine),
        "details": details(machine),
        "memcgs": memcgs(machine),
        "faults": [],
    })
}

fn host(machine: &Machine) -> Value {
    let taken: f64 = machine.processes.iter().map(|process| process.taken).sum();
    let if_known = |value: i64| machine.is_ease_known().then_some(value);
    json!({
        "memory-total-bytes": bytes(machine.total),
        "memory-available-bytes": bytes(machine.available),
        "swap-total-bytes": bytes(machine.swap_total),
        "swap-free-bytes": bytes(machine.swap_free),
        "memory-pressure-some-avg10": 2500,
        "memory-pressure-full-avg10": machine.full,
        "now-ms": NOW_MS,
        "eased-ms-ago": if_known(whole(machine.eased_s * 1000.0)),
        "taken-bytes": if_known(bytes((taken + machine.taken_by_nobody).max(0.0))),
        "taken-by-nobody-bytes": if_known(bytes(machine.taken_by_nobody)),
    })
}

fn processes(machine: &Machine) -> Value {
    let rows = &machine.processes;
    let column = |value: &dyn Fn(&Process) -> Value| Value::Array(rows.iter().map(value).collect());
    let parent = |row: &Process| rows.binary_search_by_key(&row.parent, |other| other.pid).ok();
    let memcg = |row: &Process| machine.memcgs.keys().position(|path| *path == row.memcg);
    json!({
        "pids": column(&|row| json!(row.pid)),
        "start-times": column(&|row| json!((NOW_MS - whole(row.age_s * 1000.0)) / 10)),
        "parents": column(&|row| json!(parent(row))),
        "memcgs": column(&|row| json!(memcg(row))),
        "comms": column(&|row| json!(row.comm.chars().take(15).collect::<String>())),
        "flags": column(&|_| json!(0)),
        "uids": column(&|row| json!(row.uid)),
        "threads": column(&|row| json!(row.threads)),
        "ages-ms": column(&|row| json!(whole(row.age_s * 1000.0))),
        "rss-anon-bytes": column(&|row| json!(bytes(row.anon))),
        "rss-file-bytes": column(&|row| json!(bytes(row.file))),
        "rss-shmem-bytes": column(&|row| json!(bytes(row.shm))),
        "swap-bytes": column(&|row| json!(bytes(row.swap))),
        "page-table-bytes": column(&|row| json!(bytes(row.page_tables()))),
        "growth-bytes-per-s": column(&|row| json!(bytes(row.grow))),
        "growth-1h-bytes-per-s": column(&|row| json!(row.hour.map(bytes))),
        "taken-bytes": column(&|row| json!(machine.known_taken(row).map(bytes))),
        "births-per-1000s": column(&|row| json!(whole(row.births * 1000.0))),
        "oom-score-adjs": column(&|row| json!(row.adj)),
        "oom-score-adjs-now": column(&|row| json!(row.adj)),
    })
}

fn details(machine: &Machine) -> Value {
    let rows = machine.processes.iter();
    let cmdline = |row: &Process| format!("{}\0", row.cmd);
    json!({
        "cmdlines": rows.clone().map(cmdline).collect::<Vec<_>>(),
        "exes": rows.clone().map(|row| format!("/usr/bin/{}", row.comm)).collect::<Vec<_>>(),
        "pss-bytes": rows.map(|_| Value::Null).collect::<Vec<_>>(),
    })
}

fn memcgs(machine: &Machine) -> Value {
    let paths: Vec<&str> = machine.memcgs.keys().map(String::as_str).collect();
    let column = |value: &dyn Fn(&str) -> Value| Value::Array(paths.iter().map(|path| value(path)).collect());
    let sum = |path: &str, of: &dyn Fn(&Process) -> f64| json!(bytes(machine.members(path).map(of).sum()));
    let limit = |limit: Option<f64>| limit.map_or(json!("max"), |limit| json!(bytes(limit)));
    let said = |path: &str| machine.memcgs.get(path).cloned().unwrap_or_default();
    let parent = |path: &str| {
        let (parent, _) = path.rsplit_once('/').filter(|_| path != "/")?;
        paths.binary_search(&if parent.is_empty() { "/" } else { parent }).ok()
    };
    json!({
        "paths": paths,
        "parents": column(&|path| json!(parent(path))),
        "current-bytes": column(&|path| json!(bytes(machine.current(path)))),
        "min-bytes": column(&|_| json!(0)),
        "low-bytes": column(&|path| json!(bytes(said(path).low.unwrap_or(0.0)))),
        "high-bytes": column(&|path| limit(said(path).high)),
        "max-bytes": column(&|path| limit(said(path).max)),
        "swap-bytes": column(&|path| sum(path, &|row| row.swap)),
        "anon-bytes": column(&|path| sum(path, &|row| row.anon)),
        "file-bytes": column(&|path| sum(path, &|row| row.file)),
        "shmem-bytes": column(&|path| json!(bytes(machine.shmem(path)))),
        "reclaimable-bytes": column(&|_| json!(0)),
        "pressures-some-avg10": column(&|_| Value::Null),
        "max-events": column(&|_| json!(0)),
        "oom-kills": column(&|_| json!(0)),
        "units": column(&|path| json!(unit(path))),
        "flags": column(&|_| json!(0)),
        "usual-bytes": column(&|path| json!(machine.usual(path).map(bytes))),
        "growth-1h-bytes-per-s": column(&|path| sum(path, &|row| row.hour.unwrap_or(0.0))),
        "growth-bytes-per-s": column(&|path| sum(path, &|row| row.grow)),
    })
}

/// The deepest service or scope on a path.
fn unit(path: &str) -> &str {
    let mut parts = path.rsplit('/');
    parts.find(|part| part.ends_with(".service") || part.ends_with(".scope")).unwrap_or_default()
}

fn bytes(mib: f64) -> i64 {
    whole(mib * MIB)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "sizes of machines are far below 2^63, and the rest is no whole byte"
)]
fn whole(number: f64) -> i64 {
    number as i64
}
