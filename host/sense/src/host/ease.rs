//! When memory was last at ease, and what has gone since then.

use jettison_model::Host;
use jettison_model::column::{UNKNOWN_U64, known_u64};

/// The last look that found available memory above `warn`, and no task stalled.
#[derive(Debug, Default)]
pub(crate) struct Ease {
    last: Option<Eased>,
}

#[derive(Clone, Copy, Debug)]
struct Eased {
    at_ms: u64,
    total_bytes: u64,
    available_bytes: u64,
}

impl Ease {
    /// Looks at the memory of a snapshot. Returns whether it is at ease. What cannot be read is not.
    pub(crate) fn look(&mut self, now_ms: u64, host: &Host, warn_bytes: u64) -> bool {
        let available_bytes =
            known_u64(host.memory_available_bytes).filter(|&bytes| bytes > warn_bytes && !is_stalled(host));
        if let Some(available_bytes) = available_bytes {
            self.last = Some(Eased { at_ms: now_ms, total_bytes: host.memory_total_bytes, available_bytes });
        }
        available_bytes.is_some()
    }

    /// Fills what has gone since then, of which processes have taken `by_processes_bytes`. Unknown where the
    /// memory is not the same: a scope was removed, or has another limit.
    pub(crate) fn fill(&self, now_ms: u64, by_processes_bytes: u64, host: &mut Host) {
        host.eased_ms_ago = self.last.map_or(UNKNOWN_U64, |eased| now_ms.saturating_sub(eased.at_ms));
        let same = self.last.filter(|eased| eased.total_bytes == host.memory_total_bytes);
        let taken = same.zip(known_u64(host.memory_available_bytes));
        let taken = taken.map(|(eased, available)| eased.available_bytes.saturating_sub(available));
        host.taken_bytes = taken.unwrap_or(UNKNOWN_U64);
        let unexplained = taken.map(|taken| taken.saturating_sub(by_processes_bytes));
        host.taken_by_nobody_bytes = unexplained.unwrap_or(UNKNOWN_U64);
    }
}

/// All tasks stall on memory for so much of a second.
const STALLED_US_PER_S: u64 = 100_000;

/// Whether tasks stall on the host's memory, however much is called available. Tasks that stall at the limit
/// of their own memcg leave memory free.
fn is_stalled(host: &Host) -> bool {
    let stalls = [host.trend.memory_stall_full_us_per_s, host.trend.memory_stall_full_10s_us_per_s];
    host.is_reclaimed_from()
        && stalls.into_iter().filter_map(known_u64).any(|stall| stall >= STALLED_US_PER_S)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jettison_model::Trend;

    fn host(free: u64, now_us: u64, over_10_s_us: u64) -> Host {
        let trend = Trend {
            memory_stall_full_us_per_s: now_us,
            memory_stall_full_10s_us_per_s: over_10_s_us,
            ..Trend::UNKNOWN
        };
        Host {
            memory_total_bytes: 1_000,
            memory_available_bytes: 500,
            memory_free_bytes: free,
            trend,
            ..Host::default()
        }
    }

    #[test]
    fn memory_on_which_all_tasks_stall_is_not_at_ease() {
        let is_at_ease = |host: Host| Ease::default().look(1, &host, 150);
        assert!(is_at_ease(host(40, UNKNOWN_U64, UNKNOWN_U64)), "not known to stall");
        assert!(is_at_ease(host(40, 99_999, 99_999)));
        assert!(!is_at_ease(host(40, 100_000, 0)));
        assert!(!is_at_ease(host(40, 0, 100_000)), "a moment of peace is not ease");
        assert!(is_at_ease(host(400, 500_000, 500_000)), "in a memcg of their own");
    }

    #[test]
    fn what_was_taken_counts_from_before_the_stall() {
        let mut ease = Ease::default();
        ease.look(1_000, &Host { memory_available_bytes: 800, ..host(300, 0, 0) }, 150);
        let mut stalled = host(20, 600_000, 300_000);
        ease.look(5_000, &stalled, 150);
        ease.fill(5_000, 250, &mut stalled);
        assert_eq!(
            (stalled.eased_ms_ago, stalled.taken_bytes, stalled.taken_by_nobody_bytes),
            (4_000, 300, 50)
        );
    }
}
