//! What people ask of an order: its tree, the order without a policy, the kernel's own choice, and what would
//! save a process.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const MACHINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/machines/plain-v2");

fn run(args: &[&str]) -> Output {
    // Compiled once for all of them.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("what-if").display().to_string();
    let command = Command::new(env!("CARGO_BIN_EXE_jettison")).args(args).args(["--cache", &cache]).output();
    command.expect("the binary runs")
}

fn text(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&text(&[args, &["--json"]].concat())).expect("one JSON object")
}

/// What is printed, in 100 columns, with all of these in it.
fn check(args: &[&str], parts: &[&str]) {
    let text = text(args);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    parts.iter().for_each(|part| assert!(text.contains(part), "{part}: {text}"));
}

#[test]
fn the_tree_has_each_process_below_its_parent_with_its_place() {
    check(&["explain", "--tree", "--root", MACHINE], &["RANK TIER", "├─", "└─", "711 "]);
}

#[test]
fn the_order_without_a_policy_says_where_each_stands_with_it() {
    check(
        &["explain", "--without", "services", "--root", MACHINE],
        &["without   services: ", "with services: rank "],
    );
    let with = json(&["explain", "--root", MACHINE]);
    let without = json(&["explain", "--without", "services", "--root", MACHINE]);
    assert_eq!(without["without"][0], "services");
    let place = |order: &Value, pid: u64| {
        let rows = order["ranking"].as_array().expect("a list");
        rows.iter().find(|row| row["pid"] == pid).cloned().expect("its row")
    };
    for row in without["ranking"].as_array().expect("a list") {
        let then = place(&with, row["pid"].as_u64().expect("a pid"));
        assert_eq!((&row["with"]["rank"], &row["with"]["tier"]), (&then["rank"], &then["tier"]), "{row}");
    }
    let output = run(&["explain", "--without", "absent", "--root", MACHINE]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("--without absent: there is no such policy; there are services, balanced"),
        "{said}"
    );
}

#[test]
fn without_all_policies_the_built_in_ranking_decides() {
    let args = ["explain", "--without", "services", "--without", "balanced", "--root", MACHINE];
    let explained = json(&args);
    assert_eq!(explained["ranking"][0]["reasons"][0]["policy"], "built-in");
    assert_eq!(explained["ranking"][0]["tier"], "sacrifice");
}

#[test]
fn the_kernels_choice_stands_beside_ours() {
    check(
        &["explain", "--kernel", "--top", "1", "--root", MACHINE],
        &["kernel    would take ", "held      with the held values ", "oom_score "],
    );
}

/// The kernel says itself what it makes of a process. Memory moves between its answer and our look.
#[test]
fn the_kernels_badness_is_what_the_kernel_says() {
    let explained = json(&["explain", "--kernel"]);
    let mut compared = 0;
    for choice in explained["kernel"]["now"].as_array().expect("a list") {
        let file = format!("/proc/{}/oom_score", choice["pid"]);
        let Ok(kernels) = std::fs::read_to_string(file) else { continue };
        let kernels: i64 = kernels.trim().parse().expect("a number");
        let ours = choice["oom_score"].as_i64().expect("a number");
        assert!((kernels - ours).abs() <= 20, "the kernel says {kernels}: {choice}");
        compared += 1;
    }
    assert!(compared > 0, "{}", explained["kernel"]);
}

#[test]
fn what_would_save_a_process_is_found_by_deciding_again() {
    check(&["why", "--not", "711", "--root", MACHINE], &["process   711 (", "rank "]);
    check(&["why", "--not", "1", "--root", MACHINE], &["never goes: init"]);
    check(&["why", "--not", "512", "--root", MACHINE], &["process   512 ("]);
    let output = run(&["why", "--not", "4242", "--root", MACHINE]);
    assert_eq!(output.status.code(), Some(1));
    let output = Command::new(env!("CARGO_BIN_EXE_jettison")).args(["why", "1", "--root", MACHINE]).output();
    assert_eq!(output.expect("the binary runs").status.code(), Some(2));
}

/// What is said to save it does, and a little less does not: tried from outside, with other snapshots.
#[test]
fn what_is_said_to_save_it_saves_it_and_a_little_less_does_not() {
    let scratch = tempfile::tempdir().expect("a directory");
    let path = |name: &str| scratch.path().join(name).display().to_string();
    let made = Command::new(env!("CARGO_BIN_EXE_jettison"))
        .args(["snapshot", "--root", MACHINE, "-o", &path("as-it-is")])
        .status();
    assert!(made.expect("the binary runs").success());
    let read = std::fs::read_to_string(path("as-it-is")).expect("it is ours");
    let snapshot: Value = serde_json::from_str(&read).expect("JSON");
    let first = json(&["explain", "--snapshot", &path("as-it-is")]);
    // The machine has a memcg at its limit.
    let pid = first["plan"]["victims"][0]["pid"].as_u64().expect("one would go");
    let found = json(&["why", "--not", &pid.to_string(), "--snapshot", &path("as-it-is")]);
    assert_eq!((&found["schema"], &found["goes"]), (&"jettison.why-not/1".into(), &true.into()), "{found}");
    let pids = snapshot["processes"]["pids"].as_array().expect("a list");
    let row = pids.iter().position(|other| *other == pid).expect("its row");
    let goes = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut changed = snapshot.clone();
        change(&mut changed["processes"]);
        std::fs::write(path(name), changed.to_string()).expect("it is ours");
        let again = json(&["why", "--not", &pid.to_string(), "--snapshot", &path(name)]);
        again["goes"].as_bool().expect("yes or no")
    };
    let adj = found["saved_by"]["oom_score_adj"]["value"].as_i64().expect("some value does");
    let with_adj = |value: i64| {
        move |processes: &mut Value| {
            processes["oom-score-adjs"][row] = value.into();
            processes["oom-score-adjs-now"][row] = value.into();
        }
    };
    assert!(!goes("adj", &with_adj(adj)) && goes("adj-more", &with_adj(adj + 1)), "{found}");
    let less = found["saved_by"]["less_bytes"]["value"].as_u64().expect("some amount does");
    let holding = |less: u64| {
        move |processes: &mut Value| {
            let mut rest = less;
            for column in ["rss-anon-bytes", "swap-bytes", "rss-shmem-bytes"] {
                let has = processes[column][row].as_u64().unwrap_or(0);
                processes[column][row] = (has - has.min(rest)).into();
                rest -= has.min(rest);
            }
        }
    };
    assert!(!goes("less", &holding(less)) && goes("less-less", &holding(less - (1 << 20))), "{found}");
}

#[test]
fn colours_are_for_terminals_and_for_those_who_force_them() {
    let command = |name: &str, value: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_jettison"))
            .args(["explain", "--root", MACHINE, "--top", "3"])
            .env_remove("NO_COLOR")
            .env(name, value)
            .output();
        String::from_utf8(output.expect("the binary runs").stdout).expect("UTF-8")
    };
    assert!(command("CLICOLOR_FORCE", "1").contains("\x1b["));
    assert!(!command("NO_COLOR", "1").contains('\x1b'));
}
