//! What the last looks at the machine found, by which the next one may read less.

use jettison_model::Host;

use crate::now::Now;
use crate::parse::loadavg::Tasks;
use crate::process::terms::Depth;

/// How old the values that only a scan reads may be at a glance: names, users, page tables. A tick that may
/// shut down a process is a scan or in focus in any case.
const GLANCES_MS_MAX: u64 = 300_000;

/// The state of the machine at the last scan, and at the last look of any depth.
#[derive(Debug, Default)]
pub(crate) struct Last {
    scanned_at_ms: Option<u64>,
    /// When the processes were listed; `None` if the table is not complete or has rows of the dead.
    pub(crate) tasks: Option<Tasks>,
    /// The same, also where only the processes that started since were added.
    pub(crate) listed: Option<Tasks>,
    total_bytes: u64,
    available_bytes: u64,
}

impl Last {
    pub(crate) fn note(&mut self, depth: Depth, now: Now, tasks: Option<Tasks>, host: &Host) {
        if depth == Depth::Scan {
            self.scanned_at_ms = Some(now.boot_ms);
        }
        self.tasks = tasks.filter(|_| depth != Depth::Focus);
        self.listed = tasks;
        if depth != Depth::Still {
            (self.total_bytes, self.available_bytes) = (host.memory_total_bytes, host.memory_available_bytes);
        }
    }

    /// Whether a glance will do.
    pub(crate) fn is_fresh(&self, now: Now) -> bool {
        self.scanned_at_ms.is_some_and(|at_ms| now.boot_ms.saturating_sub(at_ms) < GLANCES_MS_MAX)
    }

    /// Whether available memory has changed by at most 0.1 % of the total.
    pub(crate) fn has_as_much_left(&self, host: &Host) -> bool {
        host.memory_total_bytes == self.total_bytes
            && host.memory_available_bytes.abs_diff(self.available_bytes) <= self.total_bytes / 1000
    }
}
