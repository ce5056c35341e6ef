//! `jettison bench MODULE`: what a consultation takes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use jettison_machines::{Machine, Memcg, Process};
use jettison_model::Cause;
use jettison_tick::clock::Clock;

use super::patience::patient;
use crate::cli;
use crate::config::PolicyConfig;
use crate::failure::{Failure, unwritable};
use crate::policies::Loader;
use crate::snapshot;

/// Consultations for each size of machine.
const TIMES: usize = 100;

pub(crate) fn bench(args: &cli::Bench) -> Result<(), Failure> {
    let modules = std::slice::from_ref(&args.module);
    let configs = PolicyConfig::of_modules(modules, &[], args.policy_config.as_deref());
    let Some(config) = configs.map_err(Failure::Config)?.pop() else { return Ok(()) };
    let limits = patient();
    let loader = Loader::new(limits, Vec::new(), false);
    let failed = |what: String| Failure::Failed(format!("{}: {what}", config.source));
    let policy = loader.load(&config).map_err(|fault| failed(fault.to_string()))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "PROCESSES  MEDIAN MS  WORST MS     FUEL  OF LIMIT").map_err(|error| unwritable(&error))?;
    for count in [100, 1_000, 10_000] {
        let text = jettison_machines::snapshot(&machine(count)).to_string();
        let mut snapshot = snapshot::parse(text.as_bytes()).map_err(failed)?;
        snapshot.request.cause = Cause::Pressure;
        let mut times_us = Vec::with_capacity(TIMES);
        let mut fuel = 0;
        for _ in 0..TIMES {
            let stopwatch = Clock.stopwatch();
            let consultation = policy.consult(&snapshot);
            times_us.push(stopwatch.us());
            fuel = consultation.fuel;
            consultation.answer.map_err(|fault| failed(format!("{count} processes: {fault}")))?;
        }
        times_us.sort_unstable();
        let ms = |at: usize| {
            times_us.get(at).map_or(0.0, |us| std::time::Duration::from_micros(*us).as_secs_f64() * 1e3)
        };
        let (median, worst) = (ms(TIMES / 2), ms(TIMES - 1));
        let permille = fuel.saturating_mul(1000) / limits.fuel.max(1);
        writeln!(
            out,
            "{count:>9}  {median:>9.2}  {worst:>8.2}  {fuel:>7}  {}.{} %",
            permille / 10,
            permille % 10
        )
        .map_err(|error| unwritable(&error))?;
    }
    Ok(())
}

/// Services of fifty processes each, of which a few grow.
fn machine(count: u32) -> Machine {
    let services = count.div_ceil(50);
    let path = |service: u32| format!("/system.slice/service-{service}.service");
    let mut memcgs: BTreeMap<String, Memcg> = (0..services).map(|it| (path(it), Memcg::default())).collect();
    memcgs.extend([("/".into(), Memcg::default()), ("/system.slice".into(), Memcg::default())]);
    let process = |at: u32| Process {
        pid: at + 1,
        parent: if at == 0 { 0 } else { (at / 50 * 50).max(1) },
        comm: format!("worker-{}", at % 200),
        label: String::new(),
        cmd: format!("/usr/bin/worker\0--number\0{at}"),
        memcg: path(at / 50),
        anon: f64::from(at % 97 + 1),
        shm: 0.0,
        memfd: false,
        swap: 0.0,
        file: 1.0,
        age_s: f64::from(at % 5_000),
        grow: if at.is_multiple_of(97) { 5.0 } else { 0.0 },
        hour: Some(0.0),
        taken: if at.is_multiple_of(97) { 60.0 } else { 0.0 },
        births: 0.0,
        adj: 0,
        uid: at % 7,
        threads: 1,
    };
    Machine {
        name: "bench".into(),
        summary: String::new(),
        why: String::new(),
        report: String::new(),
        total: 100.0 * f64::from(count),
        available: f64::from(count),
        swap_total: 0.0,
        swap_free: 0.0,
        full: 900,
        taken_by_nobody: 0.0,
        eased_s: 600.0,
        watched_s: f64::INFINITY,
        right: BTreeSet::new(),
        never: BTreeSet::new(),
        tolerated: BTreeSet::new(),
        may_be_none: true,
        memcgs,
        processes: (0..count).map(process).collect(),
    }
}
