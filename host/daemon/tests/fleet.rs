//! The queries of docs/guide/fleet.md, asked of ten hosts' journals in DuckDB.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What runs the blocks of SQL of a page, one after the other. Prints their rows as lines of JSON.
const RUNNER: &str = r#"
import json, re, sys
import duckdb
page = open(sys.argv[1], encoding="utf-8").read()
for query in re.findall(r"^```sql\n(.*?)^```", page, re.M | re.S):
    asked = duckdb.execute(query)
    columns = [column[0] for column in asked.description or []]
    rows = [dict(zip(columns, row)) for row in asked.fetchall()]
    print(json.dumps({"columns": columns, "rows": rows}, default=str))
"#;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// DuckDB's own environment, which `cargo xtask setup` makes.
fn python() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    target.join("duckdb/bin/python")
}

/// Ten hosts, of which every other one has the same incident.
fn exported(extra: &[&str]) -> String {
    let journals = repository().join("tests/journals");
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fleet").display().to_string();
    let mut lines = String::new();
    for number in 1..=10 {
        let journal = journals.join(if number % 2 == 0 { "forks" } else { "leak" }).display().to_string();
        let host = format!("host{number:02}");
        let output = Command::new(env!("CARGO_BIN_EXE_jettison"))
            .args(["export", "--host", &host, "--cache", &cache, &journal])
            .args(extra)
            .output()
            .expect("the binary runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        lines += &String::from_utf8(output.stdout).expect("UTF-8");
    }
    lines
}

fn parsed(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect()
}

#[test]
fn every_line_has_the_same_columns_as_others_of_its_record_and_they_are_in_the_reference() {
    let lines = parsed(&exported(&["--policy", "builtin:services"]));
    let page = std::fs::read_to_string(repository().join("docs/reference/json.md")).expect("it is there");
    let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in &lines {
        let object = line.as_object().expect("an object");
        assert_eq!(object["schema"], "jettison.export/1");
        let names: Vec<String> = object.keys().cloned().collect();
        for name in &names {
            assert!(page.contains(&format!("`{name}`")), "json.md lacks {name}");
        }
        let record = object["record"].as_str().expect("text").to_owned();
        assert_eq!(columns.entry(record).or_insert_with(|| names.clone()), &names);
    }
    assert_eq!(columns.keys().collect::<Vec<_>>(), ["decision", "victim"]);
    let plain = parsed(&exported(&[]));
    assert_eq!(plain.len(), lines.len());
    assert!(plain.iter().all(|line| line["differs"].is_null() && line["cmdline"].is_null()));
}

#[test]
fn the_pages_queries_run_in_duckdb() {
    if !python().exists() {
        eprintln!("NOT RUN: there is no DuckDB in {}: `cargo xtask setup` puts it there", python().display());
        assert!(std::env::var_os("CI").is_none(), "CI skips none");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    // As if it were new: it gives up nothing that `balanced` would.
    let lines = exported(&["--policy", "builtin:services"]);
    std::fs::write(folder.path().join("fleet.jsonl"), &lines).expect("it is ours");
    let page = repository().join("docs/guide/fleet.md").canonicalize().expect("the page is there");
    let output = Command::new(python())
        .args(["-c", RUNNER])
        .arg(page)
        .current_dir(folder.path())
        .output()
        .expect("python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let answers = parsed(&String::from_utf8(output.stdout).expect("UTF-8"));
    let [_, units, kernel, relief, idle, changed, instead] = answers.as_slice() else {
        panic!("{} queries: {answers:?}", answers.len());
    };
    let lines = parsed(&lines);
    let count = |is_meant: &dyn Fn(&Value) -> bool| lines.iter().filter(|line| is_meant(line)).count() as u64;
    let sum = |answer: &Value, column: &str| -> u64 {
        let rows = answer["rows"].as_array().expect("a list");
        rows.iter().map(|row| row[column].as_u64().expect("a number")).sum()
    };
    let is_end = |line: &Value| line["record"] == "victim";
    let is_armed = |line: &Value| line["record"] == "decision" && line["armed"] == true;
    assert_eq!(sum(units, "ended"), count(&|line| is_end(line) && line["by"] == "jettison"));
    assert!(sum(units, "ended") >= 10 && units["rows"][0]["hosts"].as_u64() >= Some(5), "{units}");
    assert_eq!(sum(kernel, "taken"), count(&|line| is_end(line) && line["by"] == "kernel"));
    assert_eq!(sum(relief, "ended"), sum(units, "ended"));
    let is_idle = |line: &Value| is_armed(line) && !line["outcome"].is_null() && line["outcome"] != "victims";
    assert_eq!(sum(idle, "ticks"), count(&is_idle));
    assert_eq!(changed["rows"].as_array().map(Vec::len), Some(10), "{changed}");
    assert_eq!(sum(changed, "armed_ticks"), count(&is_armed));
    let others = count(&|line| line["differs"] == true);
    assert!(others > 0, "the page's example shows a difference");
    assert_eq!((sum(changed, "others"), sum(instead, "ticks")), (others, others));
}
