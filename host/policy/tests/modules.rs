//! What may be in a module's file, and what people read if it is no policy.

mod kit;

use std::fs;
use std::path::Path;

use expect_test::expect;
use jettison_policy::{Compiler, Policy, builtin};
use kit::{compiler, engine, misbehaving_granted, misbehaving_module, three_processes};

/// Compiles and loads, without any grant.
fn load(module: &[u8]) -> String {
    let loaded = compiler()
        .compile(module)
        .and_then(|compiled| Policy::load(engine(), &compiled, Some(&[]), &[], "{}"));
    match loaded {
        Ok(policy) => format!("{} {}\n", policy.name(), policy.version()),
        Err(fault) => format!("{}: {fault}\n", fault.kind()),
    }
}

/// Each of these texts, loaded.
fn load_texts(modules: &[&str]) -> String {
    let load = |text: &&str| load(&wat::parse_str(text).unwrap_or_else(|error| panic!("{error}")));
    modules.iter().map(load).collect()
}

/// A component that imports one function.
fn importing(interface: &str, function: &str, result: &str) -> String {
    format!(r#"(component (import "{interface}" (instance (export "{function}" (func (result {result}))))))"#)
}

/// A component that exports the policy interface, with other types of functions.
fn exporting(version: &str, memory_pages: u32) -> String {
    format!(
        r#"(component
            (core module $code
                (memory (export "memory") {memory_pages})
                (func (export "call") (result i32) i32.const 0))
            (core instance $it (instantiate $code))
            (func $call (result string) (canon lift (core func $it "call") (memory (core memory $it "memory"))))
            (instance $policy
                (export "describe" (func $call))
                (export "validate" (func $call))
                (export "rank" (func $call)))
            (export "jettison:policy/policy@{version}" (instance $policy)))"#
    )
}

#[test]
fn what_is_no_webassembly() {
    let files: [&[u8]; 3] = [b"", b"#!/bin/sh\necho hello\n", b"\0asm and more"];
    expect![[r#"
        not-a-component: is not a WebAssembly policy (the file is empty): build it with `cargo build --release --target wasm32-unknown-unknown` and copy the whole file
        not-a-component: is not a WebAssembly policy (it does not begin with \0asm): build it with `cargo build --release --target wasm32-unknown-unknown` and copy the whole file
        not-a-component: is not a WebAssembly policy (unknown binary version: 0x646e6120 (at offset 0x4)): build it with `cargo build --release --target wasm32-unknown-unknown` and copy the whole file
    "#]].assert_eq(&files.map(load).concat());
    let noise: Vec<u8> = (0..5000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    expect![[r#"
        not-a-component: is not a WebAssembly policy (it does not begin with \0asm): build it with `cargo build --release --target wasm32-unknown-unknown` and copy the whole file
    "#]].assert_eq(&load(&noise));
    expect![[r#"
        not-a-component: is not a WebAssembly policy (unexpected end-of-file (at offset 0xb)): build it with `cargo build --release --target wasm32-unknown-unknown` and copy the whole file
    "#]].assert_eq(&load(&[b"\0asm\x01\0\0\0", &noise[..]].concat()));
}

#[test]
fn what_is_cut_short_or_damaged() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/0.1.0/every-function.wasm");
    let module = fs::read(golden).expect("it is there");
    let lengths = [4, 8, 100, module.len() / 2, module.len() - 1];
    let cut: String = lengths.iter().map(|length| load(&module[..*length])).collect();
    expect![[r#"
        not-a-component: is not a WebAssembly policy (unexpected end-of-file (at offset 0x4)): build it with `cargo build --release --target wasm32-unknown-unknown` and copy the whole file
        wrong-world: does not fit jettison:policy@0.1 (it does not export `jettison:policy/policy@0.1.0`): build it with jettison-sdk 0.1
        not-a-component: is not a WebAssembly policy (unexpected end-of-file (at offset 0xa)): build it with `cargo build --release --target wasm32-unknown-unknown` and copy the whole file
        not-a-component: is not a WebAssembly policy (unexpected end-of-file (at offset 0x6f12)): build it with `cargo build --release --target wasm32-unknown-unknown` and copy the whole file
        not-a-component: is not a WebAssembly policy (unexpected end-of-file (at offset 0xd6a2)): build it with `cargo build --release --target wasm32-unknown-unknown` and copy the whole file
    "#]].assert_eq(&cut);
    let mut damaged = module.to_vec();
    for byte in damaged.iter_mut().skip(3000).step_by(997) {
        *byte ^= 0x55;
    }
    assert!(load(&damaged).starts_with("not-a-component: "));
}

#[test]
fn what_is_webassembly_but_no_policy() {
    let host = importing("jettison:policy/host@0.1.0", "now-ms", "u64");
    expect![[r#"
        wrong-world: does not fit jettison:policy@0.1 (it does not export `jettison:policy/policy@0.1.0`): build it with jettison-sdk 0.1
        wrong-world: does not fit jettison:policy@0.1 (it does not export `jettison:policy/policy@0.1.0`): build it with jettison-sdk 0.1
        wrong-world: does not fit jettison:policy@0.1 (it does not export `jettison:policy/policy@0.1.0`): build it with jettison-sdk 0.1
    "#]].assert_eq(&load_texts(&["(module)", "(component)", &host]));
}

#[test]
fn what_asks_for_more_than_there_is() {
    expect![[r#"
        forbidden-import: imports `wasi_snapshot_preview1.fd_write`, which a policy cannot have: build for wasm32-unknown-unknown, not for a WASI target
        forbidden-import: imports `e\u{1b}[31mvil .kill`, which a policy cannot have: build for wasm32-unknown-unknown, not for a WASI target
        forbidden-import: imports `wasi:cli/environment@0.2.0`, which a policy cannot have: build for wasm32-unknown-unknown, not for a WASI target
        forbidden-import: imports `kill`, which a policy cannot have: build for wasm32-unknown-unknown, not for a WASI target
    "#]].assert_eq(&load_texts(&[
        r#"(module (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32))))"#,
        r#"(module (import "e\1b[31mvil\n" "kill" (func)))"#,
        &importing("wasi:cli/environment@0.2.0", "get-arguments", "(list string)"),
        r#"(component (import "kill" (func (param "pid" u32))))"#,
    ]));
}

#[test]
fn what_was_built_for_another_version() {
    expect![[r#"
        wrong-world: does not fit jettison:policy@0.1 (it imports `jettison:policy/processes@0.2.0`): build it with jettison-sdk 0.1
        wrong-world: does not fit jettison:policy@0.1 (it imports `host.moon-phase`, which is unknown here): build it with jettison-sdk 0.1
        wrong-world: does not fit jettison:policy@0.1 (component imports instance `jettison:policy/processes@0.1.0`, but a matching implementation was not found in the linker: instance export `pids` has the wrong type: type mismatch with results: expected `u32` found `u64`): build it with jettison-sdk 0.1
        wrong-world: does not fit jettison:policy@0.1 (it does not export `jettison:policy/policy@0.1.0`): build it with jettison-sdk 0.1
        wrong-world: does not fit jettison:policy@0.1 (its export `describe` has another type: expected `record` found `string`): build it with jettison-sdk 0.1
        wrong-world: does not fit jettison:policy@0.1 (its export `describe` has another type: expected `record` found `string`): build it with jettison-sdk 0.1
    "#]].assert_eq(&load_texts(&[
        &importing("jettison:policy/processes@0.2.0", "count", "u32"),
        &importing("jettison:policy/host@0.1.7", "moon-phase", "u32"),
        &importing("jettison:policy/processes@0.1.0", "pids", "(list u64)"),
        &exporting("0.2.0", 1),
        &exporting("0.1.7", 1),
        &exporting("0.1.0", 1),
    ]));
}

#[test]
fn what_is_too_large() {
    expect![[r#"
        out-of-memory: wanted more than its 32 MiB of memory: it must do with less, or `limits.memory_mib` is set too low
    "#]]
    .assert_eq(&load_texts(&[&exporting("0.1.0", 600)]));
    expect![[r#"
        compile: does not compile: it has 16777217 bytes, at most 16777216 are taken
    "#]]
    .assert_eq(&load(&vec![0; (16 << 20) + 1]));
}

#[test]
fn the_child_itself_may_fail() {
    let with = |program: &str| {
        let fault = Compiler::new(program.into()).compile(misbehaving_module()).map(drop).unwrap_err();
        format!("{fault}\n")
    };
    expect![[r#"
        does not compile: /nonexistent/jettison compile-module could not be run: No such file or directory (os error 2)
        does not compile: the compiler ended (exit status: 1) without a reply: it said nothing
        does not compile: the compiler ended (exit status: 0) without a reply: it said nothing
        does not compile: the compiler ended (exit status: 2) without a reply: /bin/ls: cannot access '1073741824': No such file or directory
    "#]].assert_eq(&["/nonexistent/jettison", "/bin/false", "/bin/echo", "/bin/ls"].map(with).concat());
}

#[test]
fn details_are_granted_one_by_one() {
    let with = |grants: &[&str]| {
        let grants: Vec<String> = grants.iter().map(ToString::to_string).collect();
        match misbehaving_granted(engine(), "good", Some(&grants)) {
            Ok(policy) => format!("{:?}\n", policy.needs()),
            Err(fault) => format!("{}: {fault}\n", fault.kind()),
        }
    };
    let grants: [&[&str]; 3] = [&[], &["cmdlines", "exes"], &["pss-bytes", "cmdlines", "exes"]];
    expect![[r#"
        not-granted: imports `details.cmdlines` without a grant: add `grants = ["cmdlines"]` to its [[policy]]
        not-granted: imports `details.pss-bytes` without a grant: add `grants = ["pss-bytes"]` to its [[policy]]
        Needs { cmdlines: true, exes: true, pss: true, counters: true, refaults: false }
    "#]].assert_eq(&grants.map(with).concat());
}

#[test]
fn a_component_is_taken_as_well_as_a_core_module() {
    let mut encoder = wit_component::ComponentEncoder::default();
    let component =
        encoder.module(misbehaving_module()).and_then(|encoder| encoder.encode()).expect("it encodes");
    let compiled = compiler().compile(&component).expect("it compiles");
    let policy = Policy::load(engine(), &compiled, None, &[], r#"{"do":"refuse"}"#).expect("it loads");
    let fault = policy.consult(&three_processes()).answer.unwrap_err();
    assert_eq!(fault.to_string(), "gave no ballot: I do not want to");
}

#[test]
fn a_digest_is_the_one_that_sha256sum_prints() {
    let compiled = compiler().compile(b"\0asm\x0d\0\x01\0").expect("an empty component");
    assert_eq!(compiled.imports, Vec::<String>::new());
    assert_eq!(compiled.digest, "24eaf3439a60c96764c4f2c92a0a81b52bd4fe5d5b91f090184a0f6486b1bf29");
}

#[test]
fn there_is_one_builtin() {
    assert!(builtin("balanced").is_some());
    assert_eq!(builtin("nothing"), None);
}
