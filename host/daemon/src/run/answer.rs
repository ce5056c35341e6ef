//! What the daemon says of itself over the control socket.

use jettison_model::Fault;

use super::daemon::Daemon;
use crate::control::{Answer, Ask, Asked, Held, History, PolicyStatus, Status, Why};
use crate::explain;
use crate::policies::Loaded;

impl Daemon {
    /// Answers, or lets a reload answer once it is over.
    pub(super) fn answer(&mut self, (ask, sender): Asked) {
        let answer = match ask {
            Ask::Status => Answer::Status(Box::new(self.status())),
            Ask::Reload { lift } => {
                if lift {
                    self.core.pipeline.policies.lift_quarantine();
                }
                return self.begin_reload(Some(sender));
            }
            Ask::History => {
                let victims = self.core.history.iter().cloned().collect();
                Answer::History(History { schema: "jettison.history/1".into(), victims })
            }
            Ask::Why { pid } => self.why(pid),
        };
        // One that has gone away does not need to know.
        sender.send(answer).ok();
    }

    fn status(&mut self) -> Status {
        let memory = self.core.pipeline.sensor.probe();
        let (total, available) = memory.map_or((0, 0), |memory| (memory.total_bytes, memory.available_bytes));
        let settings = &self.core.pipeline.settings;
        let thresholds = &settings.thresholds;
        let held = self.core.ledger.held();
        Status {
            schema: "jettison.status/1".into(),
            pid: settings.own_pid,
            mode: if self.core.is_dry { "dry-run".into() } else { "enforce".into() },
            scope: settings.scope.clone(),
            started_at: self.started_at_ms,
            ticks: self.core.ticks,
            tick_us: self.core.tick_us.quantiles().into(),
            late_ms_max: self.late_ms_max,
            cause: self.core.pipeline.snapshot.request.cause.as_str().into(),
            memory_total_bytes: total,
            memory_available_bytes: available,
            warn_bytes: thresholds.warn.of(total),
            act_bytes: thresholds.act.of(total),
            critical_bytes: thresholds.critical.of(total),
            psi_triggers: self.wakers.psi_triggers(),
            memcg_triggers: self.wakers.memcgs(),
            has_kernel_log: self.wakers.has_kernel_log(),
            kernel_kills: self.core.kernel_kills,
            policies: self.core.pipeline.policies.loaded.iter().map(|loaded| self.policy(loaded)).collect(),
            quarantined: self.reloading.quarantined.clone(),
            held: held
                .map(|hold| Held { pid: hold.id.pid, original: hold.original, value: hold.value })
                .collect(),
            underway: self.core.underway.len(),
            last_reload: self.reloading.last.clone(),
        }
    }

    fn why(&self, pid: u32) -> Answer {
        let snapshot = &self.core.pipeline.snapshot;
        let Some(decision) = &self.core.last else {
            return Answer::Refused { why: "there has been no tick yet: ask again in a moment".into() };
        };
        let excluded = decision
            .ranking
            .excluded
            .iter()
            .find(|(row, _)| snapshot.processes.pids.get(*row as usize) == Some(&pid));
        let ranked = explain::ranked(snapshot, decision, pid);
        if ranked.is_none() && excluded.is_none() {
            return Answer::Refused { why: format!("the last tick saw no process {pid}") };
        }
        Answer::Why(Why {
            schema: "jettison.why/1".into(),
            taken_at: snapshot.taken_at_ms,
            cause: snapshot.request.cause.as_str().into(),
            ranked,
            excluded: excluded.map(|(_, reason)| reason.as_str().into()),
        })
    }

    fn policy(&self, loaded: &Loaded) -> PolicyStatus {
        let name = &loaded.config.name;
        let policy = loaded.policy.as_ref().ok();
        let fault =
            loaded.quarantine.as_ref().or(loaded.policy.as_ref().err()).or(loaded.last_fault.as_ref());
        let is_kept = || {
            self.core
                .pipeline
                .state
                .last_good
                .iter()
                .any(|good| good.policy == *name && !good.kept.is_empty())
        };
        let state = match fault {
            Some(Fault::Quarantined { .. }) => "quarantined",
            Some(_) if is_kept() => "last-good",
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
