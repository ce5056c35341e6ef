//! What memcgs without a process cost a scan: none of them, and 30,000. As root.
//!
//! `cargo bench -p jettison-sense --bench leaves`
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark times, and prints its figures"
)]

#[path = "../tests/kit/flock.rs"]
mod flock;

use std::time::Instant;

use flock::Flock;
use jettison_model::{Needs, Snapshot};
use jettison_sense::{Now, Root, Sensor};
use jettison_tests::Memcg;

const LEAVES: usize = 30_000;
const SCANS: usize = 21;

/// The first scan and the median of those after it, milliseconds.
fn scans(sensor: &mut Sensor) -> (f64, f64) {
    let mut snapshot = Snapshot::default();
    let mut took: Vec<u128> = (0..SCANS)
        .map(|_| {
            let now = Now { boot_ms: Root::live().uptime_ms().unwrap_or_default(), wall_ms: 1 };
            let started = Instant::now();
            sensor.sense(Needs::default(), now, &mut snapshot);
            started.elapsed().as_micros()
        })
        .collect();
    let first = took[0];
    took.sort_unstable();
    let ms = |us: u128| f64::from(u32::try_from(us).unwrap_or(u32::MAX)) / 1_000.0;
    (ms(first), ms(took[SCANS / 2]))
}

fn main() {
    let Ok(memcg) = Memcg::new("bench-leaves", 1 << 30) else {
        return println!("NOT RUN: memcgs without a process: needs root");
    };
    let mut sensor = Sensor::new(Root::live(), None).expect("this host can be sensed");
    let (_, without) = scans(&mut sensor);
    let flock = Flock::new(&memcg, LEAVES);
    let (first, with) = scans(&mut sensor);
    println!("a scan without them          {without:.1} ms");
    println!("with {LEAVES} that have come   {first:.1} ms the first, {with:.1} ms the median after it");
    let (first, with) = scans(&mut Sensor::new(Root::live(), None).expect("this host can be sensed"));
    println!("with {LEAVES} at the start     {first:.1} ms the first, {with:.1} ms the median after it");
    println!("left out                     {}", sensor.memcgs_left_out());
    drop(flock);
}
