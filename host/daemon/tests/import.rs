//! Configurations of peers, translated, and read again by `jettison check`.

use std::fs;
use std::path::Path;
use std::process::Command;

use expect_test::{Expect, expect};
use tempfile::TempDir;

fn import(peer: &str, file: &Path) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
    let output = command.args(["import", peer]).arg(file).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// What `check` reads of it without loading any policy: all but the header of comments.
#[track_caller]
fn good(peer: &str, text: &str, expect: Expect) -> String {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("peer");
    fs::write(&file, text).unwrap();
    let (status, toml, left_out) = import(peer, &file);
    assert_eq!(status, Some(0), "{left_out}");
    let body: Vec<&str> = toml.lines().skip_while(|line| line.starts_with('#')).skip(1).collect();
    expect.assert_eq(&(body.join("\n") + "\n"));
    check(&scratch, &toml);
    left_out.replace(&scratch.path().display().to_string(), "DIR")
}

#[track_caller]
fn check(scratch: &TempDir, toml: &str) {
    let file = scratch.path().join("jettison.toml");
    fs::write(&file, toml).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
    // The whole of it is read; one module is enough to compile.
    let module = if toml.contains("builtin:rules") { "builtin:rules" } else { "builtin:services" };
    let output = command.args(["check", module, "--config"]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{toml}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn debians_own_earlyoom_has_no_rule() {
    let left_out = good(
        "earlyoom",
        "# Options to pass to earlyoom\nEARLYOOM_ARGS=\"-r 3600\"\n# EARLYOOM_ARGS=\"-m 5\"\n",
        expect![[r#"
            [trigger]
            available_percent = { warn = 15, act = 10, critical = 5 }
            available_cap_mib = { warn = 1073741824, act = 1073741824, critical = 1073741824 }
            swap_free_percent = 10
        "#]],
    );
    assert_eq!(left_out, "");
}

#[test]
fn the_installed_files_of_peers_are_translated() {
    for (peer, file) in [("earlyoom", "/etc/default/earlyoom"), ("nohang", "/etc/nohang/nohang.conf")] {
        if !Path::new(file).exists() {
            println!("NOT RUN: {file} is not there: apt-get install {peer}");
            continue;
        }
        let (status, toml, said) = import(peer, Path::new(file));
        assert_eq!(status, Some(0), "{said}");
        check(&tempfile::tempdir().unwrap(), &toml);
    }
}

#[test]
fn every_option_of_earlyoom_is_translated_or_named() {
    let line = r#"EARLYOOM_ARGS="-m 5,2.5 -M 204800 -s 20,5 --prefer '(^|/)(java|cc1plus)$' --avoid=^sshd$ --ignore '^X$' -n -g -p -N /x --dryrun --what""#;
    let left_out = good(
        "earlyoom",
        line,
        expect![[r#"
            [trigger]
            available_percent = { warn = 15, act = 5, critical = 3 }
            available_cap_mib = { warn = 300, act = 200, critical = 200 }
            swap_free_percent = 20

            [act]
            mode = "dry-run"

            # Delete these two to choose by size, as the kernel does: then nothing but the rules below is kept.
            [[policy]]
            name = "services"
            source = "builtin:services"

            [[policy]]
            name = "balanced"
            source = "builtin:balanced"

            # The first rule that matches decides: docs/reference/rules.md.
            [[policy]]
            name = "rules"
            source = "builtin:rules"

            [policy.config]
            rules = [
              { prefer = 300, comm = "regex:(^|/)(java|cc1plus)$", reason = "line 1 of the import" },
              { avoid = 300, comm = "regex:^sshd$", reason = "line 1 of the import" },
              { never = true, comm = "regex:^X$", reason = "line 1 of the import" },
            ]
        "#]],
    );
    expect![[r#"
        jettison: DIR/peer:1: -s 20,5: `critical` goes by available memory alone
        jettison: DIR/peer:1: -n: no desktop notifications; `jettison history` and the log have each victim
        jettison: DIR/peer:1: -g: whole process groups; a rule with takes = "tree" or "cgroup" is near
        jettison: DIR/peer:1: -N /x: no hook runs after a victim yet
        jettison: DIR/peer:1: --what: not an option of earlyoom 1.7 or 1.8
    "#]]
    .assert_eq(&left_out);
}

#[test]
fn every_kind_of_key_of_nohang_is_translated_or_named() {
    let left_out = good(
        "nohang",
        include_str!("peers/nohang.conf"),
        expect![[r#"
            [trigger]
            available_percent = { warn = 18, act = 8, critical = 8 }
            available_cap_mib = { warn = 1073741824, act = 1073741824, critical = 150 }
            swap_free_percent = 12

            [act]
            grace_ms = 12500
            cool_down_ms = 2000

            [hooks.warning]
            command = ["/usr/bin/logger", "-t", "nohang", "memory is low"]
            timeout_ms = 20000

            [notify]
            warn = ["hook:warning"]

            # Delete these two to choose by size, as the kernel does: then nothing but the rules below is kept.
            [[policy]]
            name = "services"
            source = "builtin:services"

            [[policy]]
            name = "balanced"
            source = "builtin:balanced"

            # The first rule that matches decides: docs/reference/rules.md.
            [[policy]]
            name = "rules"
            source = "builtin:rules"

            [policy.config]
            rules = [
              { avoid = 400, comm = "regex:^(sshd|agetty)$", reason = "line 20 of the import" },
              { prefer = 900, exe = "regex:^/usr/bin/stress(-ng)?$", reason = "line 22 of the import" },
              { prefer = 250, cmdline = "regex:--type=renderer", reason = "line 23 of the import" },
              { prefer = 100, cgroup = "regex:^/workload", reason = "line 24 of the import" },
              { avoid = 100, uid = 0, reason = "line 25 of the import" },
            ]
        "#]],
    );
    for (line, what) in [
        (5, "soft_threshold_max_psi"),
        (12, "hard_threshold_min_swap"),
        (13, "ignore_positive_oom_score_adj"),
        (16, "post_kill_exe"),
        (21, "is no regular expression here"),
        (26, "`uid` takes numbers"),
        (27, "@BADNESS_ADJ_RE_CWD"),
        (28, "add steps to a rule by hand"),
        (29, "no_such_key: not a key of nohang"),
    ] {
        let named = left_out.lines().any(|it| it.contains(&format!("peer:{line}: ")) && it.contains(what));
        assert!(named, "{line} {what}:\n{left_out}");
    }
    assert_eq!(left_out.lines().count(), 9, "{left_out}");
}

#[test]
fn what_is_no_such_file_is_an_error() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("f");
    for (peer, text, expected) in [
        ("earlyoom", "soft_threshold_min_mem = 5 %\n", "has neither EARLYOOM_ARGS="),
        ("earlyoom", "EARLYOOM_ARGS=\"-m\"\n", "line 1: -m needs a value"),
        ("earlyoom", "EARLYOOM_ARGS=\"-m five\"\n", "\"five\" is no number"),
        ("earlyoom", "EARLYOOM_ARGS=\"-m '5\"\n", "a single quote is not closed"),
        ("nohang", "EARLYOOM_ARGS=\"-r 3600\"\n", "has no key of nohang"),
        (
            "nohang",
            "soft_threshold_min_mem = 5\n",
            "line 1: soft_threshold_min_mem = 5: expected a number with % or M",
        ),
        ("nohang", "max_soft_exit_time = soon\n", "expected seconds"),
    ] {
        fs::write(&file, text).unwrap();
        let (status, toml, said) = import(peer, &file);
        assert_eq!((status, toml.as_str()), (Some(2), ""), "{text}: {said}");
        assert!(said.contains(expected), "{text}: {said}");
    }
    let (status, _, said) = import("nohang", &scratch.path().join("absent"));
    assert!(status == Some(2) && said.contains("cannot be read"), "{said}");
}
