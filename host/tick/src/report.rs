//! What changed from tick to tick, for the log.

use std::collections::BTreeMap;

use jettison_model::column::UNKNOWN_U64;
use jettison_model::{Cause, Idle, Snapshot};
use jettison_sense::survey::Holder;
use tracing::{error, info};

use crate::events;
use crate::log;
use crate::pipeline::Decision;

/// What the log has said already.
#[derive(Debug, Default)]
pub(crate) struct Reporter {
    /// The kind of fault, by policy.
    last_faults: BTreeMap<String, &'static str>,
    /// Why no victim was named, as it was last said.
    last_idle: Option<Idle>,
    /// The last that was said of nothing being worth its end, in this episode.
    last_hopeless: Option<Idle>,
    /// In this episode of short memory.
    has_said_unexplained: bool,
}

impl Reporter {
    /// Logs, once in each episode of short memory, what holds the memory that no process has taken, if that
    /// is half of what is missing or more.
    pub(crate) fn unexplained(&mut self, snapshot: &Snapshot, holders: impl FnOnce() -> Vec<Holder>) {
        let host = &snapshot.host;
        if host.eased_ms_ago == 0 {
            self.has_said_unexplained = false;
        }
        let is_short = matches!(snapshot.request.cause, Cause::Pressure | Cause::Critical);
        let is_known = host.taken_bytes != UNKNOWN_U64 && host.taken_bytes > 0;
        let is_half = host.taken_by_nobody_bytes >= host.taken_bytes.div_ceil(2);
        if is_short && is_known && is_half && !self.has_said_unexplained {
            self.has_said_unexplained = true;
            log::unexplained(host, &holders());
        }
    }

    /// Logs what policies say, faults that came or went, and why an armed tick names no victim.
    pub(crate) fn decision(&mut self, snapshot: &Snapshot, decision: &Decision) {
        for (vote, consulted) in decision.votes.iter().zip(&decision.consulted) {
            for line in &consulted.log {
                info!(policy = %vote.policy, level = line.level, message = %line.message, "policy says");
            }
            let kind = vote.answer.as_ref().err().map(|fault| fault.kind());
            let before = match kind {
                Some(kind) => self.last_faults.insert(vote.policy.clone(), kind),
                None => self.last_faults.remove(&vote.policy),
            };
            match (&vote.answer, before) {
                (Err(fault), before) if before != kind => {
                    let is_builtin = decision.ranking.is_builtin;
                    error!(policy = %vote.policy, fault = fault.kind(), is_builtin, "policy {fault}");
                }
                (Ok(_), Some(_)) => info!(policy = %vote.policy, "policy is well again"),
                _ => {}
            }
        }
        let cause = snapshot.request.cause;
        if let Some(reason) = decision.plan.idle.filter(|_| self.is_news(decision.plan.idle, cause)) {
            let (cause, outcome) = (cause.as_str(), reason.as_str());
            if matches!(reason, Idle::NotWorthIt { .. }) {
                info!(name: events::NOTHING_WORTH_IT, cause, outcome, %reason, "no victim is named");
            } else {
                info!(cause, outcome, %reason, "no victim is named");
            }
        }
    }

    /// Whether the reason for no victim is to be said. That nothing is worth ending is said once until a
    /// routine tick, and again when its numbers change by much; another reason when it is not that of the
    /// tick before.
    fn is_news(&mut self, idle: Option<Idle>, cause: Cause) -> bool {
        let last = std::mem::replace(&mut self.last_idle, idle);
        if cause == Cause::Routine {
            self.last_hopeless = None;
        }
        let is_news = match (idle, self.last_hopeless) {
            (None, _) => false,
            (Some(idle @ Idle::NotWorthIt { .. }), Some(said)) => differs_by_much(said, idle),
            (Some(Idle::NotWorthIt { .. }), None) => true,
            (Some(idle), _) => last.map(Idle::as_str) != Some(idle.as_str()),
        };
        if is_news && matches!(idle, Some(Idle::NotWorthIt { .. })) {
            self.last_hopeless = idle;
        }
        is_news
    }
}

/// Whether what is needed has changed by half, or what is within reach or protected by a quarter of that.
fn differs_by_much(said: Idle, now: Idle) -> bool {
    let numbers = |idle| match idle {
        Idle::NotWorthIt { reachable_bytes, needed_bytes, protected_bytes } => {
            [needed_bytes, reachable_bytes, protected_bytes]
        }
        Idle::OnTheWay | Idle::CoolingDown | Idle::KillsPerMinute => [0; 3],
    };
    let ([needed, reachable, protected], [needed_now, reachable_now, protected_now]) =
        (numbers(said), numbers(now));
    needed.abs_diff(needed_now) > needed / 2
        || reachable.abs_diff(reachable_now) > needed / 4
        || protected.abs_diff(protected_now) > (protected / 2).max(needed / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hopeless(reachable_mib: u64, needed_mib: u64) -> Option<Idle> {
        let [reachable_bytes, needed_bytes] = [reachable_mib, needed_mib].map(|mib| mib << 20);
        Some(Idle::NotWorthIt { reachable_bytes, needed_bytes, protected_bytes: 0 })
    }

    #[test]
    fn nothing_worth_ending_is_said_once_and_again_when_the_numbers_change_by_much() {
        let mut reporter = Reporter::default();
        let mut says = |idle, cause| reporter.is_news(idle, cause);
        assert!(says(hopeless(5, 290), Cause::Pressure));
        assert!(!says(hopeless(7, 300), Cause::Pressure));
        assert!(!says(None, Cause::Warning));
        assert!(!says(hopeless(7, 310), Cause::Pressure), "the same episode");
        assert!(says(hopeless(7, 600), Cause::Critical));
        assert!(says(hopeless(200, 600), Cause::Critical));
        assert!(!says(None, Cause::Routine));
        assert!(says(hopeless(200, 600), Cause::Pressure), "the next one");
    }

    #[test]
    fn another_reason_is_said_when_it_is_not_that_of_the_tick_before() {
        let mut reporter = Reporter::default();
        let mut says = |idle| reporter.is_news(idle, Cause::Pressure);
        assert!(says(Some(Idle::OnTheWay)));
        assert!(!says(Some(Idle::OnTheWay)));
        assert!(says(Some(Idle::CoolingDown)));
        assert!(says(hopeless(5, 290)));
        assert!(says(Some(Idle::CoolingDown)));
        assert!(!says(hopeless(5, 290)), "it has been said");
    }

    #[test]
    fn what_holds_memory_that_no_process_took_is_said_once_in_each_episode() {
        let mut reporter = Reporter::default();
        let mut reads = 0;
        let mut tick = |cause, eased_ms_ago, taken_bytes, taken_by_nobody_bytes| {
            let mut snapshot = Snapshot::default();
            snapshot.request.cause = cause;
            let host = &mut snapshot.host;
            (host.eased_ms_ago, host.taken_bytes) = (eased_ms_ago, taken_bytes);
            host.taken_by_nobody_bytes = taken_by_nobody_bytes;
            let before = reads;
            reporter.unexplained(&snapshot, || {
                reads += 1;
                Vec::new()
            });
            reads > before
        };
        assert!(!tick(Cause::Routine, 0, 0, 0));
        assert!(!tick(Cause::Warning, 1, 9, 9), "not armed");
        assert!(!tick(Cause::Pressure, 2, 9, 4), "less than half");
        assert!(!tick(Cause::Pressure, 3, UNKNOWN_U64, UNKNOWN_U64));
        assert!(tick(Cause::Critical, 4, 9, 5));
        assert!(!tick(Cause::Critical, 5, 9, 9), "said");
        assert!(!tick(Cause::Routine, 0, 0, 0));
        assert!(tick(Cause::Pressure, 6, 10, 5), "another episode");
    }
}
