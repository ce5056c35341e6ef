//! What the journal costs a tick, and what it takes on disk, among 300 sleeping processes.
//!
//! Two dry runs tick turn by turn, one of them recorded. `act` is set above all memory, so that every tick is
//! armed; both default policies are consulted. Printed are the medians of a tick, the bytes of a record, and
//! what `jettison replay` takes for 1,000 of them. Needs root, to create a memcg.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "what it measures is time, and it prints it"
)]

mod defaults;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jettison_act::{Actuator, Ledger, LiveHelpers, LiveKernel, Places};
use jettison_decide::Settings;
use jettison_decide::settings::Bound;
use jettison_policy::Policy;
use jettison_record::{Directory, Journal, PolicySetup, Record, Setup, Tick};
use jettison_sense::{Now, Root, Sensor};
use jettison_tests::{Memcg, sleepers};
use jettison_tick::{Live, MadeFrom, Ticker};

use defaults::{Defaults, grants};

const PROCESSES: usize = 300;
const TURNS: usize = 1_000;
/// Bounds: of a record in bytes, of the share of a tick, and of replaying all.
const RECORD_BYTES_MAX: u64 = 64 << 10;
const SHARE_MAX: f64 = 1.03;
const REPLAY_MAX: Duration = Duration::from_secs(2);

type DryRun = Ticker<Sensor, Defaults, LiveKernel>;

fn dry_run(settings: &Settings) -> DryRun {
    let proc = Root::live().proc;
    let sensor = Sensor::new(Root::live(), None).expect("/proc is there");
    let actuator = Actuator::new(LiveKernel::new(proc.clone()), std::process::id(), true);
    let helpers = LiveHelpers::new(Places { proc, ..Places::default() }).expect("helpers");
    let live = Live { settings: settings.clone(), ..Live::default() };
    Ticker::new(sensor, Defaults::load(), Ledger::in_memory(), actuator, Box::new(helpers), live, true)
}

fn record(ticker: &mut DryRun, journal: &Journal) {
    let MadeFrom { snapshot, state } = ticker.take_made_from().expect("it is recorded");
    let decision = ticker.last().expect("a tick");
    let (votes, in_flight, plan) =
        (Arc::clone(&decision.votes), decision.in_flight.clone(), decision.plan.clone());
    journal.record(Record::Tick(Box::new(Tick { snapshot, votes, in_flight, state, plan, setup: 0 })));
}

fn median_us(mut turns: Vec<Duration>) -> f64 {
    turns.sort();
    turns[turns.len() / 2].as_secs_f64() * 1e6
}

fn verdict(is_within: bool) -> &'static str {
    if is_within { "within its bound" } else { "ABOVE its bound" }
}

fn recorded((name, policy): (String, Policy)) -> PolicySetup {
    PolicySetup {
        source: format!("builtin:{name}"),
        digest: Some(policy.digest().into()),
        version: Some(policy.version().into()),
        weight: 1,
        grants: Some(grants(&name)),
        config: "{}".into(),
        name,
        ..PolicySetup::default()
    }
}

fn main() {
    let memcg = Memcg::new("journal-bench", 4 << 30).expect("a memcg of our own: run as root");
    let _sleepers = sleepers(&memcg, PROCESSES).expect("sleep(1) runs");
    let mut settings = Settings::default();
    settings.thresholds.act = Bound { percent: 100, cap_bytes: u64::MAX };
    let folder = tempfile::tempdir().expect("a folder");
    let directory = Directory::open(folder.path()).expect("it is ours");
    let journal = Journal::start(directory, 1 << 30, |_| {}).expect("a thread");
    let (mut off, mut on) = (dry_run(&settings), dry_run(&settings));
    on.be_recorded();
    let policies = Defaults::load().0.into_iter().map(recorded).collect();
    journal.record(Record::Setup(Arc::new(Setup {
        at_ms: 0,
        jettison: "bench".into(),
        is_dry: true,
        settings,
        policies,
        hooks: Vec::new(),
        limits: BTreeMap::new(),
    })));
    let mut boot_ms = Root::live().uptime_ms().expect("/proc/uptime");
    let (mut took_off, mut took_on) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        boot_ms += 100;
        let now = Now { boot_ms, wall_ms: boot_ms };
        let started = Instant::now();
        off.tick(now);
        took_off.push(started.elapsed());
        let started = Instant::now();
        on.tick(now);
        record(&mut on, &journal);
        took_on.push(started.elapsed());
        // As between two armed ticks, though shorter.
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(journal.flush(Duration::from_secs(60)), "the journal is written");
    let counts = journal.counts();
    let processes = on.pipeline().snapshot().processes.len();
    drop(journal);
    let (off_us, on_us) = (median_us(took_off), median_us(took_on));
    let share = on_us / off_us;
    println!(
        "a tick: {off_us:.0} us, recorded {on_us:.0} us: {share:.3} of it; bound {SHARE_MAX}: {}",
        verdict(share <= SHARE_MAX)
    );
    let record_bytes = counts.written_bytes / counts.written.max(1);
    println!(
        "a record: {record_bytes} bytes of {processes} processes, {} of {TURNS} were lost; bound {RECORD_BYTES_MAX}: {}",
        counts.lost,
        verdict(record_bytes <= RECORD_BYTES_MAX && counts.lost == 0)
    );
    let replay = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
        command.arg("replay").arg(folder.path()).arg("--cache").arg(folder.path().join("compiled"));
        let started = Instant::now();
        let output = command.output().expect("it runs");
        (started.elapsed(), String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
    };
    // The first compiles.
    replay();
    let (took, said, is_same) = replay();
    println!(
        "{said}replaying them: {:.2} s; bound 2 s: {}",
        took.as_secs_f64(),
        verdict(took <= REPLAY_MAX && is_same)
    );
}
