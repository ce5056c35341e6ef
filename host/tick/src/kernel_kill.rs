//! Processes that the kernel's own OOM killer took. Each is logged and remembered, since the daemon is there
//! to prevent that.

use jettison_model::Snapshot;
use jettison_model::snapshot::flags;
use jettison_model::text::Escaped;
use jettison_sense::Now;
use tracing::{debug, warn};

use crate::events;
use crate::history::{By, Past, Place};

/// A process that the kernel's OOM killer took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelKill {
    /// In the kernel's own pid namespace.
    pub pid: u32,
    /// Its name, bytes.
    pub comm: Vec<u8>,
    /// The user that started it, for one that no scan has seen.
    pub uid: Option<u32>,
    /// What it held.
    pub anon_rss_bytes: Option<u64>,
    /// Whether a memcg was full, and not the host.
    pub is_memcg: bool,
}

impl KernelKill {
    /// Logs it. Returns what to remember of it; none if the process was outside of our scope.
    pub(crate) fn note(self, snapshot: &Snapshot, now: Now) -> Option<Past> {
        let processes = &snapshot.processes;
        let row = processes.pids.binary_search(&self.pid).ok();
        let row = row.filter(|&row| processes.comms.get(row) == self.comm);
        if row.is_some_and(|row| processes.has(row, flags::OUT_OF_SCOPE)) {
            debug!(pid = self.pid, "the kernel's OOM killer took a process outside of our scope");
            return None;
        }
        let Self { pid, comm, uid, anon_rss_bytes, is_memcg } = self;
        let domain = if is_memcg { "its memcg was full" } else { "the host was out of memory" };
        warn!(
            name: events::KERNEL_KILL,
            pid,
            comm = %Escaped(&comm),
            anon_rss_bytes,
            is_memcg,
            "the kernel's OOM killer took a process"
        );
        Some(Past {
            at_ms: now.wall_ms,
            by: By::Kernel,
            pid,
            start_time: row.and_then(|row| processes.id(row)).map_or(0, |id| id.start_time),
            comm: String::from_utf8_lossy(&comm).into_owned(),
            uid: row.and_then(|row| processes.uid(row)).or(uid),
            place: row.map(|row| Place::of(snapshot, row)).unwrap_or_default(),
            cause: snapshot.request.cause,
            target: "process",
            members: 1,
            policy: "kernel".into(),
            reason: format!("taken by the kernel's OOM killer: {domain}"),
            was_killed: true,
            is_refused: false,
            is_unanswered: false,
            steps: Vec::new(),
            took_ms: 0,
            predicted_relief_bytes: 0,
            measured_relief_bytes: anon_rss_bytes.unwrap_or(0),
        })
    }
}
