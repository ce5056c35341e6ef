//! A look at 10,000 sleeping processes while memory is short: by a BPF iterator, and by their files.
//!
//! Both ways take turns, and the figures are medians. Needs root, to create the memcg and to load the
//! program.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "what it measures is time, and it prints it"
)]

use std::process::ExitCode;
use std::time::Instant;

use jettison_model::{Needs, Snapshot};
use jettison_sense::{Now, Root, Sensor};
use jettison_tests::{Memcg, medians, own_cpu, sleepers};

const PROCESSES: usize = 10_000;
const LIMIT_BYTES: u64 = 8 << 30;
const TURNS: usize = 21;
/// Bound of a complete snapshot by the iterator.
const AT_ONCE_MS_MAX: f64 = 10.0;

fn now() -> Now {
    Now { boot_ms: Root::live().uptime_ms().expect("/proc/uptime"), wall_ms: 1 }
}

/// Milliseconds that passed, and of processor time.
fn took(look: impl FnOnce()) -> [f64; 2] {
    let (started, cpu) = (Instant::now(), own_cpu());
    look();
    [started.elapsed(), own_cpu() - cpu].map(|time| time.as_secs_f64() * 1e3)
}

fn main() -> ExitCode {
    let memcg = Memcg::new("at-once", LIMIT_BYTES).expect("a memcg of our own: run as root");
    let _sleepers = sleepers(&memcg, PROCESSES).expect("sleep(1) runs");
    let mut sensor = Sensor::new(Root::live(), None).expect("/proc is there");
    let agreed = sensor.use_bpf(now()).expect("the kernel takes the program");
    println!("{agreed} processes are as in /proc");
    let (mut by_files, mut by_bpf) = (Vec::new(), Vec::new());
    let (needs, mut snapshot) = (Needs::default(), Snapshot::default());
    for _ in 0..TURNS {
        by_files.push(took(|| sensor.sense(needs, now(), &mut snapshot)));
        by_bpf.push(took(|| sensor.whole(needs, now(), &[], &mut snapshot)));
        assert_eq!(sensor.faults_total(), 0, "{:?}", sensor.faults().first());
    }
    let [files, bpf] = [medians(by_files), medians(by_bpf)];
    println!("by files: {:.1} ms, {:.1} ms of processor time", files[0], files[1]);
    println!("by BPF:   {:.1} ms, {:.1} ms of processor time", bpf[0], bpf[1]);
    println!("bound of a look by BPF: {AT_ONCE_MS_MAX} ms; {:.1} times as fast", files[0] / bpf[0]);
    // Not by `exit`, which would leave the sleepers behind.
    if bpf[0] > AT_ONCE_MS_MAX { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
