//! What the host offers: one uniform table of functions, each a value or a column of the snapshot.
//!
//! Documented in `wit/*.wit`, in the same order.

use std::sync::Arc;

use jettison_model::Snapshot;
use wasmtime::Result;
use wasmtime::component::{Linker, WasmStr};

use crate::guest::Guest;
use crate::offer::{Caller, FUEL_PER_LOG_LINE, Offer, burn, charge};

/// All functions, for any policy.
pub(crate) struct Imports {
    pub(crate) linker: Linker<Guest>,
    /// As `interface.function`.
    pub(crate) names: Vec<String>,
}

impl Imports {
    pub(crate) fn new(engine: &wasmtime::Engine) -> Result<Self> {
        let mut linker = Linker::new(engine);
        let mut names = Vec::new();
        let mut offer = |interface, rows, fill: fn(&mut Offer<'_>) -> Result<()>| {
            fill(&mut Offer::new(&mut linker, interface, rows, &mut names)?)
        };
        let (no_rows, process_rows, memcg_rows): (Rows, Rows, Rows) =
            (|_| 0, |s| s.processes.len(), |s| s.memcgs.len());
        offer("request", no_rows, request)?;
        offer("host", no_rows, host)?;
        offer("processes", process_rows, processes)?;
        offer("memcgs", memcg_rows, memcgs)?;
        offer("details", process_rows, details)?;
        offer("log", no_rows, log)?;
        Ok(Self { linker, names })
    }
}

/// How many values the columns of an interface have.
type Rows = fn(&Snapshot) -> usize;

fn request(to: &mut Offer<'_>) -> Result<()> {
    to.value("cause", |s| s.request.cause as u32)?;
    to.value("cause-memcg", |s| s.request.cause_memcg)?;
    to.value("deficit-bytes", |s| s.request.deficit_bytes)?;
    to.function("config", |mut caller: Caller<'_>, (): ()| {
        let config = Arc::clone(&caller.data().config);
        charge(&mut caller, config.len())?;
        Ok((config,))
    })
}

fn host(to: &mut Offer<'_>) -> Result<()> {
    to.value("memory-total-bytes", |s| s.host.memory_total_bytes)?;
    to.value("memory-available-bytes", |s| s.host.memory_available_bytes)?;
    to.value("swap-total-bytes", |s| s.host.swap_total_bytes)?;
    to.value("swap-free-bytes", |s| s.host.swap_free_bytes)?;
    to.value("memory-pressure-some-avg10", |s| s.host.memory_pressure_some_avg10)?;
    to.value("memory-pressure-full-avg10", |s| s.host.memory_pressure_full_avg10)?;
    to.value("io-pressure-some-avg10", |s| s.host.io_pressure_some_avg10)?;
    to.value("io-pressure-full-avg10", |s| s.host.io_pressure_full_avg10)?;
    to.value("cpu-pressure-some-avg10", |s| s.host.cpu_pressure_some_avg10)?;
    to.value("memory-free-bytes", |s| s.host.memory_free_bytes)?;
    to.value("watermark-min-bytes", |s| s.host.watermark_min_bytes)?;
    to.value("watermark-low-bytes", |s| s.host.watermark_low_bytes)?;
    to.value("watermark-high-bytes", |s| s.host.watermark_high_bytes)?;
    to.value("zswap-bytes", |s| s.host.zswap_bytes)?;
    to.value("zswapped-bytes", |s| s.host.zswapped_bytes)?;
    to.value("oom-kills", |s| s.host.oom_kills)?;
    to.value("refault-anon-bytes-per-s", |s| s.host.trend.refault_anon_bytes_per_s)?;
    to.value("refault-file-bytes-per-s", |s| s.host.trend.refault_file_bytes_per_s)?;
    to.value("swap-in-bytes-per-s", |s| s.host.trend.swap_in_bytes_per_s)?;
    to.value("swap-out-bytes-per-s", |s| s.host.trend.swap_out_bytes_per_s)?;
    to.value("major-faults-per-s", |s| s.host.trend.major_faults_per_s)?;
    to.value("allocation-stalls-per-s", |s| s.host.trend.allocation_stalls_per_s)?;
    to.value("memory-stall-some-us-per-s", |s| s.host.trend.memory_stall_some_us_per_s)?;
    to.value("memory-stall-full-us-per-s", |s| s.host.trend.memory_stall_full_us_per_s)?;
    to.value("memory-exhaustion-ms", |s| s.host.trend.memory_exhaustion_ms)?;
    to.value("now-ms", |s| s.now_ms)
}

fn processes(to: &mut Offer<'_>) -> Result<()> {
    to.value("count", |s| count(s.processes.len()))?;
    to.column("pids", |s| &s.processes.pids)?;
    to.column("parents", |s| &s.processes.parents)?;
    to.column("memcgs", |s| &s.processes.memcgs)?;
    to.text("comms", |s| &s.processes.comms)?;
    to.column("flags", |s| &s.processes.flags)?;
    to.column("uids", |s| &s.processes.uids)?;
    to.column("threads", |s| &s.processes.threads)?;
    to.column("ages-ms", |s| &s.processes.ages_ms)?;
    to.column("rss-anon-bytes", |s| &s.processes.rss_anon_bytes)?;
    to.column("rss-file-bytes", |s| &s.processes.rss_file_bytes)?;
    to.column("rss-shmem-bytes", |s| &s.processes.rss_shmem_bytes)?;
    to.column("swap-bytes", |s| &s.processes.swap_bytes)?;
    to.column("page-table-bytes", |s| &s.processes.page_table_bytes)?;
    to.column("growth-bytes-per-s", |s| &s.processes.growth_bytes_per_s)?;
    to.column("oom-score-adjs", |s| &s.processes.oom_score_adjs)
}

fn details(to: &mut Offer<'_>) -> Result<()> {
    to.text("cmdlines", |s| &s.processes.cmdlines)?;
    to.text("exes", |s| &s.processes.exes)?;
    to.column("pss-bytes", |s| &s.processes.pss_bytes)
}

fn memcgs(to: &mut Offer<'_>) -> Result<()> {
    to.value("count", |s| count(s.memcgs.len()))?;
    to.text("paths", |s| &s.memcgs.paths)?;
    to.column("parents", |s| &s.memcgs.parents)?;
    to.column("current-bytes", |s| &s.memcgs.current_bytes)?;
    to.column("min-bytes", |s| &s.memcgs.min_bytes)?;
    to.column("low-bytes", |s| &s.memcgs.low_bytes)?;
    to.column("high-bytes", |s| &s.memcgs.high_bytes)?;
    to.column("max-bytes", |s| &s.memcgs.max_bytes)?;
    to.column("swap-bytes", |s| &s.memcgs.swap_bytes)?;
    to.column("anon-bytes", |s| &s.memcgs.anon_bytes)?;
    to.column("file-bytes", |s| &s.memcgs.file_bytes)?;
    to.column("shmem-bytes", |s| &s.memcgs.shmem_bytes)?;
    to.column("pressures-some-avg10", |s| &s.memcgs.pressures_some_avg10)?;
    to.column("max-events", |s| &s.memcgs.max_events)?;
    to.column("oom-kills", |s| &s.memcgs.oom_kills)?;
    to.text("units", |s| &s.memcgs.units)?;
    to.column("flags", |s| &s.memcgs.flags)?;
    to.column("growth-bytes-per-s", |s| &s.memcgs.growth_bytes_per_s)?;
    to.column("refaults-anon", |s| &s.memcgs.refaults_anon)?;
    to.column("refaults-file", |s| &s.memcgs.refaults_file)?;
    to.column("refaults-per-s", |s| &s.memcgs.refaults_per_s)?;
    to.text("container-ids", |s| &s.memcgs.container_ids)?;
    to.column("container-runtimes", |s| &s.memcgs.container_runtimes)?;
    to.text("pod-uids", |s| &s.memcgs.pod_uids)?;
    to.column("pod-qos-classes", |s| &s.memcgs.pod_qos_classes)
}

fn log(to: &mut Offer<'_>) -> Result<()> {
    to.function("emit", |mut caller: Caller<'_>, (level, message): (u32, WasmStr)| {
        let message = message.to_str(&caller)?.into_owned();
        charge(&mut caller, message.len())?;
        burn(&mut caller, FUEL_PER_LOG_LINE)?;
        caller.data_mut().emit(level, &message);
        Ok(())
    })
}

fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}
