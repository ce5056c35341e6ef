//! From a name to a policy that is tested, with the binary and the tool chain alone.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

fn jettison(directory: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
    // What was meant for the build of this test is not for that of a policy.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET"] {
        command.env_remove(name);
    }
    let output = command.args(args).current_dir(directory).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[track_caller]
fn timed(what: &str, directory: &Path, args: &[&str]) -> (Option<i32>, String) {
    #[expect(clippy::disallowed_methods, reason = "measures, for the reader of the output")]
    let start = Instant::now();
    let said = jettison(directory, args);
    eprintln!("{what}: {:.1} s", start.elapsed().as_secs_f64());
    said
}

fn replace(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from} is not in {}", file.display());
    fs::write(file, text.replace(from, to)).unwrap();
}

/// The commands of the guide, in their order, in one folder.
fn type_the_guide(scratch: &Path) {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/first-policy.md");
    let text = fs::read_to_string(guide).unwrap();
    let commands: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    $ ")).collect();
    assert!(commands.contains(&"jettison new ci") && commands.contains(&"jettison test"), "{commands:?}");
    let mut directory = scratch.to_path_buf();
    for command in commands {
        match command.split_once(' ') {
            Some(("cd", folder)) => directory.push(folder),
            Some(("jettison", rest)) => {
                let args: Vec<&str> = rest.split(' ').collect();
                let (status, said) = timed(command, &directory, &args);
                assert_eq!(status, Some(0), "{command}: {said}");
            }
            _ => {
                let mut words = command.split(' ');
                let mut other = Command::new(words.next().unwrap());
                let output = other.args(words).current_dir(&directory).output().unwrap();
                assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
            }
        }
    }
}

#[test]
fn a_new_policy_builds_passes_and_fails_if_it_should() {
    let scratch = tempfile::tempdir().unwrap();
    type_the_guide(scratch.path());
    let project = scratch.path().join("ci");

    let (status, said) = timed("a test of what is built", &project, &["test"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("first goes the tree of pytest"), "{said}");

    let module = project.join("target/wasm32-unknown-unknown/release/ci.wasm");
    let (status, said) = jettison(&project, &["inspect", module.to_str().unwrap()]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("grants    none") && said.contains("processes   comms parents"), "{said}");

    // Another configuration, as a case says it.
    let machine = project.join("machines/tests-run-away.toml");
    replace(&machine, "[expect]", "[config]\nrunners = [\"postgres\"]\n\n[expect]");
    let (status, said) = jettison(&project, &["test"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("expected first: tree of pytest; it is: tree of postgres"), "{said}");
    assert!(said.contains("expected never: postgres"), "{said}");
    replace(&machine, "[config]\nrunners = [\"postgres\"]\n", "");

    let rank = "for tests in snapshot";
    replace(
        &project.join("src/lib.rs"),
        rank,
        &format!("assert!(snapshot.processes().len() < 3);\n        {rank}"),
    );
    let (status, said) = timed("a rebuild after one edit, and its test", &project, &["test"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("ci faulted: trap") && said.contains("src/lib.rs:"), "{said}");

    replace(&project.join("src/lib.rs"), rank, "is no Rust");
    let (status, said) = jettison(&project, &["test"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("does not build: cargo has said why"), "{said}");

    fs::write(project.join("src/lib.rs"), smallest()).unwrap();
    let (status, said) = jettison(&project, &["build"]);
    assert_eq!(status, Some(0), "{said}");
    let bytes = fs::metadata(module).unwrap().len();
    eprintln!("a module of {bytes} bytes");
    assert!(bytes < MODULE_BYTES_MAX, "{bytes}");
}

/// What the smallest policy comes to. All but a few of these bytes are in every other one, too.
const MODULE_BYTES_MAX: u64 = 40 << 10;

/// The policy that the SDK's first page shows.
fn smallest() -> String {
    let page = include_str!("../../../sdk/src/lib.rs");
    let code = page.split("//! ```\n").nth(1).unwrap();
    let lines = code.lines().filter_map(|line| line.strip_prefix("//!")).map(str::trim_start);
    lines.filter(|line| !line.starts_with("# ")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_cannot_be_made_or_tested_is_said() {
    let scratch = tempfile::tempdir().unwrap();
    fs::create_dir(scratch.path().join("taken")).unwrap();
    for (args, status, expected) in [
        (["new", "Bad_Name"].as_slice(), 2, "lower case, digits and dashes"),
        (&["new", "../up"], 2, "lower case, digits and dashes"),
        (&["new", "taken"], 2, "is already there"),
        (&["build"], 2, "`jettison new NAME` makes a project"),
        (&["test", "builtin:balanced"], 2, "give --machine FILE"),
        (&["inspect", "absent.wasm"], 1, "No such file"),
    ] {
        let (found, said) = jettison(scratch.path(), args);
        assert_eq!(found, Some(status), "{args:?}: {said}");
        assert!(said.contains(expected), "{args:?}: {said}");
    }
}

#[test]
fn a_built_in_policy_is_held_against_machines_and_every_bad_file_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let machine = |name: &str, text: &str| {
        let head = "total = 8000\navailable = 200\nprocesses = [\n  { comm = 'hog', anon = 5000, age = '1m', grow = 50, memcg = 'hog.service' },\n  { comm = 'shop', anon = 900, age = '9d', memcg = 'shop.service' },\n]\n";
        fs::write(scratch.path().join(name), format!("{head}{text}")).unwrap();
    };
    machine(
        "good.toml",
        "beside = ['builtin:balanced']\n[config]\nrules = [{ never = true, comm = 'shop' }]\n[expect]\nfirst = ['hog', 'shop']\nnever = ['shop', 'sshd']\nkept = ['shop']\ngiven_up = ['hog']\n",
    );
    machine("absent.toml", "[expect]\nfirst = 'tree of hogg'\n");
    machine("nothing.toml", "[expect]\n");
    machine("unknown.toml", "[expect]\nfrist = 'hog'\n");
    machine("config.toml", "[config]\nrules = 7\n[expect]\nfirst = 'hog'\n");
    machine("none.toml", "[expect]\nnone = true\n");
    fs::write(scratch.path().join("snapshot.toml"), "snapshot = 'absent.json'\n[expect]\nnone = true\n")
        .unwrap();
    let mut args = vec!["test", "builtin:rules"];
    let files =
        ["good", "absent", "nothing", "unknown", "config", "none", "snapshot"].map(|it| format!("{it}.toml"));
    files.iter().for_each(|file| args.extend(["--machine", file]));
    let (status, said) = jettison(scratch.path(), &args);
    assert_eq!(status, Some(1), "{said}");
    for expected in [
        "ok      good.toml: first goes the process hog",
        "there is no \"hogg\" on this machine; there are base:",
        "nothing.toml: [expect] is empty",
        "unknown field `frist`",
        "rules faulted: bad-config",
        "expected that nothing goes",
        "absent.json: cannot be read",
        "1 of 7 machines as expected",
    ] {
        assert!(said.contains(expected), "{expected}:\n{said}");
    }
}
