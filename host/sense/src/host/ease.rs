//! When memory was last at ease, and what has gone since then.

use jettison_model::Host;
use jettison_model::column::{UNKNOWN_U64, known_u64};

/// The last look that found available memory above `warn`.
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
        let available_bytes = known_u64(host.memory_available_bytes).filter(|&bytes| bytes > warn_bytes);
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
