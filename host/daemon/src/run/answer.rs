//! What the daemon says of itself over the control socket.

use jettison_model::Fault;
use jettison_model::column::known_u64;
use jettison_tick::clock::Clock;
use jettison_tick::{By, Underway};

use super::daemon::{Daemon, mode};
use super::watchdog::Watchdog;
use crate::control::{Answer, Ask, Asked, Held, History, OnItsWay, Order, Past, PolicyStatus, Status, Why};
use crate::explain;
use crate::journal;
use crate::policies::Loaded;

const NO_TICK: &str = "there has been no tick yet: ask again in a moment";
/// Rows of the order in one answer: a terminal has no more.
const ORDER_MAX: usize = 200;

impl Daemon<'_> {
    /// Answers, or lets a reload answer once it is over.
    pub(super) fn answer(&mut self, (ask, sender): Asked) {
        let answer = match ask {
            Ask::Status => Answer::Status(Box::new(self.status())),
            Ask::Reload { lift } => {
                if lift {
                    self.ticker.policies_mut().lift_quarantine();
                }
                return self.begin_reload(Some(sender));
            }
            Ask::History { dry } => {
                let wanted = self.ticker.history().filter(|past| (past.by == By::DryRun) == dry);
                let victims = wanted.map(|past| Past::from(journal::end(past))).collect();
                Answer::History(History { schema: "jettison.history/1".into(), dry, victims })
            }
            Ask::Metrics => Answer::Metrics { text: self.metrics_text() },
            Ask::Why { pid } => self.why(pid),
            Ask::Order { top } => self.order(top),
        };
        // One that has gone away does not need to know.
        sender.send(answer).ok();
    }

    fn status(&mut self) -> Status {
        let memory = self.ticker.probe();
        let (total, available) = memory.map_or((0, 0), |memory| (memory.total_bytes, memory.available_bytes));
        let (ticker, journal) = (&self.ticker, self.recorder.counts());
        let settings = ticker.pipeline().settings();
        let idle = ticker.last().and_then(|last| last.plan.idle);
        let thresholds = &settings.thresholds;
        Status {
            schema: "jettison.status/1".into(),
            pid: settings.own_pid,
            mode: mode(ticker).into(),
            scope: settings.scope.clone(),
            started_at: self.started_at_ms,
            ticks: ticker.ticks(),
            tick_us: ticker.tick_us().quantiles().into(),
            late_ms_max: self.late_ms_max,
            takeovers: self.watchdog.as_ref().map(Watchdog::takeovers),
            drill: self.drill_problem.clone(),
            log_lines_lost: self.log.lines_lost(),
            journal: self.recorder.directory().map(|directory| directory.display().to_string()),
            journal_records: journal.written,
            journal_bytes: journal.written_bytes,
            journal_records_lost: journal.lost,
            cause: ticker.pipeline().snapshot().request.cause.as_str().into(),
            memory_total_bytes: total,
            memory_available_bytes: available,
            warn_bytes: thresholds.warn.of(total),
            act_bytes: thresholds.act.of(total),
            critical_bytes: thresholds.critical.of(total),
            psi_triggers: self.triggers.psi_triggers(),
            memcg_triggers: self.triggers.memcgs(),
            memcgs_left_out: ticker.pipeline().sensor().memcgs_left_out(),
            has_kernel_log: self.triggers.has_kernel_log(),
            kernel_kills: ticker.kernel_kills(),
            policies: ticker.pipeline().policies().loaded.iter().map(|loaded| self.policy(loaded)).collect(),
            quarantined: self.reloading.quarantined.clone(),
            held: ticker
                .held()
                .map(|hold| Held { pid: hold.id.pid, original: hold.original, value: hold.value })
                .collect(),
            underway: ticker.underway().len(),
            outcome: idle.map(|idle| idle.as_str().into()),
            idle: idle.map(|idle| idle.to_string()),
            last_reload: self.reloading.last.clone(),
        }
    }

    fn why(&self, pid: u32) -> Answer {
        let snapshot = self.ticker.pipeline().snapshot();
        let Some(decision) = self.ticker.last() else {
            return Answer::Refused { why: NO_TICK.into() };
        };
        let row = snapshot.processes.pids.binary_search(&pid).ok();
        let excluded = decision.ranking.excluded.iter().find(|&&(at, _)| row == Some(at as usize));
        let passed = self.ticker.pipeline().passed(decision);
        let ranked = explain::ranked(snapshot, decision, &passed, pid);
        if ranked.is_none() && excluded.is_none() {
            return Answer::Refused { why: format!("the last tick saw no process {pid}") };
        }
        Answer::Why(Why {
            schema: "jettison.why/1".into(),
            taken_at: snapshot.taken_at_ms,
            cause: snapshot.request.cause.as_str().into(),
            uid: row.and_then(|row| snapshot.processes.uid(row)),
            user: None,
            ranked,
            excluded: excluded.map(|(_, reason)| reason.as_str().into()),
        })
    }

    fn order(&self, top: usize) -> Answer {
        let (pipeline, Some(decision)) = (self.ticker.pipeline(), self.ticker.last()) else {
            return Answer::Refused { why: NO_TICK.into() };
        };
        let snapshot = pipeline.snapshot();
        let now_ms = Clock.now().boot_ms;
        let on_its_way = |victim: &Underway| OnItsWay {
            pid: victim.victim().root.pid,
            comm: String::from_utf8_lossy(&victim.victim().comm).into_owned(),
            members: victim.members().len(),
            policy: victim.victim().policy.clone(),
            reason: victim.victim().reason.clone(),
            predicted_relief_bytes: victim.victim().predicted_relief_bytes,
            age_ms: victim.age_ms(now_ms),
            steps: victim.done().to_vec(),
        };
        let host = &snapshot.host;
        Answer::Order(Box::new(Order {
            schema: "jettison.order/1".into(),
            taken_at: snapshot.taken_at_ms,
            swap_total_bytes: host.swap_total_bytes,
            swap_free_bytes: host.swap_free_bytes,
            some_avg10: explain::percent(host.memory_pressure_some_avg10),
            full_avg10: explain::percent(host.memory_pressure_full_avg10),
            exhaustion_ms: known_u64(host.trend.memory_exhaustion_ms),
            ranked: decision.ranking.order.len(),
            ranking: explain::first(snapshot, decision, &pipeline.passed(decision), top.min(ORDER_MAX)),
            underway: self.ticker.underway().iter().map(on_its_way).collect(),
        }))
    }

    fn policy(&self, loaded: &Loaded) -> PolicyStatus {
        let name = &loaded.config.name;
        let policy = loaded.policy.as_ref().ok();
        let fault =
            loaded.quarantine.as_ref().or(loaded.policy.as_ref().err()).or(loaded.last_fault.as_ref());
        let state = match fault {
            Some(Fault::Quarantined { .. }) => "quarantined",
            Some(_) if self.ticker.pipeline().has_last_good(name) => "last-good",
            Some(_) => "fault",
            None if loaded.config.shadow => "shadow",
            None => "active",
        };
        PolicyStatus {
            name: name.clone(),
            version: policy.map(|policy| policy.version().into()),
            digest: policy.map(|policy| policy.digest().into()),
            source: loaded.config.source.to_string(),
            loaded_at: loaded.loaded_at_ms,
            state: state.into(),
            fault: fault.map(ToString::to_string),
            consultations: loaded.stats.consultations,
            faults: loaded.stats.faults,
            would_differ: loaded.stats.would_differ,
            fuel: loaded.stats.fuel().into(),
            us: loaded.stats.us().into(),
        }
    }
}
