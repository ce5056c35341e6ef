//! `jettison snapshot` and `explain --snapshot` from outside.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn jettison(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_jettison")).args(args).output().unwrap()
}

fn json(args: &[&str]) -> Value {
    let output = jettison(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn machine(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/machines").join(name)
}

/// Everything that a decision says about processes, but for ages, which go on while the test runs.
fn decided(explained: &Value) -> Vec<(u64, String, u64)> {
    let ranking = explained["ranking"].as_array().unwrap().iter();
    ranking
        .map(|ranked| {
            let relief = ranked["relief_bytes"].as_u64().unwrap();
            (ranked["pid"].as_u64().unwrap(), ranked["tier"].to_string(), relief)
        })
        .collect()
}

#[test]
fn what_is_explained_from_a_file_is_what_is_explained_from_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["plain-v2", "plain-v1", "no-psi", "hostile-names"] {
        let root = machine(name).display().to_string();
        let file = folder.path().join(name).display().to_string();
        let output = jettison(&["snapshot", "--root", &root, "-o", &file]);
        assert!(output.status.success() && output.stdout.is_empty());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let from_machine = json(&["explain", "--json", "--root", &root]);
        let from_file = json(&["explain", "--json", "--snapshot", &file]);
        assert!(!decided(&from_file).is_empty());
        assert_eq!(decided(&from_file), decided(&from_machine), "{name}");
        for field in ["memory", "pressure", "cause", "excluded"] {
            assert_eq!(from_file[field], from_machine[field], "{name}: {field}");
        }
    }
}

#[test]
fn a_snapshot_of_this_machine_has_us_in_it_and_growth() {
    let taken = json(&["snapshot"]);
    assert_eq!((&taken["schema"], &taken["redacted"]), (&"jettison.snapshot/1".into(), &false.into()));
    let table = &taken["processes"];
    let pids = table["pids"].as_array().unwrap();
    let row = pids.iter().position(|pid| *pid == std::process::id()).unwrap();
    let exe = std::env::current_exe().unwrap();
    assert_eq!(taken["details"]["exes"][row], exe.to_str().unwrap());
    assert!(table["growth-bytes-per-s"][row].is_i64());
    assert!(table["rss-anon-bytes"][row].as_u64().unwrap() > 0);

    let redacted = json(&["snapshot", "--redact"]).to_string();
    let name = exe.file_name().unwrap().to_str().unwrap();
    assert!(taken.to_string().contains(name) && !redacted.contains(name));
}

#[test]
fn a_redacted_file_can_be_explained() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("redacted").display().to_string();
    let root = machine("plain-v2").display().to_string();
    assert!(jettison(&["snapshot", "--root", &root, "-o", &file, "--redact"]).status.success());
    assert!(!fs::read_to_string(&file).unwrap().contains("postgres"));
    let explained = json(&["explain", "--json", "--snapshot", &file]);
    let mut pids: Vec<u64> = decided(&explained).into_iter().map(|(pid, _, _)| pid).collect();
    let whole = json(&["explain", "--json", "--root", &root]);
    let mut expected: Vec<u64> = decided(&whole).into_iter().map(|(pid, _, _)| pid).collect();
    pids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(pids, expected);
}

#[test]
fn what_cannot_be_read_or_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let said = |args: &[&str]| {
        let output = jettison(args);
        let text = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), text.replace(folder.path().to_str().unwrap(), "DIR"))
    };
    let file = folder.path().join("broken.json").display().to_string();
    fs::write(&file, "{\"schema\": \"jettison.snapshot/1\", \"processes\": 5}").unwrap();
    let (status, text) = said(&["explain", "--snapshot", &file]);
    assert_eq!(status, 2);
    assert!(text.starts_with("jettison: DIR/broken.json: ") && text.contains("line 1 column"), "{text}");
    let (status, text) = said(&["explain", "--snapshot", &file, "--root", "/"]);
    assert!(status == 2 && text.contains("cannot be used with"), "{text}");
    let root = machine("plain-v2").display().to_string();
    let nowhere = folder.path().join("no/such/folder").display().to_string();
    let (status, text) = said(&["snapshot", "--root", &root, "-o", &nowhere]);
    let expected =
        "jettison: DIR/no/such/folder: cannot be written: No such file or directory (os error 2)\n";
    assert_eq!((status, text.as_str()), (1, expected));
}

#[test]
fn each_ranked_process_of_a_short_machine_goes_or_says_why_it_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("short").display().to_string();
    let mut short = json(&["snapshot", "--root", &machine("plain-v2").display().to_string()]);
    short["host"]["memory-available-bytes"] = (1 << 20).into();
    fs::write(&file, short.to_string()).unwrap();
    let explained = json(&["explain", "--json", "--snapshot", &file]);
    let (plan, ranking) = (&explained["plan"], explained["ranking"].as_array().unwrap());
    let (victims, outcome) = (plan["victims"].as_array().unwrap(), plan["outcome"].as_str().unwrap());
    assert_eq!(outcome == "victims", !victims.is_empty(), "{plan}");
    assert_eq!(outcome == "victims", plan["idle"].is_null(), "{plan}");
    let candidates = ranking.iter().filter(|ranked| ranked["tier"] != "never");
    let going = candidates.filter(|ranked| ranked["passed_over"].is_null()).count();
    let members: u64 = victims.iter().map(|victim| victim["members"].as_u64().unwrap()).sum();
    assert_eq!(going as u64, members, "{explained}");
    short["host"]["memory-available-bytes"] = short["host"]["memory-total-bytes"].clone();
    short["memcgs"]["max-bytes"].as_array_mut().unwrap().fill("max".into());
    fs::write(&file, short.to_string()).unwrap();
    let calm = json(&["explain", "--json", "--snapshot", &file]);
    assert!(calm["ranking"].as_array().unwrap().iter().all(|ranked| ranked["passed_over"].is_null()));
    assert!(calm["plan"]["outcome"].is_null(), "{}", calm["plan"]);
}

/// Rows of a table of the file that are something.
fn known(table: &Value, column: &str) -> usize {
    table[column].as_array().unwrap().iter().filter(|value| !value.is_null() && **value != "").count()
}

#[test]
fn a_policy_author_loads_what_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["kubernetes", "hostile-names", "plain-v1", "zram"] {
        let file = folder.path().join(name).display().to_string();
        let output = jettison(&["snapshot", "--root", &machine(name).display().to_string(), "-o", &file]);
        assert!(output.status.success());
        let loaded = jettison_sdk::testing::Machine::load(&file).unwrap().snapshot();
        let written: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let (table, owners) = (&written["processes"], &written["attribution"]);
        let pids: Vec<u32> = loaded.processes().map(|p| p.pid()).collect();
        assert_eq!(serde_json::json!(pids), table["pids"], "{name}");
        let anon: Vec<Option<u64>> = loaded.processes().map(|p| p.rss_anon_bytes()).collect();
        assert_eq!(serde_json::json!(anon), table["rss-anon-bytes"], "{name}");
        assert_eq!(loaded.processes().filter(|p| p.parent().is_some()).count(), known(table, "parents"));
        assert_eq!(loaded.processes().filter(|p| p.memcg().is_some()).count(), known(table, "memcgs"));
        for (column, found) in [
            ("container-ids", loaded.memcgs().filter(|it| !it.container_id().is_empty()).count()),
            ("container-runtimes", loaded.memcgs().filter(|it| it.container_runtime().is_some()).count()),
            ("pod-uids", loaded.memcgs().filter(|it| !it.pod_uid().is_empty()).count()),
            ("pod-qos-classes", loaded.memcgs().filter(|it| it.pod_qos().is_some()).count()),
        ] {
            assert_eq!(found, known(owners, column), "{name}: {column}");
            assert!(name != "kubernetes" || found > 0, "{column}");
        }
    }
}
