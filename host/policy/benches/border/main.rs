//! What the border costs: fuel, faults, and ten policies at once.
//!
//! - `metered` and `unmetered`: one consultation of `balanced` with 1,000 processes, compiled with and
//!   without fuel and with all else equal, over functions that only hand out columns.
//! - `ten_policies`: `balanced` and nine times `keep-postgres`, one after the other on 1,000 processes, as in
//!   a tick; `ten_balanced`: ten times the one that does most.
//! - faults: the same hostile module, told to fault and told to answer well after as much work of the same
//!   kind. Most kinds are set against a small ballot; what burns a budget by its nature, against an answer
//!   that takes nearly as much.
//! - `spin`, `host`, `idle_host`, `log`: what ten million units of fuel last for, by what they are burnt on.
//!
//! Two things are compared by turns, and by their medians, so that whatever else the machine does slows both.
//! `cargo bench -p jettison-policy --bench border`

#[path = "../../tests/kit/mod.rs"]
mod kit;
mod metering;
// The very files of the library, since what they say is no part of its interface.
#[path = "../../src/limits.rs"]
#[allow(dead_code, unreachable_pub, reason = "a part of it is used, and here it is no library")]
mod limits;
#[path = "../../src/raw.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod raw;
#[path = "../../src/settings.rs"]
mod settings;

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use jettison_model::column::UNKNOWN_U64;
use jettison_model::{Cause, Fault, Snapshot};
use jettison_policy::{Consultation, Engine, Limits, Policy, builtin};
use kit::{compiler, keep_postgres_module, misbehaving_on, processes};

/// Processes of a large host.
const PROCESSES: usize = 1_000;
/// Enough to be measured, and soon over.
const LITTLE_FUEL: u64 = 10_000_000;
/// Enough to fill all memory.
const MORE_FUEL: u64 = 100_000_000;

fn loaded(engine: &Engine, module: &[u8]) -> Policy {
    let compiled = compiler().compile(module).expect("it compiles");
    Policy::load(engine, &compiled, Some(&[]), &[], "{}").expect("it loads")
}

fn balanced(engine: &Engine) -> Policy {
    loaded(engine, builtin("balanced").expect("it is built in"))
}

/// A host of 64 GiB that is nearly out of memory: services of some hundred and sixty processes each, of which
/// a few grow.
fn large_host() -> Snapshot {
    let mut snapshot = processes(PROCESSES);
    snapshot.host.memory_total_bytes = 64 << 30;
    snapshot.host.memory_available_bytes = 1 << 30;
    snapshot.request.cause = Cause::Pressure;
    snapshot.request.deficit_bytes = 3 << 30;
    let rows = || 0..u32::try_from(PROCESSES).expect("few");
    let table = &mut snapshot.processes;
    let parent = |row: u32| if row == 0 { u32::MAX } else { row / 163 * 163 };
    table.parents = Arc::new(rows().map(parent).collect());
    let growing = |bytes: i64| Arc::new(rows().map(|row| if row % 97 == 0 { bytes } else { 0 }).collect());
    table.growth_bytes_per_s = growing(5 << 20);
    table.taken_bytes = growing(64 << 20);
    table.growth_1h_bytes_per_s = growing(0);
    table.births_per_1000s = Arc::new(rows().map(|_| 0).collect());
    // The border hands out "unknown" where a column is absent; the bare functions beside it do not.
    let memcgs = &mut snapshot.memcgs;
    memcgs.usual_bytes = Arc::new(vec![UNKNOWN_U64; memcgs.len()]);
    memcgs.container_ids = (0..memcgs.len()).map(|_| b"".as_slice()).collect();
    snapshot
}

/// What an administrator writes: globs, an expression, places, bounds. None of them is met by most.
const RULES: &str = r#"{"rules": [
    {"never": true, "comm": ["sshd", "agetty", "systemd*"]}, {"never": true, "unit": "dbus.service"},
    {"avoid": 600, "unit": ["postgresql*.service", "mariadb.service"]},
    {"avoid": true, "comm": "regex:^(Xorg|gnome-shell|kwin_.*)$"}, {"avoid": 200, "exe": "/usr/lib/jvm/*"},
    {"prefer": 900, "cgroup": "/batch.slice", "takes": "cgroup"}, {"prefer": true, "container": "*"},
    {"prefer": 800, "cmdline": "*pytest*", "takes": "tree"}, {"prefer": 700, "comm": ["cc1*", "ld", "rustc"]},
    {"prefer": 600, "uid": [1001, 1002], "size_over_mib": 4096}, {"prefer": 500, "growth_over_mib_per_s": 50},
    {"prefer": 400, "comm": "python3*", "age_under_s": 3600}]}"#;

fn rules(bench: &mut Criterion) {
    let engine = Engine::new(Limits::default()).expect("an engine");
    let compiled = compiler().compile(builtin("rules").expect("it is built in")).expect("it compiles");
    let policy = Policy::load(&engine, &compiled, None, &[], RULES).expect("it loads");
    let snapshot = large_host();
    bench.bench_function("rules", |bencher| bencher.iter(|| policy.consult(&snapshot).answer.is_ok()));
}

fn share_of_fuel() -> f64 {
    let snapshot = large_host();
    let checked = balanced(&Engine::new(Limits::default()).expect("an engine")).consult(&snapshot);
    let entries = checked.answer.expect("a ballot").entries.len();
    let [metered, unmetered] = [true, false].map(metering::Bare::new);
    assert_eq!((metered.consult(&snapshot), unmetered.consult(&snapshot)), (entries, entries));
    let ratio = times("metered", || metered.consult(&snapshot), "unmetered", || unmetered.consult(&snapshot));
    (1.0 - 1.0 / ratio) * 100.0
}

fn ten_policies(bench: &mut Criterion) {
    let engine = Engine::new(Limits::default()).expect("an engine");
    let ten = |first: usize| {
        let policy =
            |index| if index < first { balanced(&engine) } else { loaded(&engine, keep_postgres_module()) };
        (0..10).map(policy).collect::<Vec<Policy>>()
    };
    let snapshot = large_host();
    for (name, policies) in [("ten_policies", ten(1)), ("ten_balanced", ten(10))] {
        bench.bench_function(name, |bencher| {
            bencher
                .iter(|| policies.iter().filter(|policy| policy.consult(&snapshot).answer.is_ok()).count());
        });
    }
}

/// Each kind of fault, what the module is told to do for it, and what the good consultation does that it is
/// measured in.
const FAULTS: [(&str, &str, &str); 11] = [
    ("a trap with a message", "trap", "good"),
    ("an abort", "abort", "good"),
    ("an access out of bounds", "out-of-bounds", "good"),
    ("a refusal", "refuse", "good"),
    ("a bad ballot", "duplicate", "good"),
    ("bad UTF-8", "bad-utf8", "good"),
    ("too deep a recursion", "recurse", "recurse-a-little"),
    ("out of memory", "bloat", "hoard"),
    ("too many entries", "many-entries", "large"),
    ("an answer of 16 MiB", "huge-reasons", "large"),
    ("out of fuel, for each unit", "loop", "count"),
];

/// A fault of this kind, in good consultations. Where all fuel is gone, time is divided by fuel.
fn fault(what: &str, instead: &str) -> f64 {
    let engine = Engine::new(Limits { fuel: MORE_FUEL, ..Limits::default() }).expect("an engine");
    let snapshot = processes(5_000);
    let [bad, good] = [what, instead].map(|what| misbehaving_on(&engine, what).expect("it loads"));
    let [first_bad, first_good] = [&bad, &good].map(|policy| policy.consult(&snapshot));
    assert!(first_bad.answer.is_err(), "{what}");
    assert!(first_good.answer.is_ok(), "{instead}: {:?}", first_good.answer);
    let ratio = times(what, || bad.consult(&snapshot), instead, || good.consult(&snapshot));
    match first_bad.answer {
        Err(Fault::OutOfFuel { .. }) => ratio * fuel(&first_good) / fuel(&first_bad),
        _ => ratio,
    }
}

#[expect(clippy::cast_precision_loss, reason = "some millions")]
fn fuel(consultation: &Consultation) -> f64 {
    consultation.fuel as f64
}

/// How long the fuel lasts if it is burnt on this, in times of a loop.
fn burning(name: &str, what: &str) -> f64 {
    let engine = Engine::new(Limits { fuel: LITTLE_FUEL, ..Limits::default() }).expect("an engine");
    let snapshot = processes(PROCESSES);
    let [burner, spinner] = [what, "loop"].map(|what| misbehaving_on(&engine, what).expect("it loads"));
    times(name, || burner.consult(&snapshot), "spin", || spinner.consult(&snapshot))
}

/// How many times the other the one takes: by turns for two seconds, and by the medians.
#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "measures, for the reader of the output")]
fn times<A, B>(
    one: &str,
    mut do_one: impl FnMut() -> A,
    other: &str,
    mut do_other: impl FnMut() -> B,
) -> f64 {
    let until = Instant::now() + Duration::from_secs(2);
    let mut taken = [Vec::new(), Vec::new()];
    while Instant::now() < until || taken[0].len() < 11 {
        let start = Instant::now();
        black_box(do_one());
        let between = Instant::now();
        black_box(do_other());
        taken[0].push((between - start).as_secs_f64());
        taken[1].push(between.elapsed().as_secs_f64());
    }
    let turns = taken[0].len();
    let [one_s, other_s] = taken.map(|mut seconds| {
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    });
    println!("  {one} {:.1} us, {other} {:.1} us, medians of {turns} turns", one_s * 1e6, other_s * 1e6);
    one_s / other_s
}

/// Where criterion leaves what it found.
fn criterion_dir() -> PathBuf {
    let target_dir = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(target_dir).join("criterion")
}

/// The mean of a benchmark in milliseconds, as criterion left it.
fn mean_ms(name: &str) -> f64 {
    let file = criterion_dir().join(name).join("new/estimates.json");
    let text = fs::read_to_string(file).expect("it was measured");
    let (_, rest) = text.split_once(r#""mean":"#).expect("criterion's format");
    let (_, rest) = rest.split_once(r#""point_estimate":"#).expect("criterion's format");
    let number: String = rest.chars().take_while(|char| !matches!(char, ',' | '}')).collect();
    number.parse::<f64>().expect("a number") / 1e6
}

/// One line of the table, as `cargo xtask bench` has them.
fn line(what: &str, value: f64, unit: &str, most: f64) -> String {
    let verdict = if value < most { "within its bound" } else { "ABOVE its bound" };
    format!("{what}: {value:.2} {unit} ({verdict} of {most} {unit})\n")
}

#[expect(clippy::print_stdout, reason = "it is what the benchmark is for")]
fn main() {
    let mut bench = Criterion::default().configure_from_args();
    ten_policies(&mut bench);
    rules(&mut bench);
    bench.final_summary();
    // `cargo test --benches` only tries them.
    if std::env::args().any(|argument| argument == "--bench") {
        let table = table();
        fs::write(criterion_dir().join("border.txt"), &table).expect("the folder is there");
        println!("\n{table}");
    }
}

fn table() -> String {
    let mut table = line("fuel metering, of a consultation", share_of_fuel(), "%", 15.0);
    table += &line("ten policies on 1,000 processes", mean_ms("ten_policies"), "ms", 3.0);
    table += &line("twelve rules on 1,000 processes", mean_ms("rules"), "ms", 0.5);
    table += &line("ten times balanced on 1,000 processes", mean_ms("ten_balanced"), "ms", 3.0);
    for (name, what, instead) in FAULTS {
        let what_it_is = format!("{name}, of a good consultation (`{instead}`)");
        table += &line(&what_it_is, fault(what, instead), "times", 2.0);
    }
    let burners = [
        ("columns", "loop-in-the-host"),
        ("calls", "loop-in-the-host-at-no-cost"),
        ("the log", "log-without-end"),
    ];
    for (name, what) in burners {
        table +=
            &line(&format!("fuel burnt on {name}, of the time of a loop"), burning(name, what), "times", 5.0);
    }
    table
}
