//! A machine as `jettison snapshot` recorded it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::cells::Cells;
use super::machine::Machine;
use super::process_row::ProcessRow;
use super::reclaim::Reclaim;
use super::trend::Trend;

const SCHEMA: &str = "jettison.snapshot/1";
/// Numbers of runtimes and classes, as words.
const RUNTIMES: [&str; 4] = ["docker", "containerd", "cri-o", "podman"];
const CLASSES: [&str; 3] = ["Guaranteed", "Burstable", "BestEffort"];

/// Real machines.
impl Machine {
    /// The machine that `jettison snapshot -o FILE` recorded, redacted or not. It may be changed like any
    /// other before a policy is consulted. Init is excluded; what else the host would exclude is not known.
    /// Nothing says why the policy is consulted, so that is [`Cause::Routine`](crate::Cause::Routine) unless
    /// told; and a file made by hand without `attribution` has no containers and pods.
    ///
    /// ```
    /// # std::fs::write(std::env::temp_dir().join("sdk-doc.json"), r#"{
    /// #   "schema": "jettison.snapshot/1",
    /// #   "host": {"memory-total-bytes": 1073741824, "now-ms": 1},
    /// #   "processes": {"pids": [1, 7], "parents": [null, 0], "comms": ["init", "hog"],
    /// #     "memcgs": [0, 0], "flags": [0, 0], "ages-ms": [1, 1], "threads": [1, 1]},
    /// #   "memcgs": {"paths": ["/"]}}"#).unwrap();
    /// # let file = std::env::temp_dir().join("sdk-doc.json");
    /// use jettison_sdk::testing::Machine;
    ///
    /// let incident = Machine::load(file).unwrap();
    /// assert_eq!(incident.snapshot().process(7).unwrap().comm(), b"hog");
    /// ```
    ///
    /// # Errors
    ///
    /// With the file: if it cannot be read, or is no snapshot.
    pub fn load(file: impl AsRef<Path>) -> Result<Self, String> {
        let file = file.as_ref();
        let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        recorded(&text).map_err(|why| format!("{}: {why}", file.display()))
    }
}

fn recorded(text: &str) -> Result<Machine, String> {
    let file: Value = serde_json::from_str(text).map_err(|error| format!("is no snapshot: {error}"))?;
    if file["schema"] != SCHEMA {
        return Err(format!("has the schema {}; this version reads {SCHEMA:?}", file["schema"]));
    }
    let mut machine = Machine::new();
    let host = Cells::of(&file, "host");
    machine.total_bytes = host.single("memory_total_bytes")?;
    machine.available_bytes = host.single("memory_available_bytes")?;
    machine.swap_total_bytes = host.single("swap_total_bytes")?;
    machine.swap_free_bytes = host.single("swap_free_bytes")?;
    machine.pressure_some_avg10 = host.single("memory_pressure_some_avg10")?;
    machine.pressure_full_avg10 = host.single("memory_pressure_full_avg10")?;
    machine.oom_kills = host.single("oom_kills")?;
    machine.now_ms = host.single("now_ms")?;
    machine.trend = Trend::read(&host)?;
    machine.reclaim = Reclaim::read(&host)?;
    let paths = memcgs(&file, &mut machine)?;
    machine.processes = processes(&file, &paths)?;
    Ok(machine)
}

/// Fills them in. Returns their paths, by row.
fn memcgs(file: &Value, machine: &mut Machine) -> Result<Vec<String>, String> {
    let (table, owners) = (Cells::of(file, "memcgs"), Cells::of(file, "attribution"));
    let mut paths = Vec::new();
    for at in 0..table.rows("paths")? {
        let path = readable(&table.text("paths", at)?);
        let row = machine.memcg(&path);
        row.read(&table, at)?;
        row.container_ids = owners.text("container_ids", at)?;
        row.container_runtimes = owners.word("container_runtimes", at, &RUNTIMES)?;
        row.pod_uids = owners.text("pod_uids", at)?;
        row.pod_qos_classes = owners.word("pod_qos_classes", at, &CLASSES)?;
        paths.push(path);
    }
    Ok(paths)
}

fn processes(file: &Value, paths: &[String]) -> Result<Vec<ProcessRow>, String> {
    let (table, details) = (Cells::of(file, "processes"), Cells::of(file, "details"));
    let count = table.rows("pids")?;
    let pids: Vec<u32> = (0..count).map(|at| table.number("pids", at)).collect::<Result<_, _>>()?;
    let mut rows = Vec::with_capacity(count);
    for (at, &pid) in pids.iter().enumerate() {
        let mut row = ProcessRow::new(pid, &[]);
        row.read(&table, at)?;
        let parent: u32 = table.number("parents", at)?;
        row.parent = pids.get(parent as usize).copied().unwrap_or(0);
        let memcg: u32 = table.number("memcgs", at)?;
        row.memcg = paths.get(memcg as usize).cloned();
        row.cmdline = details.text("cmdlines", at)?;
        row.exe = details.text("exes", at)?;
        row.pss_bytes = details.number("pss_bytes", at)?;
        if pid == 1 {
            row.excluded();
        }
        rows.push(row);
    }
    Ok(rows)
}

/// A path of a test machine is text. Bytes that are none stand there as `\xff`.
fn readable(path: &[u8]) -> String {
    let chunk = |chunk: std::str::Utf8Chunk<'_>| {
        let bytes = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
        chunk.valid().to_owned() + &bytes.collect::<String>()
    };
    path.utf8_chunks().map(chunk).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cause, Limit, Qos, Runtime};

    const FILE: &str = r#"{
        "schema": "jettison.snapshot/1", "jettison": "0.1.0", "taken-at-ms": 5, "redacted": false,
        "host": {"memory-total-bytes": 8000, "memory-available-bytes": 100, "swap-total-bytes": 0,
            "swap-free-bytes": 0, "memory-pressure-some-avg10": 7, "memory-pressure-full-avg10": null,
            "now-ms": 9000, "watermark-low-bytes": 3, "taken-bytes": 77},
        "processes": {"pids": [1, 40, 41], "parents": [null, 0, 1], "memcgs": [0, 1, null],
            "comms": ["init", "hog", {"hex": "ff2f"}], "flags": [0, 0, 1], "uids": [0, 1000, null],
            "threads": [1, 2, 1], "ages-ms": [9000, 500, 9000], "rss-anon-bytes": [1, 4096, null],
            "growth-bytes-per-s": [0, -5, null], "oom-score-adjs": [0, 200, 0], "start-times": [1, 2, 3]},
        "details": {"cmdlines": ["", "hog\u0000-v\u0000", ""]},
        "memcgs": {"paths": ["/", {"hex": "2fff"}], "parents": [null, 0], "max-bytes": ["max", 512],
            "units": ["", "x.service"], "current-bytes": [null, 5]},
        "attribution": {"slices": ["", ""], "container-ids": [null, "c0"], "pod-uids": [null, "7"],
            "container-runtimes": [null, "cri-o"], "pod-qos-classes": [null, "Burstable"]}}"#;

    #[test]
    fn a_file_is_a_machine_and_what_it_does_not_have_is_unknown() {
        let snapshot = recorded(FILE).unwrap().snapshot();
        assert_eq!((snapshot.memory_available_bytes(), snapshot.now_ms()), (100, 9000));
        assert_eq!(
            (snapshot.memory_pressure_some_avg10(), snapshot.memory_pressure_full_avg10()),
            (Some(7), None)
        );
        assert_eq!((snapshot.watermark_low_bytes(), snapshot.watermark_high_bytes()), (Some(3), None));
        assert_eq!((snapshot.taken_bytes(), snapshot.eased_ms_ago()), (Some(77), None));
        assert_eq!((snapshot.processes().len(), snapshot.cause()), (3, Cause::Routine));
        let p = |pid| snapshot.process(pid).unwrap();
        assert!(p(1).is_excluded() && p(41).is_kernel_thread() && p(40).is_eligible());
        assert_eq!((p(40).comm(), p(41).comm()), (b"hog".as_slice(), b"\xff/".as_slice()));
        assert_eq!((p(40).rss_anon_bytes(), p(41).rss_anon_bytes()), (Some(4096), None));
        assert_eq!((p(40).growth_bytes_per_s(), p(41).growth_bytes_per_s()), (Some(-5), None));
        assert_eq!((p(40).uid(), p(41).uid(), p(40).oom_score_adj()), (Some(1000), None, Some(200)));
        assert_eq!((p(40).births_per_1000s(), p(40).pss_bytes()), (None, None));
        assert_eq!((p(40).cmdline(), p(40).exe()), (b"hog\0-v\0".as_slice(), b"".as_slice()));
        assert_eq!((p(41).parent(), p(1).parent()), (Some(p(40)), None));
        let memcg = p(40).memcg().unwrap();
        assert_eq!((memcg.path(), memcg.unit()), (b"/\\xff".as_slice(), b"x.service".as_slice()));
        assert_eq!((memcg.max_bytes(), memcg.high_bytes()), (Limit::Bytes(512), Limit::Unknown));
        assert_eq!(
            (memcg.container_id(), memcg.container_runtime()),
            (b"c0".as_slice(), Some(Runtime::CriO))
        );
        assert_eq!((memcg.pod_uid(), memcg.pod_qos()), (b"7".as_slice(), Some(Qos::Burstable)));
        assert_eq!((memcg.parent().map(|it| it.max_bytes()), p(41).memcg()), (Some(Limit::Max), None));
    }

    #[test]
    fn it_may_be_changed_like_any_other() {
        let mut machine = recorded(FILE).unwrap().available_mib(1).cause(Cause::Critical);
        let new = machine.process("new").pid();
        let snapshot = machine.snapshot();
        assert_eq!((snapshot.cause(), snapshot.memory_available_bytes()), (Cause::Critical, 1 << 20));
        assert_eq!(snapshot.process(new).unwrap().comm(), b"new");
    }

    #[test]
    fn what_is_no_snapshot_is_said() {
        for (from, to, said) in [
            ("snapshot/1", "snapshot/9", "has the schema \"jettison.snapshot/9\""),
            ("[1, 40, 41]", "[1, 40, 41, 42]", "processes.flags: has no row 3"),
            ("[0, 1000, null]", "[0, -1, null]", "processes.uids[1]: is no number of this column, but -1"),
            ("\"ff2f\"", "\"ff2\"", "processes.comms[2]: is no text"),
            ("\"pids\"", "\"pidz\"", "processes.pids: is no list"),
            ("{", "", "is no snapshot"),
        ] {
            assert!(FILE.contains(from), "{from}");
            let error = recorded(&FILE.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
        assert!(Machine::load("/absent.json").unwrap_err().starts_with("/absent.json: "));
    }
}
