//! Guests that no compiler makes: written by hand, so that they can lie about every byte that crosses the
//! border.

mod kit;

use std::path::Path;

use expect_test::expect;
use jettison_policy::Policy;
use kit::{compiler, engine, three_processes};
use wit_component::StringEncoding;
use wit_parser::Resolve;

/// A module of the world `guest`, from the parts of it that matter to a test.
struct Raw<'a> {
    imports: &'a str,
    /// What `rank` does. It gives the address of its answer.
    rank: &'a str,
    /// What is in memory from address 16, in WebAssembly's text format. Elsewhere it is zero: an empty
    /// ballot.
    answer: &'a str,
    /// What the host is given when it asks for memory.
    realloc: &'a str,
    more: &'a str,
}

const GOOD: Raw<'static> =
    Raw { imports: "", rank: "i32.const 16", answer: "", realloc: "i32.const 4096", more: "" };

impl Raw<'_> {
    fn module(&self) -> Vec<u8> {
        let Self { imports, rank, answer, realloc, more } = self;
        let text = format!(
            r#"(module
                {imports}
                (memory (export "memory") 1)
                (data (i32.const 16) "{answer}")
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
                (func (export "jettison:policy/policy@0.1.0#describe") (result i32) i32.const 1024)
                (func (export "jettison:policy/policy@0.1.0#validate") (result i32) i32.const 1024)
                (func (export "jettison:policy/policy@0.1.0#rank") (result i32) {rank})
                {more})"#
        );
        let mut module = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
        let mut resolve = Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let (package, _) = resolve.push_dir(wit).expect("the contract parses");
        let world = resolve.select_world(&[package], Some("guest")).expect("it has the world");
        wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
            .expect("it takes one section more");
        module
    }

    /// What people read, when it is loaded or else when it is consulted.
    fn answer(&self) -> String {
        let loaded = compiler().compile(&self.module()).and_then(|compiled| {
            Policy::load(engine(), &compiled, Some(&[]), &[], r#"{"a": "configuration"}"#)
        });
        let answer = match loaded {
            Ok(policy) => policy.consult(&three_processes()).answer,
            Err(fault) => return format!("not loaded: {}: {fault}\n", fault.kind()),
        };
        match answer {
            Ok(ballot) => format!("a ballot of {} entries\n", ballot.entries.len()),
            Err(fault) => format!("{}: {fault}\n", fault.kind()),
        }
    }
}

#[test]
fn what_is_no_value_of_its_type() {
    let answers = [
        r"",
        // A result that is neither ok (0) nor an error (1).
        r"\07",
        // A list that begins, or ends, beyond memory; that is not aligned; that has more bytes than there
        // are.
        r"\00\00\00\00\f0\ff\ff\ff\01\00\00\00",
        r"\00\00\00\00\00\ff\00\00\40\00\00\00",
        r"\00\00\00\00\11\00\00\00\01\00\00\00",
        r"\00\00\00\00\00\00\00\00\ff\ff\ff\ff",
        // One entry, about a target of a kind that there is not.
        r"\00\00\00\00\1c\00\00\00\01\00\00\00\09",
        // An error whose words are no UTF-8, or beyond memory.
        r"\01\00\00\00\1c\00\00\00\02\00\00\00\ff\fe",
        r"\01\00\00\00\ff\ff\ff\ff\02\00\00\00",
    ];
    let answers: String = answers.iter().map(|answer| Raw { answer, ..GOOD }.answer()).collect();
    expect![[r#"
        a ballot of 0 entries
        trap: trapped: in `rank`: what it handed over is invalid, or more than 8 MiB (invalid expected discriminant): build it with jettison-sdk, and answer less
        trap: trapped: in `rank`: what it handed over is invalid, or more than 8 MiB (list pointer/length out of bounds of memory): build it with jettison-sdk, and answer less
        trap: trapped: in `rank`: what it handed over is invalid, or more than 8 MiB (list pointer/length out of bounds of memory): build it with jettison-sdk, and answer less
        trap: trapped: in `rank`: what it handed over is invalid, or more than 8 MiB (list pointer is not aligned): build it with jettison-sdk, and answer less
        trap: trapped: in `rank`: what it handed over is invalid, or more than 8 MiB (list pointer/length out of bounds of memory): build it with jettison-sdk, and answer less
        trap: trapped: in `rank`: what it handed over is invalid, or more than 8 MiB (unexpected discriminant: 9): build it with jettison-sdk, and answer less
        trap: trapped: in `rank`: what it handed over is invalid, or more than 8 MiB (invalid utf-8 sequence of 1 bytes from index 0): build it with jettison-sdk, and answer less
        trap: trapped: in `rank`: what it handed over is invalid, or more than 8 MiB (string pointer/length out of bounds of memory): build it with jettison-sdk, and answer less
    "#]]
    .assert_eq(&answers);
}

/// Calls a function of the host on its way.
const CONFIG: &str = r#"(import "jettison:policy/request@0.1.0" "config" (func $config (param i32)))"#;
const LOG: &str = r#"(import "jettison:policy/log@0.1.0" "emit" (func $emit (param i32 i32 i32)))"#;

#[test]
fn what_lies_to_the_functions_that_it_calls() {
    let config = Raw { imports: CONFIG, rank: "(call $config (i32.const 2048)) i32.const 16", ..GOOD };
    let emit = |arguments: &str| {
        let rank = format!("(call $emit {arguments}) i32.const 16");
        Raw { imports: LOG, rank: &rank, answer: r"\00\00\00\00\00\00\00\00\00\00\00\00\ff\fe", ..GOOD }
            .answer()
    };
    let answers = [
        config.answer(),
        Raw { realloc: "i32.const -8", ..config }.answer(),
        Raw { realloc: "unreachable", ..config }.answer(),
        Raw { realloc: "(loop $turn (br $turn)) unreachable", ..config }.answer(),
        Raw { rank: "(call $config (i32.const -4)) i32.const 16", ..config }.answer(),
        emit("(i32.const 1) (i32.const 28) (i32.const 2)"),
        emit("(i32.const 1) (i32.const 28) (i32.const -1)"),
    ];
    expect![[r#"
        a ballot of 0 entries
        trap: trapped: in `rank`: what it handed over is invalid, or more than 8 MiB (realloc return: beyond end of memory): build it with jettison-sdk, and answer less
        trap: trapped: in `rank`: it ended without a word (`unreachable`), as `abort` or a panic without a hook does
        out-of-fuel: used up its 100000000 units of fuel: it loops, or needs more `limits.fuel`
        trap: trapped: in `rank`: what it handed over is invalid, or more than 8 MiB (pointer out of bounds): build it with jettison-sdk, and answer less
        trap: trapped: in `rank`: what it handed over is invalid, or more than 8 MiB (invalid utf-8 sequence of 1 bytes from index 0): build it with jettison-sdk, and answer less
        trap: trapped: in `rank`: what it handed over is invalid, or more than 8 MiB (string pointer/length out of bounds of memory): build it with jettison-sdk, and answer less
    "#]]
    .assert_eq(&answers.concat());
}

#[test]
fn what_takes_at_its_start_or_of_another_kind() {
    let more = [
        "(func $begin (loop $turn (br $turn))) (start $begin)",
        "(func $begin unreachable) (start $begin)",
        "(table 1000000 funcref)",
        "(table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref)",
        "(memory 1)",
        "(func (drop (f32x4.relaxed_madd (v128.const i64x2 0 0) (v128.const i64x2 0 0) (v128.const i64x2 0 0))))",
        "(table $t 1 funcref) (func $begin (loop $turn (drop (table.grow $t (ref.null func) (i32.const 1000))) (br $turn))) (start $begin)",
    ];
    let answers: String = more.iter().map(|more| Raw { more, ..GOOD }.answer()).collect();
    expect![[r#"
        not loaded: out-of-fuel: used up its 100000000 units of fuel: it loops, or needs more `limits.fuel`
        not loaded: trap: trapped: in its start function: it ended without a word (`unreachable`), as `abort` or a panic without a hook does
        not loaded: compile: does not compile: it has a table of 1000000 elements, at most 16384 are taken
        not loaded: compile: does not compile: it has 5 tables, at most 4 are taken
        not loaded: compile: does not compile: failed to parse WebAssembly module: multiple memories (at offset 0x2b)
        not loaded: compile: does not compile: failed to compile: wasm[0]::function[4]: WebAssembly translation error: Invalid input WebAssembly code at offset 276: relaxed SIMD support is not enabled
        not loaded: out-of-fuel: used up its 100000000 units of fuel: it loops, or needs more `limits.fuel`
    "#]]
    .assert_eq(&answers);
}
