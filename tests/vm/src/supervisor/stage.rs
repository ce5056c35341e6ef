//! One run: starts every process at its time, watches, and writes down what happens.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jettison_vm_guest::{Cost, Death, Memcg, Process, Report, Scenario};
use rustix::process::Signal;

use crate::beat::{self, BEAT, Gap};
use crate::daemon::{self, STATE};
use crate::kmsg::OomKills;
use crate::machine::{make_again, meminfo_mib, number_after};
use crate::process::{Started, logged, print_log, start, start_and_wait};
use crate::reaper;
use crate::trace::Signals;

/// For the daemon to watch: in an emulated machine it compiles two policies first, which took 15 to 35 s.
const READY: Duration = Duration::from_secs(120);
/// Between two samples of MemAvailable.
const SAMPLE: Duration = Duration::from_millis(500);

/// One run.
pub(crate) struct Stage<'s> {
    scenario: &'s Scenario,
    report: Report,
    signals: Signals,
    oom_kills: OomKills,
    beat: Gap,
    fork: Gap,
    living: Vec<Started>,
    daemon: Option<Child>,
    log: Option<Receiver<String>>,
}

impl<'s> Stage<'s> {
    /// Every process that is to be there before, and then the daemon.
    pub(crate) fn new(name: &str, scenario: &'s Scenario, has_jettison: bool) -> Result<Self> {
        let mut stage = Self {
            scenario,
            report: Report { scenario: name.into(), jettison: has_jettison, ..Report::default() },
            signals: Signals::listen()?,
            oom_kills: OomKills::listen()?,
            beat: beat::beat(),
            fork: beat::fork(),
            living: Vec::new(),
            daemon: None,
            log: None,
        };
        for process in scenario.process.iter().filter(|process| process.start_ms.is_none()) {
            for _ in 0..process.copies {
                stage.living.push(start_and_wait(process)?);
            }
        }
        if has_jettison {
            stage.start_daemon()?;
            if !scenario.with.doctor.is_empty() {
                stage.report.doctor = doctor()?;
            }
        }
        Ok(stage)
    }

    /// Until it is over.
    pub(crate) fn run(mut self) -> Result<Report> {
        let started = Instant::now();
        let mut waiting: Vec<&Process> =
            self.scenario.process.iter().filter(|it| it.start_ms.is_some()).collect();
        let mut stop_at_ms = self.scenario.daemon.stop_at_ms.filter(|_| self.daemon.is_some());
        let mut copy_at_ms = self.scenario.daemon.copy_policy_at_ms.filter(|_| self.daemon.is_some());
        let mut again: Vec<&Memcg> =
            self.scenario.memcg.iter().filter(|memcg| memcg.again_at_ms.is_some()).collect();
        let mut end_ms = self.scenario.seconds * 1000;
        let mut sampled = started;
        self.report.available_min_mib = meminfo_mib("MemAvailable")?;
        loop {
            let now_ms = u64::try_from(started.elapsed().as_millis())?;
            if now_ms >= end_ms {
                break;
            }
            if stop_at_ms.is_some_and(|at| now_ms >= at) {
                self.signal_daemon(Signal::STOP)?;
                stop_at_ms = None;
            }
            if copy_at_ms.is_some_and(|at| now_ms >= at) {
                copy_policy()?;
                copy_at_ms = None;
            }
            for memcg in again.extract_if(.., |memcg| memcg.again_at_ms.is_some_and(|at| now_ms >= at)) {
                make_again(memcg)?;
            }
            self.read_log();
            for process in waiting.extract_if(.., |process| process.start_ms.is_some_and(|at| now_ms >= at)) {
                for _ in 0..process.copies {
                    self.living.push(start(process)?);
                }
            }
            let was_quiet = self.report.deaths.is_empty();
            self.bury(now_ms)?;
            if was_quiet && !self.report.deaths.is_empty() {
                end_ms = end_ms.min(now_ms + self.scenario.settle_ms);
            }
            let available_mib = meminfo_mib("MemAvailable")?;
            self.report.available_min_mib = self.report.available_min_mib.min(available_mib);
            if sampled.elapsed() >= SAMPLE {
                sampled = Instant::now();
                self.report.available_mib.push(available_mib);
                self.signals.note_titles();
            }
            sleep(BEAT);
        }
        self.report.took_ms = end_ms;
        self.finish()
    }

    /// Writes down which of the scenario's processes have ended. A fork bomb ends whole, in one look.
    fn bury(&mut self, at_ms: u64) -> Result<()> {
        for ended in reaper::ended() {
            if Some(ended.pid) == self.daemon.as_ref().map(Child::id) {
                anyhow::bail!("the daemon ended: {:?}", ended.how);
            }
            let named = self.scenario.process.iter().any(|process| process.name == ended.name);
            self.living.retain(|it| it.pid != ended.pid);
            if named {
                let reaper::Ended { pid, name, how } = ended;
                self.report.deaths.push(Death { at_ms, name, pid, how });
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Report> {
        if let Some(daemon) = &self.daemon {
            self.report.daemon = Some(cost(daemon.id())?);
        }
        self.report.sent = self.signals.all();
        self.report.kernel_oom_kills = self.oom_kills.names()?;
        let up = self.living.into_iter().filter(Started::is_up);
        self.report.alive = up.map(|it| it.name).collect();
        self.scenario.process.iter().for_each(print_log);
        let expected = self.scenario.expected(self.report.jettison);
        self.report.logged = logged(expected.log_has.iter().chain(&expected.log_lacks));
        self.report.beat_gap_ms = self.beat.longest_ms();
        self.report.fork_gap_ms = self.fork.longest_ms();
        // One that was stopped answers no more.
        if let Some(daemon) = self.daemon.as_mut().filter(|_| self.scenario.daemon.stop_at_ms.is_none()) {
            self.report.journal_records_lost = Some(daemon::records_lost()?);
            daemon::keep_journal(daemon)?;
        }
        Ok(self.report)
    }

    /// Starts the daemon and waits until it watches.
    fn start_daemon(&mut self) -> Result<()> {
        let mut command = Command::new("/bin/jettison");
        command.args(["run", "--state-dir", STATE]).stderr(Stdio::piped());
        if let Some(config) = &self.scenario.daemon.config {
            std::fs::write("/run/jettison.toml", config).context("/run/jettison.toml")?;
            command.args(["--config", "/run/jettison.toml"]);
        }
        let mut daemon = command.spawn().context("/bin/jettison")?;
        let log = daemon.stderr.take().context("its log")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                println!("LOG {line}");
                // Once it watches, nothing may be left that waits for it.
                sender.send(line).ok();
            }
        });
        self.daemon = Some(daemon);
        wait_for_line(&lines, "is watching")?;
        self.log = Some(lines);
        Ok(())
    }

    fn read_log(&mut self) {
        for line in self.log.iter().flat_map(Receiver::try_iter) {
            for what in self.scenario.with.says.iter().filter(|&what| line.contains(what)) {
                if !self.report.said.contains(what) {
                    self.report.said.push(what.clone());
                }
            }
        }
    }

    fn signal_daemon(&self, signal: Signal) -> Result<()> {
        daemon::send(self.daemon.as_ref().context("no daemon")?, signal)
    }
}

/// Everything that the doctor finds.
fn doctor() -> Result<BTreeMap<String, String>> {
    let diagnosis = daemon::ask("doctor")?;
    let word = |check: &serde_json::Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
    let checks = diagnosis["checks"].as_array().context("no checks")?;
    Ok(checks
        .iter()
        .map(|check| (word(check, "name"), format!("{}: {}", word(check, "status"), word(check, "found"))))
        .collect())
}

/// As an operator does it: written beside it, then renamed.
fn copy_policy() -> Result<()> {
    std::fs::create_dir_all("/run/policies").context("/run/policies")?;
    std::fs::copy("/modules/keep_postgres.wasm", "/run/policies/next").context("the policy")?;
    std::fs::rename("/run/policies/next", "/run/policies/site.wasm").context("the policy")?;
    println!("COPIED");
    Ok(())
}

fn wait_for_line(lines: &Receiver<String>, what: &str) -> Result<()> {
    loop {
        let line =
            lines.recv_timeout(READY).with_context(|| format!("the daemon never said that it {what}"))?;
        if line.contains(what) {
            return Ok(());
        }
    }
}

/// What a process has cost so far (proc_pid_stat(5): fields 14 and 15, in ticks of 10 ms).
fn cost(pid: u32) -> Result<Cost> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the daemon's stat")?;
    let (_, rest) = stat.rsplit_once(") ").context("the daemon's stat")?;
    let ticks = rest.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
    let rollup =
        std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).context("the daemon's smaps_rollup")?;
    let kib = |key: &str| number_after(&rollup, key).unwrap_or_default();
    Ok(Cost { cpu_ms: ticks * 10, rss_kib: kib("Rss"), pss_kib: kib("Pss") })
}
