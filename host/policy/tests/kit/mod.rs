//! What the tests of this crate share: an engine, modules, snapshots.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::path::Path;
use std::sync::{Arc, OnceLock};

use jettison_model::snapshot::Host;
use jettison_model::{Cause, Fault, Snapshot, Trend};
use jettison_policy::{Compiled, Compiler, Consultation, Engine, Limits, Policy};

#[path = "../../build/guest.rs"]
mod guest;

/// The hooks that an administrator has configured.
pub(crate) const HOOKS: [&str; 1] = ["drain"];

/// One engine with fuel for some hundredths of a second, so that loops end soon even where tests are slow.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let limits = Limits { fuel: 100_000_000, ..Limits::default() };
        Engine::new(limits).expect("an engine")
    })
}

pub(crate) fn compiler() -> Compiler {
    Compiler::new(env!("CARGO_BIN_EXE_compile-module").into())
}

/// The hostile policy's module, built once.
pub(crate) fn misbehaving_module() -> &'static [u8] {
    static MODULE: OnceLock<Vec<u8>> = OnceLock::new();
    MODULE.get_or_init(|| built("tests/misbehaving"))
}

/// A small policy, as a site would have it; built once.
pub(crate) fn keep_postgres_module() -> &'static [u8] {
    static MODULE: OnceLock<Vec<u8>> = OnceLock::new();
    MODULE.get_or_init(|| built("examples/policies/keep-postgres"))
}

fn built(crate_dir: &str) -> Vec<u8> {
    let root = guest::workspace_root(Path::new(env!("CARGO_MANIFEST_DIR")));
    let module = guest::build(&root.join(crate_dir), &root.join("target/guests"))
        .unwrap_or_else(|problem| panic!("{problem}"));
    std::fs::read(module).expect("the module that was just built")
}

fn misbehaving_compiled() -> &'static Compiled {
    static COMPILED: OnceLock<Compiled> = OnceLock::new();
    COMPILED.get_or_init(|| compiler().compile(misbehaving_module()).expect("what misbehaves compiles"))
}

/// The hostile policy, told what to do.
pub(crate) fn misbehaving(what: &str) -> Result<Policy, Fault> {
    misbehaving_on(engine(), what)
}

pub(crate) fn misbehaving_on(engine: &Engine, what: &str) -> Result<Policy, Fault> {
    misbehaving_granted(engine, what, None)
}

pub(crate) fn misbehaving_granted(
    engine: &Engine,
    what: &str,
    grants: Option<&[String]>,
) -> Result<Policy, Fault> {
    let config = format!(r#"{{"do": "{what}"}}"#);
    Policy::load(engine, misbehaving_compiled(), grants, &HOOKS.map(String::from), &config)
}

/// What the hostile policy answers to [`three_processes`].
pub(crate) fn consult(what: &str) -> Consultation {
    let policy = misbehaving(what).unwrap_or_else(|fault| panic!("{what}: {fault}"));
    policy.consult(&three_processes())
}

/// What it answers, as people read it.
pub(crate) fn answer(what: &str) -> String {
    match consult(what).answer {
        Ok(ballot) => format!("a ballot of {} entries", ballot.entries.len()),
        Err(fault) => format!("{}: {fault}", fault.kind()),
    }
}

/// Three processes in one memcg, whose costly columns were not asked for.
pub(crate) fn three_processes() -> Snapshot {
    let mut snapshot = processes(3);
    snapshot.request.cause = Cause::Pressure;
    snapshot.request.deficit_bytes = 4096;
    snapshot.host = Host {
        memory_total_bytes: 8 << 30,
        memory_available_bytes: 1 << 30,
        swap_total_bytes: 2 << 30,
        swap_free_bytes: 3,
        memory_pressure_some_avg10: 250,
        io_pressure_some_avg10: 21,
        io_pressure_full_avg10: 22,
        cpu_pressure_some_avg10: 23,
        memory_free_bytes: 24,
        watermark_min_bytes: 25,
        watermark_low_bytes: 26,
        watermark_high_bytes: 27,
        zswap_bytes: 28,
        zswapped_bytes: 29,
        oom_kills: 5,
        trend: Trend {
            refault_anon_bytes_per_s: 1,
            refault_file_bytes_per_s: 2,
            swap_in_bytes_per_s: 3,
            swap_out_bytes_per_s: 4,
            major_faults_per_s: 5,
            allocation_stalls_per_s: 6,
            memory_stall_some_us_per_s: 7,
            memory_stall_full_us_per_s: 8,
            ..Trend::UNKNOWN
        },
        eased_ms_ago: 31,
        taken_bytes: 32,
        ..Host::default()
    };
    snapshot.now_ms = 77;
    snapshot
}

/// A tree of processes, each the parent of two, in one memcg for each hundred.
#[expect(clippy::cast_possible_truncation, reason = "tables of tests are small")]
pub(crate) fn processes(count: usize) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let rows = 0..count as u32;
    let table = &mut snapshot.processes;
    let mut comms = table.comms.refill();
    for row in rows.clone() {
        comms.push(format!("worker-{row}").as_bytes());
    }
    let mib = |row: u32| u64::from(row % 97 + 1) << 20;
    table.pids = Arc::new(rows.clone().map(|row| row + 1).collect());
    table.start_times = Arc::new(rows.clone().map(u64::from).collect());
    table.parents =
        Arc::new(rows.clone().map(|row| row.checked_sub(1).map_or(u32::MAX, |row| row / 2)).collect());
    table.memcgs = Arc::new(rows.clone().map(|row| row / 100).collect());
    table.flags = Arc::new(vec![0; count]);
    table.uids = Arc::new(rows.clone().map(|row| row % 7).collect());
    table.threads = Arc::new(vec![1; count]);
    table.ages_ms = Arc::new(rows.clone().map(|row| u64::from(row % 1000) * 1000).collect());
    table.rss_anon_bytes = Arc::new(rows.clone().map(mib).collect());
    table.rss_file_bytes = Arc::new(vec![1 << 20; count]);
    table.rss_shmem_bytes = Arc::new(vec![0; count]);
    table.swap_bytes = Arc::new(vec![0; count]);
    table.page_table_bytes = Arc::new(vec![1 << 12; count]);
    table.growth_bytes_per_s = Arc::new(rows.clone().map(|row| i64::from(row % 13) << 20).collect());
    table.oom_score_adjs = Arc::new(vec![0; count]);
    table.oom_score_adjs_now = Arc::new(vec![0; count]);
    memcgs(&mut snapshot, count.div_ceil(100));
    snapshot
}

fn memcgs(snapshot: &mut Snapshot, count: usize) {
    let table = &mut snapshot.memcgs;
    let (mut paths, mut units) = (table.paths.refill(), table.units.refill());
    for row in 0..count {
        paths.push(format!("/system.slice/{row:06}.service").as_bytes());
        units.push(format!("{row:06}.service").as_bytes());
    }
    table.parents = Arc::new(vec![u32::MAX; count]);
    let bytes = Arc::new((0..count as u64).map(|row| row << 24).collect::<Vec<u64>>());
    for column in [
        &mut table.current_bytes,
        &mut table.min_bytes,
        &mut table.low_bytes,
        &mut table.high_bytes,
        &mut table.max_bytes,
        &mut table.swap_bytes,
        &mut table.anon_bytes,
        &mut table.file_bytes,
        &mut table.shmem_bytes,
        &mut table.reclaimable_bytes,
        &mut table.max_events,
        &mut table.oom_kills,
        &mut table.refaults_anon,
        &mut table.refaults_file,
        &mut table.refaults_per_s,
    ] {
        *column = Arc::clone(&bytes);
    }
    table.pressures_some_avg10 = Arc::new(vec![0; count]);
    table.flags = Arc::new(vec![0; count]);
    table.growth_bytes_per_s = Arc::new(vec![0; count]);
}

/// Asks a policy on machines of these sizes, and prints what each took.
#[track_caller]
pub(crate) fn ranks_all(policy: &Policy, sizes: [usize; 5]) {
    for count in sizes {
        let snapshot = processes(count);
        #[expect(clippy::disallowed_methods, reason = "measures itself, for the reader of the output")]
        let start = std::time::Instant::now();
        let consultation = policy.consult(&snapshot);
        eprintln!("{count} processes: {:?}, {} units of fuel", start.elapsed(), consultation.fuel);
        consultation.answer.expect("a ballot");
    }
}
