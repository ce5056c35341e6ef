//! How much memory a loaded policy takes that cannot be used for anything else.
//!
//! Alone in its program, since it looks at the whole process.

mod kit;

use jettison_policy::{Compiled, Engine, Limits, Policy, builtin};
use kit::{compiler, keep_postgres_module, processes};
use procfs::process::Process;

/// What a site's policy may take.
const BYTES_MAX: u64 = 1 << 20;
/// The built-in ones are far larger, and loaded once: their native code alone is over the bound for others.
const BUILTIN_BYTES_MAX: u64 = 3 << 19;

/// Bytes of this process's own memory: what is private in /proc/PID/smaps_rollup (proc_pid_smaps(5)).
fn private_bytes() -> u64 {
    let maps = Process::myself().and_then(|process| process.smaps_rollup()).expect("it may look at itself");
    let rollup = maps.memory_map_rollup.0.first().expect("one line for all");
    let sizes = &rollup.extension.map;
    ["Private_Clean", "Private_Dirty"].iter().filter_map(|key| sizes.get(*key)).sum()
}

/// What one more policy of this module takes, once some are loaded and consulted.
fn grows_by(engine: &Engine, compiled: &Compiled) -> u64 {
    const POLICIES: u64 = 16;
    let snapshot = processes(1_000);
    let load = || {
        let policy = Policy::load(engine, compiled, None, &[], "{}").expect("it loads");
        policy.consult(&snapshot).answer.expect("a ballot");
        policy
    };
    let _warm: Vec<Policy> = (0..4).map(|_| load()).collect();
    let before = private_bytes();
    let _loaded: Vec<Policy> = (0..POLICIES).map(|_| load()).collect();
    private_bytes().saturating_sub(before) / POLICIES
}

#[test]
fn a_loaded_policy_takes_its_code_and_little_more() {
    let engine = Engine::new(Limits::default()).expect("an engine");
    let balanced = builtin("balanced").expect("it is built in");
    let policies = [
        ("balanced", balanced, BUILTIN_BYTES_MAX),
        ("rules", builtin("rules").expect("it is built in"), BUILTIN_BYTES_MAX),
        ("keep-postgres", keep_postgres_module(), BYTES_MAX),
    ];
    for (name, module, most) in policies {
        let compiled = compiler().compile(module).expect("it compiles");
        let (each, code) = (grows_by(&engine, &compiled), compiled.code_bytes() as u64);
        println!(
            "{name}: {} KiB for each, {} KiB of code, a module of {} KiB",
            each >> 10,
            code >> 10,
            module.len() >> 10
        );
        assert!(each < most, "{name}: {each} bytes");
        assert!(each < code + (128 << 10), "{name}: {each} bytes, of which {code} are code");
    }
}
