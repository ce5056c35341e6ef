//! What a guest sees of a snapshot.

mod kit;

use std::path::Path;
use std::sync::Arc;

use expect_test::expect;
use jettison_model::Snapshot;
use kit::{compiler, engine, misbehaving_module, misbehaving_on, processes, three_processes};
use wit_parser::Resolve;

/// The functions of all interfaces that `wit/` has for import, as `interface.function`, sorted.
fn contract() -> Vec<String> {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let mut resolve = Resolve::default();
    resolve.push_dir(wit).expect("the contract parses");
    let mut functions: Vec<String> = resolve
        .interfaces
        .iter()
        .filter_map(|(_, interface)| Some((interface.name.as_deref()?, interface)))
        .filter(|(name, _)| *name != "policy")
        .flat_map(|(name, interface)| {
            interface.functions.keys().map(move |function| format!("{name}.{function}"))
        })
        .collect();
    functions.sort_unstable();
    functions
}

#[test]
fn every_function_of_the_contract_is_there() {
    // The guest calls each of them, and it is loaded: so the host has each of them, with the right type.
    let compiled = compiler().compile(misbehaving_module()).expect("it compiles");
    assert_eq!(compiled.imports, contract());
    misbehaving_on(engine(), "nothing").expect("it loads");
}

/// What the guest says that it sees.
fn seen(snapshot: &Snapshot) -> String {
    let policy = misbehaving_on(engine(), "columns").expect("it loads");
    let lines = policy.consult(snapshot).log.into_iter().map(|line| line.message + "\n");
    lines.collect()
}

#[test]
fn values_and_columns_arrive_and_what_was_not_sensed_is_absent() {
    expect![[r#"
        request: cause 2 memcg 4294967295 deficit 4096
        host: 8589934592 1073741824 2147483648 3 250 4294967295 77
        reclaim: [24, 25, 26, 27, 28, 29, 21, 22, 23]
        trend: 5 oom kills; [1, 2, 3, 4, 5, 6, 7, 8, 18446744073709551615]
        taken: [31, 32, 18446744073709551615] [-9223372036854775808, -9223372036854775808, -9223372036854775808] [-9223372036854775808, -9223372036854775808, -9223372036854775808] [4294967295, 4294967295, 4294967295]
        of memcgs: [18446744073709551615] [-9223372036854775808]
        rows: 3 1
        pids: [1, 2, 3]
        growth: [0, 1048576, 2097152]
        adjs: [0, 0, 0]
        comms: TextColumn { bytes: [119, 111, 114, 107, 101, 114, 45, 48, 119, 111, 114, 107, 101, 114, 45, 49, 119, 111, 114, 107, 101, 114, 45, 50], ends: [8, 16, 24] }
        cmdlines: TextColumn { bytes: [], ends: [0, 0, 0] }
        pss: [18446744073709551615, 18446744073709551615, 18446744073709551615]
        units: TextColumn { bytes: [48, 48, 48, 48, 48, 48, 46, 115, 101, 114, 118, 105, 99, 101], ends: [14] }
    "#]].assert_eq(&seen(&three_processes()));
}

#[test]
fn sensed_details_arrive() {
    let mut snapshot = three_processes();
    snapshot.processes.cmdlines = [b"a\0b".as_slice(), b"", b"\xff"].into_iter().collect();
    snapshot.processes.pss_bytes = Arc::new(vec![1, 2, 3]);
    let seen = seen(&snapshot);
    assert!(seen.contains("cmdlines: TextColumn { bytes: [97, 0, 98, 255], ends: [3, 3, 4] }"), "{seen}");
    assert!(seen.contains("pss: [1, 2, 3]"), "{seen}");
}

#[test]
fn tables_may_be_empty_or_large() {
    let policy = misbehaving_on(engine(), "rows").expect("it loads");
    for count in [0, 1, 10_000] {
        let seen = policy.consult(&processes(count)).answer.unwrap_err().to_string();
        assert_eq!(seen, format!("gave no ballot: {count} and {}", count.div_ceil(100)));
    }
    let default = policy.consult(&Snapshot::default()).answer.unwrap_err().to_string();
    assert_eq!(default, "gave no ballot: 0 and 0");
}
