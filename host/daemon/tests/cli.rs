//! The commands, from outside: what they print and how they end.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output};

use expect_test::{Expect, expect};
use serde_json::Value;

fn jettison(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_jettison")).args(args).output().expect("the binary runs")
}

fn explain_json(args: &[&str]) -> Value {
    let output = jettison(&[&["explain", "--json"], args].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// The status and what stands on standard error, with the scratch directory's name taken out.
fn said(args: &[&str], scratch: &Path) -> String {
    let output = jettison(args);
    let said = String::from_utf8_lossy(&output.stderr).replace(&scratch.display().to_string(), "DIR");
    format!("{}\n{said}", output.status.code().expect("it exits"))
}

fn check(args: &[&str], scratch: &Path, expected: Expect) {
    expected.assert_eq(&said(args, scratch));
}

#[test]
fn explain_has_the_contracts_fields() {
    let explained = explain_json(&[]);
    assert_eq!(explained["schema"], "jettison.explain/1");
    let fields =
        ["taken_at", "cause", "memory", "pressure", "policies", "ranking", "excluded", "plan", "timings_us"];
    for field in fields {
        assert!(!explained[field].is_null(), "{field} is missing from {:?}", keys(&explained));
    }
    for field in ["total_bytes", "available_bytes", "swap_total_bytes", "swap_free_bytes"] {
        assert!(explained["memory"][field].is_u64(), "memory.{field}");
    }
    let policy = &explained["policies"][0];
    assert_eq!(
        (policy["name"].as_str(), policy["status"].as_str()),
        (Some("services"), Some("ok")),
        "{policy}"
    );
    assert!(policy["fuel"].as_u64().expect("fuel") > 0);
    for ranked in explained["ranking"].as_array().expect("a list") {
        for field in
            ["rank", "pid", "comm", "tier", "relief_bytes", "unit", "oom_score_adj", "reasons", "shutdown"]
        {
            assert!(!ranked[field].is_null(), "{field} is missing from {ranked}");
        }
        assert_eq!(keys(&ranked["oom_score_adj"]), ["now", "original", "wanted"]);
        assert!(!ranked["reasons"].as_array().expect("a list").is_empty(), "{ranked}");
    }
    assert_eq!(keys(&explained["timings_us"]), ["consult", "decide", "sense"]);
}

#[test]
fn explain_excludes_init_kernel_threads_and_itself_with_the_reason() {
    let explained = explain_json(&[]);
    let excluded = explained["excluded"].as_array().expect("a list");
    let reason_of =
        |pid: u64| excluded.iter().find(|entry| entry["pid"] == pid).map(|entry| entry["reason"].clone());
    assert_eq!(reason_of(1), Some("init".into()));
    // In a container's pid namespace there are none.
    if std::fs::read_to_string("/proc/2/comm").is_ok_and(|comm| comm.trim() == "kthreadd") {
        assert_eq!(reason_of(2), Some("kernel_thread".into()));
    }
    // We are its parent.
    assert_eq!(reason_of(std::process::id().into()), Some("self".into()));
    let itself = excluded.iter().find(|entry| entry["comm"] == "jettison" && entry["reason"] == "self");
    let itself = itself.expect("it sees itself");
    let ranked = explained["ranking"].as_array().expect("a list");
    assert!(ranked.iter().all(|ranked| ranked["pid"] != 1 && ranked["pid"] != itself["pid"]));
}

#[test]
fn users_have_names_on_this_host_and_numbers_on_another() {
    // The owner of /proc/PID is the effective user; with no passwd entry it has no name.
    let uid = std::fs::metadata("/proc/self").expect("/proc").uid();
    let explained = explain_json(&[]);
    let mut excluded = explained["excluded"].as_array().expect("a list").iter();
    let ours = excluded.find(|entry| entry["pid"] == std::process::id()).expect("it sees us");
    assert_eq!(ours["uid"], uid);
    assert!(uid != 0 || ours["user"] == "root", "{ours}");

    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/machines/plain-v2");
    let explained = explain_json(&["--root", root]);
    let users: Vec<_> = ["ranking", "excluded"]
        .iter()
        .flat_map(|list| explained[list].as_array().expect("a list"))
        .filter(|entry| entry["pid"] == 711 || entry["pid"] == 512 || entry["pid"] == 2)
        .map(|entry| (entry["pid"].as_u64(), entry["uid"].as_u64(), entry["user"].as_str()))
        .collect();
    assert_eq!(
        users,
        [(Some(711), Some(26), None), (Some(2), None, None), (Some(512), Some(0), None)],
        "{explained}"
    );
    let table = String::from_utf8(jettison(&["explain", "--root", root]).stdout).expect("UTF-8");
    let columns: Vec<_> = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    let cell = |pid| columns.iter().find(|row| row.get(1) == Some(&pid)).expect("its row")[2];
    assert_eq!((cell("PID"), cell("711")), ("USER", "26"), "{table}");
}

#[test]
fn the_table_fits_a_terminal() {
    let long = format!("/nonexistent/{}", "directory/".repeat(12));
    for policy in ["builtin:balanced", "/dev/null", &long] {
        let output = jettison(&["explain", "--top", "5", "--policy", policy]);
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(text.contains("RANK"), "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= 100 && !line.contains('\x1b'), "{line:?}");
        }
    }
}

#[test]
fn a_broken_module_leaves_the_built_in_ranking() {
    let scratch = tempfile::tempdir().expect("a directory");
    let module = scratch.path().join("broken.wasm");
    std::fs::write(&module, b"\0asm\x01\0\0\0 and then nonsense").expect("it is ours");
    let explained = explain_json(&["--policy", &module.display().to_string()]);
    assert_eq!(explained["policies"][0]["status"], "fault");
    assert_eq!(explained["policies"][0]["fault"]["kind"], "not-a-component");
    assert_eq!(explained["ranking"][0]["tier"], "sacrifice");
    assert_eq!(explained["ranking"][0]["reasons"][0]["policy"], "built-in");
}

#[test]
fn check_names_file_fault_and_mend() {
    let scratch = tempfile::tempdir().expect("a directory");
    let path = |name: &str| scratch.path().join(name).display().to_string();
    std::fs::write(path("text.wasm"), "not a module").expect("it is ours");
    check(
        &["check", &path("absent.wasm")],
        scratch.path(),
        expect![[r#"
        2
        jettison: DIR/absent.wasm: cannot be read (No such file or directory (os error 2)): put the module there or mend `source`
    "#]],
    );
    check(
        &["check", &path("text.wasm")],
        scratch.path(),
        expect![[r#"
            2
            jettison: DIR/text.wasm: is not a WebAssembly policy (it does not begin with \0asm): build it with `cargo build --release --target wasm32-unknown-unknown` and copy the whole file
        "#]],
    );
    check(
        &["check", "builtin:unheard"],
        scratch.path(),
        expect![[r#"
        2
        jettison: builtin:unheard: cannot be read (there is no built-in policy `unheard`; there are `services`, `balanced`, `rules`): put the module there or mend `source`
    "#]],
    );
    check(
        &["check", "builtin:balanced"],
        scratch.path(),
        expect![[r#"
        0
    "#]],
    );
}

#[test]
fn a_wrong_configuration_is_refused_with_every_problem() {
    let scratch = tempfile::tempdir().expect("a directory");
    let file = scratch.path().join("jettison.toml");
    std::fs::write(&file, "[act]\nmod = \"enforce\"\ngrace_ms = \"long\"\n").expect("it is ours");
    let state = scratch.path().join("state").display().to_string();
    let config = file.display().to_string();
    check(
        &["check", "--config", &config],
        scratch.path(),
        expect![[r#"
        2
        jettison: DIR/jettison.toml:2: unknown key `act.mod`, did you mean `mode`; expected mode, reach, grace_ms, grace_max_ms, critical_grace_ms, cool_down_ms, kills_per_minute_max
        jettison: DIR/jettison.toml:3: `act.grace_ms` must be a whole number from 0 to 600000, not "long"
    "#]],
    );
    let run = ["run", "--dry-run", "--config", &config, "--state-dir", &state];
    assert_eq!(said(&run, scratch.path()), said(&["check", "--config", &config], scratch.path()));
    check(
        &["check", "--config", "/nonexistent/jettison.toml"],
        scratch.path(),
        expect![[r#"
        2
        jettison: /nonexistent/jettison.toml: cannot be read: No such file or directory (os error 2)
    "#]],
    );
}

#[test]
fn the_example_configuration_is_valid_and_is_the_default() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/jettison.toml");
    let output = jettison(&["check", "--config", file]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_scope_that_is_not_there_is_named() {
    check(
        &["explain", "--scope", "/jettison-nonexistent"],
        Path::new("DIR"),
        expect![[r#"
        2
        jettison: scope /jettison-nonexistent: there is no memcg /sys/fs/cgroup/memory/jettison-nonexistent
    "#]],
    );
}
