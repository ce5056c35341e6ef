//! Every hostile guest in `jettison explain`, which ends with 0, names the fault, and ranks as the other
//! policies say, or by the built-in ranking where there is no other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use expect_test::expect_file;
use jettison_tests::Random;
use serde_json::Value;
use tempfile::TempDir;

#[path = "../../policy/build/guest.rs"]
mod guest;

/// What `tests/misbehaving` can be told to do, and what each is meant to come to.
const DEEDS: [(&str, &str); 40] = [
    // What it does instead of answering.
    ("loop", "out-of-fuel"),
    ("loop-in-the-host", "out-of-fuel"),
    ("loop-in-the-host-at-no-cost", "out-of-fuel"),
    ("log-without-end", "out-of-fuel"),
    ("grow", "out-of-fuel"),
    ("bloat", "out-of-memory"),
    ("recurse", "trap"),
    ("trap", "trap"),
    ("log-flood-then-trap", "trap"),
    ("abort", "trap"),
    ("out-of-bounds", "trap"),
    ("refuse", "refused"),
    // What is no answer.
    ("bad-utf8", "trap"),
    ("huge-reasons", "trap"),
    // Answers with something wrong in them.
    ("duplicate", "bad-ballot"),
    ("contradiction", "bad-ballot"),
    ("unknown-row", "bad-ballot"),
    ("unknown-memcg", "bad-ballot"),
    ("strength-0", "bad-ballot"),
    ("urgency-1001", "bad-ballot"),
    ("adj-1000", "bad-ballot"),
    ("adj-1001", "bad-ballot"),
    ("signal-0", "bad-ballot"),
    ("signal-65", "bad-ballot"),
    ("signal-kill", "bad-ballot"),
    ("signal-stop", "bad-ballot"),
    ("endless-wait", "bad-ballot"),
    ("unknown-hook", "bad-ballot"),
    ("many-steps", "bad-ballot"),
    ("long-reason", "bad-ballot"),
    ("many-entries", "bad-ballot"),
    // What keeps it from being loaded.
    ("trap-in-describe", "trap"),
    ("loop-in-describe", "out-of-fuel"),
    ("problems", "bad-config"),
    // What is borne: an empty ballot, logs that are cut, an attempt to remember.
    ("nothing", "ok"),
    ("log", "ok"),
    ("log-flood", "ok"),
    ("columns", "ok"),
    ("remember", "ok"),
    // What is not known is refused by the guest itself.
    ("", "refused"),
];

/// Modules in WebAssembly's text format, and what each is meant to come to.
const TEXTS: [(&str, &str, &str); 12] = [
    (
        "wasi-module",
        r#"(module (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32))))"#,
        "forbidden-import",
    ),
    (
        "wasi-component",
        r#"(component (import "wasi:cli/environment@0.2.0"
            (instance (export "get-arguments" (func (result (list string)))))))"#,
        "forbidden-import",
    ),
    ("import-from-nowhere", r#"(component (import "kill" (func (param "pid" u32))))"#, "forbidden-import"),
    (
        "version-0.2-imported",
        r#"(component (import "jettison:policy/processes@0.2.0" (instance (export "count" (func (result u32))))))"#,
        "wrong-world",
    ),
    (
        "version-0.2-exported",
        r#"(component (instance $policy) (export "jettison:policy/policy@0.2.0" (instance $policy)))"#,
        "wrong-world",
    ),
    (
        "unknown-function",
        r#"(component (import "jettison:policy/host@0.1.7" (instance (export "moon-phase" (func (result u32))))))"#,
        "wrong-world",
    ),
    ("no-policy", "(module)", "wrong-world"),
    ("huge-memory", r#"(component (core module $m (memory 65536)) (core instance (instantiate $m)))"#, "out-of-memory"),
    ("two-memories", "(module (memory 1) (memory 1))", "compile"),
    ("huge-table", "(component (core module $m (table 1000000 funcref)) (core instance (instantiate $m)))", "compile"),
    (
        "many-tables",
        "(component (core module $m (table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref)
            (table 1 funcref)) (core instance (instantiate $m)))",
        "compile",
    ),
    (
        "many-instances",
        "(component (core module $m)
            (core instance (instantiate $m)) (core instance (instantiate $m)) (core instance (instantiate $m))
            (core instance (instantiate $m)) (core instance (instantiate $m)) (core instance (instantiate $m))
            (core instance (instantiate $m)) (core instance (instantiate $m)) (core instance (instantiate $m)))",
        "compile",
    ),
];

/// Files of modules, each with what it is meant to come to.
struct Guests {
    directory: TempDir,
    expected: Vec<(PathBuf, &'static str)>,
}

impl Guests {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut guests = Self { directory, expected: Vec::new() };
        let machine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/machines/plain-v2");
        let mut snapshot = Command::new(env!("CARGO_BIN_EXE_jettison"));
        done(snapshot.args(["snapshot", "--root"]).arg(machine).arg("-o").arg(guests.machine()));
        for (what, kind) in DEEDS {
            guests.add(if what.is_empty() { "untold" } else { what }, &told(what), kind);
        }
        for (name, text, kind) in TEXTS {
            guests.add(name, &wat::parse_str(text).unwrap(), kind);
        }
        let whole = include_bytes!("../../../tests/golden/0.1.0/every-function.wasm");
        guests.add("truncated", &whole[..whole.len() / 2], "not-a-component");
        let mut random = Random::new(0x6a65_7474);
        let noise: Vec<u8> = (0..5_000).map(|_| random.byte()).collect();
        guests.add("random", &noise, "not-a-component");
        guests.add(
            "random-with-the-right-beginning",
            &[b"\0asm\x01\0\0\0", &noise[..]].concat(),
            "not-a-component",
        );
        guests.add("empty", b"", "not-a-component");
        guests.add("script", b"#!/bin/sh\nrm -rf /\n", "not-a-component");
        guests.add("too-large", &vec![0; (16 << 20) + 1], "compile");
        guests.expected.push((guests.directory.path().join("absent.wasm"), "missing"));
        guests
    }

    fn machine(&self) -> PathBuf {
        self.directory.path().join("machine.json")
    }

    fn add(&mut self, name: &str, bytes: &[u8], kind: &'static str) {
        let path = self.directory.path().join(format!("{name}.wasm"));
        fs::write(&path, bytes).unwrap();
        self.expected.push((path, kind));
    }
}

/// The hostile policy's module, told what to do.
fn told(what: &str) -> Vec<u8> {
    const BEFORE: &[u8] = b"it does so: ";
    static MODULE: OnceLock<Vec<u8>> = OnceLock::new();
    let mut module = MODULE
        .get_or_init(|| {
            let root = guest::workspace_root(Path::new(env!("CARGO_MANIFEST_DIR")));
            fs::read(guest::build(&root.join("tests/misbehaving"), &root.join("target/guests")).unwrap())
                .unwrap()
        })
        .clone();
    let places: Vec<usize> =
        module.windows(BEFORE.len()).enumerate().filter(|(_, w)| *w == BEFORE).map(|(at, _)| at).collect();
    let [at] = places[..] else { panic!("it is told in one place, not {places:?}") };
    let at = at + BEFORE.len();
    module[at..at + what.len()].copy_from_slice(what.as_bytes());
    module
}

/// What is said of a machine in a file tree, as it was when [`Guests`] came, with these policies: a process
/// must not get older from one look to the next.
fn explain(guests: &Guests, policies: &[&Path]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
    command.args(["explain", "--json", "--snapshot"]).arg(guests.machine());
    // A busy host may not get through all fuel in the usual time.
    let config = guests.machine().with_file_name("jettison.toml");
    std::fs::write(&config, "[limits]\nconsultation_ms = 60000\n").unwrap();
    command.arg("--config").arg(&config);
    policies.iter().for_each(|policy| _ = command.arg("--policy").arg(policy));
    serde_json::from_slice(&done(&mut command)).unwrap()
}

/// What it printed; it ends with 0, and complains of nothing.
fn done(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*said), (Some(0), ""), "{command:?}");
    output.stdout
}

/// The ranking with its reasons, to the byte.
fn ranking(explained: &Value) -> String {
    serde_json::to_string_pretty(&[&explained["ranking"], &explained["plan"], &explained["excluded"]])
        .unwrap()
}

fn kind(policy: &Value) -> &str {
    policy["fault"]["kind"].as_str().unwrap_or("ok")
}

#[test]
fn alone_each_leaves_the_built_in_ranking() {
    let guests = Guests::new();
    let builtin = ranking(&explain(&guests, &[Path::new("/nonexistent.wasm")]));
    assert!(builtin.contains(r#""policy": "built-in""#), "{builtin}");
    for (path, expected) in &guests.expected {
        let explained = explain(&guests, &[path]);
        assert_eq!(kind(&explained["policies"][0]), *expected, "{}", path.display());
        if *expected != "ok" {
            assert_eq!(ranking(&explained), builtin, "{}", path.display());
        }
    }
}

#[test]
fn a_good_policy_beside_all_of_them_is_not_disturbed_and_each_fault_reads_well() {
    let guests = Guests::new();
    let good = Path::new("builtin:balanced");
    let undisturbed = ranking(&explain(&guests, &[good]));
    let all: Vec<&Path> = guests.expected.iter().map(|(path, _)| path.as_path()).chain([good]).collect();
    let explained = explain(&guests, &all);
    assert_eq!(ranking(&explained), undisturbed);
    let policies = explained["policies"].as_array().unwrap();
    let mut said =
        String::from("What `jettison explain --policy FILE` says of each hostile guest, beside its FILE.\n");
    let mut wrong = Vec::new();
    for ((_, expected), policy) in guests.expected.iter().zip(policies) {
        let name = policy["name"].as_str().unwrap();
        let message = policy["fault"]["message"].as_str().unwrap_or("it is consulted like any other");
        let kind = kind(policy);
        if kind != *expected {
            wrong.push((name, kind, *expected));
        }
        said += &format!("\n{name}\n    {kind}: {message}\n");
    }
    assert_eq!(wrong, []);
    assert_eq!(kind(policies.last().unwrap()), "ok");
    expect_file!["../../../tests/misbehaving/messages.txt"].assert_eq(&said);
}
