//! What an armed tick takes among 10,000 sleeping processes, in focus and as a scan, turn by turn.
//!
//! The processes sleep in a memcg of their own. Both default policies are consulted. `act` is set above all
//! memory, so that every tick is armed; plans are made and not carried out. Printed are the medians of look,
//! consultations, and tally and plan, and how many looks in focus could not explain where memory went and
//! became a scan: on a machine that does other work, some do. Needs root, to create the memcg.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "what it measures is time, and it prints it"
)]

mod defaults;

use std::time::Instant;

use jettison_decide::settings::Bound;
use jettison_decide::{Settings, Signals};
use jettison_sense::{Now, Root, Sensor};
use jettison_tests::{Memcg, medians, sleepers};
use jettison_tick::{Depth, Pipeline};

use defaults::Defaults;

const PROCESSES: usize = 10_000;
const LIMIT_BYTES: u64 = 8 << 30;
const TURNS: usize = 31;
/// Bound of an armed tick, milliseconds.
const ARMED_MS_MAX: f64 = 8.0;

/// Milliseconds of look, consultations, and tally and plan.
type Stages = [f64; 3];

fn armed(pipeline: &mut Pipeline<Sensor, Defaults>, boot_ms: u64, is_scan: bool) -> Stages {
    let started = Instant::now();
    let now = Now { boot_ms, wall_ms: boot_ms };
    if is_scan {
        pipeline.scan(now);
        pipeline.gate(&Signals::default());
    } else {
        pipeline.look(now, Depth::Focus, &[], &Signals::default());
    }
    let look_ms = started.elapsed().as_secs_f64() * 1e3;
    let decision = pipeline.decide(Vec::new());
    assert!(pipeline.snapshot().request.cause.is_armed(), "act is above all memory");
    let ms = |us: u64| f64::from(u32::try_from(us).expect("less than an hour")) / 1e3;
    [look_ms, ms(decision.consult_us), ms(decision.decide_us)]
}

fn report(name: &str, [look, consult, decide]: Stages) -> f64 {
    let sum = look + consult + decide;
    println!("{name}: {sum:.1} ms (look {look:.1}, consultations {consult:.1}, tally and plan {decide:.1})");
    sum
}

fn main() {
    let memcg = Memcg::new("armed", LIMIT_BYTES).expect("a memcg of our own: run as root");
    let _sleepers = sleepers(&memcg, PROCESSES).expect("sleep(1) runs");
    let mut settings = Settings::default();
    settings.thresholds.act = Bound { percent: 100, cap_bytes: u64::MAX };
    let sensor = Sensor::new(Root::live(), None).expect("/proc is there");
    let mut pipeline = Pipeline::new(sensor, Defaults::load(), settings);
    let mut boot_ms = Root::live().uptime_ms().expect("/proc/uptime");
    let (mut scans, mut focused) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        boot_ms += 2_000;
        scans.push(armed(&mut pipeline, boot_ms, true));
        boot_ms += 100;
        focused.push(armed(&mut pipeline, boot_ms, false));
    }
    let scan = medians(scans);
    let became_scans = focused.iter().filter(|turn| turn[0] > scan[0] / 2.0).count();
    let whole = report("an armed tick with a scan", scan);
    let quick = report("an armed tick in focus", medians(focused));
    let verdict = if quick <= ARMED_MS_MAX { "within its bound" } else { "ABOVE its bound" };
    println!(
        "in focus, of a scan: {:.2}; bound {ARMED_MS_MAX} ms: {verdict}; {became_scans} of {TURNS} looks became scans; {} processes",
        quick / whole,
        pipeline.snapshot().processes.len()
    );
}
