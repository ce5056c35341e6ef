//! What a tick costs, stage by stage, with its floor in the same run.
//!
//! `sense/300` reads the live machine with 300 sleeping processes of our own beside whatever else runs;
//! `floor/300` opens, reads and closes the same files and does nothing with them. `consult` is a fresh
//! instance of the default policy, its columns, its ballot's check, the tally and the plan; its 10,000 rows
//! are made up. `signal/300` is all that lies between a snapshot and the first signal; `kill` is a raw
//! kill(2) of the same process. `cargo xtask bench` prints the ratios.

use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use jettison_act::{Actuator, LiveKernel};
use jettison_decide::escalate::{self, Due, Escalation, Observation};
use jettison_decide::{Settings, State, exclusions, plan};
use jettison_model::snapshot::Needs;
use jettison_model::{Cause, Exclusion, Outcome, Snapshot, Step, Vote, column};
use jettison_policy::{Compiler, Engine, Limits, Policy};
use jettison_sense::{Now, Root, Sensor};
use rustix::process::{Pid, Signal, kill_process};

/// Ignored by default (signal(7)).
const SIGWINCH: u8 = 28;

/// Processes that sleep until they are dropped.
struct Sleepers(Vec<Child>);

impl Sleepers {
    fn start(count: usize) -> Self {
        let sleeper =
            || Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().expect("sleep(1) runs");
        Self((0..count).map(|_| sleeper()).collect())
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.kill().expect("it is ours");
            child.wait().expect("it is ours");
        }
    }
}

fn balanced() -> Policy {
    let engine = Engine::new(Limits::default()).expect("an engine");
    let module = jettison_policy::builtin("balanced").expect("it is embedded");
    let compiled = Compiler::new(env!("CARGO_BIN_EXE_jettison").into()).compile(module).expect("it compiles");
    Policy::load(&engine, &compiled, Some(&[]), &[], "{}").expect("it loads")
}

fn consult(policy: &Policy, snapshot: &Snapshot, settings: &Settings) {
    let excluded = exclusions(snapshot, settings, &[]);
    let answer = policy.consult(snapshot).answer;
    let votes = [Vote { policy: "balanced".into(), weight: 1, shadow: false, answer }];
    black_box(plan(snapshot, excluded, &votes, &[], State::default(), settings));
}

/// Sixty services of some hundred and sixty processes each; a few grow.
fn made_up(count: u32) -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.host.memory_total_bytes = 64 << 30;
    snapshot.host.memory_available_bytes = 1 << 30;
    snapshot.request.cause = Cause::Pressure;
    snapshot.request.deficit_bytes = 3 << 30;
    let rows = || 0..count;
    let each = |value: fn(u32) -> u64| Arc::new(rows().map(value).collect::<Vec<u64>>());
    let table = &mut snapshot.processes;
    table.pids = Arc::new(rows().map(|row| row + 1).collect());
    table.start_times = each(|row| u64::from(row) * 10);
    table.parents =
        Arc::new(rows().map(|row| if row == 0 { column::NONE_U32 } else { row / 163 * 163 }).collect());
    table.memcgs = Arc::new(rows().map(|_| column::NONE_U32).collect());
    table.comms = rows().map(|_| b"worker".as_slice()).collect();
    table.flags = Arc::new(rows().map(|_| 0).collect());
    table.uids = Arc::new(rows().map(|_| 1000).collect());
    table.threads = Arc::new(rows().map(|_| 4).collect());
    table.ages_ms = each(|row| 1_000_000 - u64::from(row) * 50);
    table.rss_anon_bytes = each(|row| u64::from(row % 37) << 20);
    table.rss_file_bytes = each(|row| u64::from(row % 11) << 20);
    table.rss_shmem_bytes = each(|row| u64::from(row % 5) << 18);
    table.swap_bytes = each(|_| 0);
    table.page_table_bytes = each(|_| 1 << 17);
    table.growth_bytes_per_s = Arc::new(rows().map(|row| if row % 97 == 0 { 5 << 20 } else { 0 }).collect());
    table.oom_score_adjs = Arc::new(rows().map(|_| 0).collect());
    table.oom_score_adjs_now = table.oom_score_adjs.clone();
    snapshot
}

/// Opens, reads and closes what a scan reads of each process.
fn floor(pids: &[u32], buffer: &mut Vec<u8>) {
    for pid in pids {
        for file in ["stat", "status", "oom_score_adj", "cgroup"] {
            let Ok(mut file) = File::open(format!("/proc/{pid}/{file}")) else { continue };
            buffer.clear();
            black_box(file.read_to_end(buffer).unwrap_or(0));
        }
    }
}

/// From the snapshot to the first signal, and the signal alone. Only sleepers of ours may be chosen, and what
/// they get is a signal that they ignore.
fn first_signal(criterion: &mut Criterion, policy: &Policy, snapshot: &Snapshot, ours: &Sleepers) {
    let pids: Vec<u32> = ours.0.iter().map(Child::id).collect();
    let settings = Settings::default();
    let caps = escalate::Settings { grace_ms: 5_000, grace_max_ms: 60_000, critical_grace_ms: 500 };
    let mut snapshot = snapshot.clone();
    snapshot.request.cause = Cause::Pressure;
    // Sleepers are too small to be worth it.
    snapshot.processes.rss_anon_bytes = Arc::new(vec![64 << 20; snapshot.processes.pids.len()]);
    let guarded = |row: u32| !snapshot.processes.pids.get(row as usize).is_some_and(|pid| pids.contains(pid));
    let excluded: Vec<_> = (0_u32..)
        .take(snapshot.processes.pids.len())
        .filter(|&row| guarded(row))
        .map(|row| (row, Exclusion::Guard))
        .collect();
    criterion.bench_function("signal/300", |bench| {
        bench.iter(|| {
            let answer = policy.consult(&snapshot).answer;
            let votes = [Vote { policy: "balanced".into(), weight: 1, shadow: false, answer }];
            let (plan, _, _) = plan(&snapshot, excluded.clone(), &votes, &[], State::default(), &settings);
            let mut victim = plan.victims.into_iter().next().expect("one is chosen");
            assert!(victim.members.iter().all(|member| pids.contains(&member.pid)), "only ours");
            victim.shutdown = vec![Step::Signal { number: SIGWINCH, wait_ms: 5_000 }];
            let mut actuator = Actuator::new(LiveKernel::new("/proc".into()), std::process::id(), false);
            let seen = Observation { now_ms: 0, alive: &victim.members, time_left_ms: None, enclosure: None };
            let due = Escalation::new(&victim, &caps, 0).advance(&seen);
            let Some(Due::Signals(orders)) = due else { panic!("no process is signalled: {due:?}") };
            let first = orders.first().expect("a process is signalled");
            assert_eq!(actuator.execute(first).outcome, Outcome::Done);
        });
    });
    let pid = ours.0.first().and_then(|child| Pid::from_raw(child.id().try_into().ok()?)).expect("a sleeper");
    criterion.bench_function("kill", |bench| bench.iter(|| kill_process(pid, Signal::WINCH)));
}

fn tick(criterion: &mut Criterion) {
    let sleepers = Sleepers::start(300);
    let policy = balanced();
    let settings = Settings::default();
    let mut sensor = Sensor::new(Root::live(), None).expect("/proc is there");
    let mut snapshot = Snapshot::default();
    let mut scan = |snapshot: &mut Snapshot, boot_ms: u64| {
        sensor.sense(Needs::default(), Now { boot_ms, wall_ms: boot_ms }, snapshot);
    };
    // The others need it, also where a filter leaves out the one that follows.
    scan(&mut snapshot, 0);
    let mut boot_ms = 0;
    criterion.bench_function("sense/300", |bench| {
        bench.iter(|| {
            boot_ms += 2_000;
            scan(&mut snapshot, boot_ms);
        });
    });
    let mut buffer = Vec::with_capacity(16 << 10);
    let pids = snapshot.processes.pids.clone();
    criterion.bench_function("floor/300", |bench| bench.iter(|| floor(&pids, &mut buffer)));
    criterion.bench_function("consult/300", |bench| bench.iter(|| consult(&policy, &snapshot, &settings)));
    first_signal(criterion, &policy, &snapshot, &sleepers);
    drop(sleepers);
    let large = made_up(10_000);
    #[expect(clippy::print_stdout, reason = "a figure, too, and one that no other load changes")]
    {
        println!("consult/10000 takes {} units of fuel", policy.consult(&large).fuel);
    }
    criterion.bench_function("consult/10000", |bench| bench.iter(|| consult(&policy, &large, &settings)));
    let votes =
        [Vote { policy: "balanced".into(), weight: 1, shadow: false, answer: policy.consult(&large).answer }];
    criterion.bench_function("decide/10000", |bench| {
        bench.iter(|| {
            let excluded = exclusions(&large, &settings, &[]);
            black_box(plan(&large, excluded, &votes, &[], State::default(), &settings))
        });
    });
}

criterion_group!(benches, tick);
criterion_main!(benches);
