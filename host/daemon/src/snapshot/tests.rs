use std::path::PathBuf;
use std::sync::Arc;

use expect_test::expect;
use jettison_model::column::{UNKNOWN_S64, UNKNOWN_U64};
use jettison_model::{SenseFault, Trend};
use jettison_sense::Now;
use jettison_tests::changed_texts;
use serde_json::{Value, json};

use super::*;

fn machines() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/machines");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut machines: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    machines.sort();
    assert!(machines.len() > 3);
    machines
}

fn sensed(machine: &Path, needs: Needs) -> (Snapshot, Vec<SenseFault>) {
    let mut sensor = Sensor::new(Root::below(machine), None).unwrap();
    let mut snapshot = Snapshot::default();
    for boot_ms in [3_600_000, 3_602_000] {
        sensor.sense(needs, Now { boot_ms, wall_ms: 1_767_225_600_000 }, &mut snapshot);
    }
    (snapshot, sensor.faults().to_vec())
}

fn written(file: &wire::File) -> Vec<u8> {
    let mut json = Vec::new();
    put(file, &mut json).unwrap();
    json
}

fn read_back(json: &[u8]) -> Result<Snapshot, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshot.json");
    std::fs::write(&path, json).unwrap();
    read(&path).map_err(|bad| bad.to_string().replace(&path.display().to_string(), "FILE"))
}

#[test]
fn every_machine_comes_back_as_it_was() {
    for machine in machines() {
        for needs in [NEEDS, Needs::default()] {
            let (snapshot, faults) = sensed(&machine, needs);
            let back = read_back(&written(&write::file(&snapshot, &faults)));
            assert_eq!(back.as_ref(), Ok(&snapshot), "{}", machine.display());
        }
    }
}

/// The columns of memcgs that files of the first release do not have.
const LATER: [&str; 5] = ["flags", "growth-bytes-per-s", "refaults-anon", "refaults-file", "refaults-per-s"];

#[test]
fn a_file_of_the_first_release_is_read_and_one_of_a_later_release_too() {
    let mut file = plain();
    let memcgs = file["memcgs"].as_object_mut().unwrap();
    for column in LATER {
        memcgs.remove(column).unwrap_or_else(|| panic!("{column} is not there"));
    }
    memcgs.insert("of-next-year".into(), json!([1]));
    let back = read_back(&serde_json::to_vec(&file).unwrap()).unwrap();
    let rows = back.memcgs.len();
    assert_eq!(*back.memcgs.flags, vec![0; rows]);
    assert_eq!(*back.memcgs.growth_bytes_per_s, vec![UNKNOWN_S64; rows]);
    assert_eq!(*back.memcgs.refaults_per_s, vec![UNKNOWN_U64; rows]);
}

fn plain() -> Value {
    let (snapshot, faults) = sensed(&machines()[0].with_file_name("plain-v2"), NEEDS);
    serde_json::from_slice(&written(&write::file(&snapshot, &faults))).unwrap()
}

/// What is said about the file once something in it is changed; without the place in its one line, which
/// moves with each new column.
fn wrong(pointer: &str, value: Value) -> String {
    let mut file = plain();
    *file.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is not there")) = value;
    match read_back(&serde_json::to_vec(&file).unwrap()) {
        Ok(_) => "fine\n".into(),
        Err(bad) => bad.split(" at line ").next().unwrap_or_default().to_owned() + "\n",
    }
}

#[test]
fn what_is_wrong_with_a_file_is_named() {
    let said = [
        wrong("/schema", "jettison.snapshot/2".into()),
        wrong("/processes/pids/0", 0.into()),
        wrong("/processes/pids/1", 1.into()),
        wrong("/processes/uids", json!([0])),
        wrong("/processes/memcgs/0", 99.into()),
        wrong("/processes/oom-score-adjs/0", (-1001).into()),
        wrong("/processes/rss-anon-bytes/0", "much".into()),
        wrong("/processes/comms/0", json!({"hex": "f"})),
        wrong("/details/cmdlines", json!([])),
        wrong("/memcgs/paths/0", "/zzz".into()),
        wrong("/memcgs/parents/1", 4_294_967_295_u32.into()),
        wrong("/memcgs/flags", json!([0])),
        wrong("/attribution/pod-uids", json!([])),
        wrong("/host", json!({})),
    ];
    expect![[r#"
        FILE: has the schema "jettison.snapshot/2"; this version reads "jettison.snapshot/1"
        fine
        FILE: processes.pids: not in ascending order, or one is there twice
        FILE: processes.uids: 1 values for 10 rows
        FILE: processes.memcgs: there is no row 99, only 9
        FILE: processes.oom-score-adjs: -1001 is not -1000 to 1000
        FILE: invalid value: string "much", expected a number, "max" or null
        FILE: expected {"hex": "an even number of digits"}
        FILE: details.cmdlines: 0 values for 10 rows
        FILE: memcgs.paths: not in ascending order of bytes, or one is there twice
        FILE: memcgs.parents: there is no row 4294967295, only 9
        FILE: memcgs.flags: 1 values for 9 rows
        FILE: attribution.pod-uids: 0 values for 9 rows
        FILE: missing field `memory-total-bytes`
    "#]]
    .assert_eq(&said.concat());
    let said = [&b""[..], b"[]", b"{}", b"{\"schema\": 1}", b"\xff"].map(|text| read_back(text).unwrap_err());
    expect![[r#"
        FILE: is no snapshot: EOF while parsing a value at line 1 column 0
        FILE: is no snapshot: invalid length 0, expected struct Schema with 1 element at line 1 column 2
        FILE: is no snapshot: missing field `schema` at line 1 column 2
        FILE: is no snapshot: invalid type: integer `1`, expected a string at line 1 column 12
        FILE: is no snapshot: expected value at line 1 column 1
    "#]]
    .assert_eq(&(said.join("\n") + "\n"));
    let absent = read(Path::new("/nonexistent/snapshot.json")).unwrap_err().to_string();
    assert_eq!(absent, "/nonexistent/snapshot.json: cannot be read: No such file or directory (os error 2)");
}

#[test]
fn containers_and_pods_come_from_the_file_and_without_it_from_the_paths() {
    let (snapshot, faults) = sensed(&machines()[0].with_file_name("kubernetes"), NEEDS);
    let classes = |snapshot: &Snapshot| snapshot.memcgs.pod_qos_classes.clone();
    assert!(classes(&snapshot).contains(&2) && classes(&snapshot).contains(&u32::MAX));
    let mut file = write::file(&snapshot, &faults);
    redact::redact(&mut file, &[9; 32]);
    let hashed = read_back(&written(&file)).unwrap();
    let sorted = |mut classes: Vec<u32>| {
        classes.sort_unstable();
        classes
    };
    assert_eq!(sorted(classes(&hashed).to_vec()), sorted(classes(&snapshot).to_vec()));
    let lengths = |snapshot: &Snapshot| snapshot.memcgs.container_ids.bytes.len() / 64;
    assert_eq!(hashed.memcgs.container_ids.bytes.len() / 12, lengths(&snapshot), "as many, and shorter");

    let mut file = write::file(&snapshot, &faults);
    file.attribution = None;
    assert_eq!(read_back(&written(&file)).unwrap(), snapshot);
    let mut file: Value = serde_json::from_slice(&written(&write::file(&snapshot, &faults))).unwrap();
    file["attribution"]["pod-qos-classes"][0] = "Regal".into();
    assert_eq!(classes(&read_back(&serde_json::to_vec(&file).unwrap()).unwrap())[0], u32::MAX);
}

#[test]
fn files_of_before_and_after_are_read() {
    let mut file = plain();
    let host = file["host"].as_object_mut().unwrap();
    host.retain(|key, _| {
        !key.contains("-per-s")
            && !key.starts_with("taken")
            && key != "oom-kills"
            && key != "memory-exhaustion-ms"
    });
    host.insert("moon-phase".into(), 3.into());
    let back = read_back(&serde_json::to_vec(&file).unwrap()).unwrap();
    assert_eq!((back.host.trend, back.host.oom_kills), (Trend::UNKNOWN, UNKNOWN_U64));
    let whole = read_back(&serde_json::to_vec(&plain()).unwrap()).unwrap();
    assert_eq!((whole.host.trend.major_faults_per_s, whole.host.oom_kills), (0, 0));
}

#[test]
fn what_was_taken_comes_back_and_what_was_not_sensed_is_not_in_the_file() {
    let (mut snapshot, faults) = sensed(&machines()[0].with_file_name("plain-v2"), NEEDS);
    let mut without = snapshot.clone();
    (without.processes.taken_bytes, without.memcgs.usual_bytes) = (Arc::default(), Arc::default());
    let unsensed = written(&write::file(&without, &faults));
    let (processes, memcgs) = (snapshot.processes.len(), snapshot.memcgs.len());
    let host = &mut snapshot.host;
    (host.eased_ms_ago, host.taken_bytes, host.taken_by_nobody_bytes) = (1, 2, UNKNOWN_U64);
    let with = |rows: usize, unknown: i64| [&[unknown, -7][..], &vec![5; rows - 2]].concat();
    snapshot.processes.taken_bytes = Arc::new(with(processes, UNKNOWN_S64));
    snapshot.processes.growth_1h_bytes_per_s = Arc::new(with(processes, UNKNOWN_S64));
    snapshot.processes.births_per_1000s = Arc::new([&[u32::MAX, 100][..], &vec![0; processes - 2]].concat());
    snapshot.memcgs.growth_1h_bytes_per_s = Arc::new(with(memcgs, UNKNOWN_S64));
    snapshot.memcgs.usual_bytes = Arc::new((0..memcgs as u64 - 1).chain([UNKNOWN_U64]).collect());
    let mut file = write::file(&snapshot, &faults);
    let json: Value = serde_json::from_slice(&written(&file)).unwrap();
    assert_eq!(json["host"]["taken-by-nobody-bytes"], Value::Null);
    assert_eq!(json["processes"]["taken-bytes"][0], Value::Null);
    assert_eq!(json["processes"]["births-per-1000s"][1], json!(100));
    assert_eq!(json["memcgs"]["growth-1h-bytes-per-s"][1], json!(-7));
    assert_eq!(read_back(&written(&file)).as_ref(), Ok(&snapshot));
    redact::redact(&mut file, &[9; 32]);
    let back = read_back(&written(&file)).unwrap();
    assert_eq!(back.processes.taken_bytes, snapshot.processes.taken_bytes);
    let usual = |of: &Snapshot| {
        let columns =
            of.memcgs.usual_bytes.iter().copied().zip(of.memcgs.growth_1h_bytes_per_s.iter().copied());
        let mut rows: Vec<_> = columns.zip(of.memcgs.current_bytes.iter().copied()).collect();
        rows.sort_unstable();
        rows
    };
    assert_eq!(usual(&back), usual(&snapshot), "rows move as wholes");

    let json: Value = serde_json::from_slice(&unsensed).unwrap();
    let is_there = |table: &str, column: &str| json[table].as_object().unwrap().contains_key(column);
    assert!(!is_there("processes", "taken-bytes") && !is_there("memcgs", "usual-bytes"));
    let said = wrong("/processes", {
        let mut table = plain()["processes"].clone();
        table["births-per-1000s"] = json!([1]);
        table
    });
    assert_eq!(said, "FILE: processes.births-per-1000s: 1 values for 10 rows\n");
}

#[test]
fn a_torn_file_is_refused_wherever_it_ends() {
    let json = serde_json::to_vec(&plain()).unwrap();
    for end in (0..json.len()).step_by(97) {
        read_back(&json[..end]).unwrap_err();
    }
    read_back(&json).unwrap();
}

#[test]
fn a_redacted_file_has_no_names_and_the_same_shape() {
    for machine in machines() {
        let (snapshot, faults) = sensed(&machine, NEEDS);
        let mut file = write::file(&snapshot, &faults);
        redact::redact(&mut file, &[9; 32]);
        let json = written(&file);
        let text = without_our_own_words(&json);
        let rows = 0..snapshot.processes.len();
        let comms = rows.clone().map(|row| snapshot.processes.comms.get(row));
        let cmdlines = rows.map(|row| snapshot.processes.cmdlines.get(row));
        let parts = (0..snapshot.memcgs.len())
            .flat_map(|row| snapshot.memcgs.paths.get(row).split(|&byte| byte == b'/' || byte == b'.'));
        let words = ["service", "scope", "slice", "mount", "init", "host"];
        for name in comms.chain(cmdlines).chain(parts).map(String::from_utf8_lossy) {
            let is_word = words.contains(&name.as_ref()) || name.len() < 4;
            assert!(is_word || !text.contains(name.as_ref()), "{name} is in {}", machine.display());
        }
        let back = read_back(&json).unwrap();
        assert_eq!(back.processes.rss_anon_bytes, snapshot.processes.rss_anon_bytes);
        assert_eq!(back.processes.parents, snapshot.processes.parents);
        assert_same_memcgs(&back, &snapshot);
    }
}

/// The file without what is no name: the schema, and which runtime a container has.
fn without_our_own_words(json: &[u8]) -> String {
    let mut file: Value = serde_json::from_slice(json).unwrap();
    file.as_object_mut().unwrap().retain(|key, _| key != "schema" && key != "jettison");
    let attribution = file["attribution"].as_object_mut().unwrap();
    attribution.retain(|key, _| key != "container-runtimes" && key != "pod-qos-classes");
    file.to_string()
}

/// Rows have moved; the memcg of each process, and what it holds, has not.
fn assert_same_memcgs(back: &Snapshot, snapshot: &Snapshot) {
    let usage_of = |of: &Snapshot, memcg: u32| {
        let depth = of.memcgs.paths.get(memcg as usize).iter().filter(|&&byte| byte == b'/').count();
        (of.memcgs.current_bytes.get(memcg as usize).copied(), depth)
    };
    for (&after, &before) in back.processes.memcgs.iter().zip(snapshot.processes.memcgs.iter()) {
        assert_eq!(usage_of(back, after), usage_of(snapshot, before));
    }
    for row in 0..back.memcgs.len() {
        let parent = back.memcgs.parents[row] as usize;
        let above = back.memcgs.paths.get(parent);
        assert!(parent > back.memcgs.len() || back.memcgs.paths.get(row).starts_with(above));
    }
}

#[test]
fn arbitrary_bytes_are_a_snapshot_or_refused() {
    let text = plain().to_string();
    changed_texts(300, &[&text], |text| read::parse(text.as_bytes()).is_ok());
}
