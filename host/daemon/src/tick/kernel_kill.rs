//! Whom the kernel's own OOM killer took: what we are here to prevent, hence never passed over in silence.

use jettison_act::Kernel;
use jettison_model::snapshot::flags;
use jettison_model::text::Escaped;
use jettison_sense::Now;
use tracing::{debug, warn};

use super::{Core, remember};
use crate::control::Past;

/// A process that the kernel's OOM killer took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KernelKill {
    /// In the kernel's own pid namespace.
    pub(crate) pid: u32,
    /// Its name, bytes.
    pub(crate) comm: Vec<u8>,
    /// What it held.
    pub(crate) anon_rss_bytes: Option<u64>,
    /// Whether a memcg was full, and not the host.
    pub(crate) is_memcg: bool,
}

impl<S, P, K: Kernel> Core<S, P, K> {
    /// Says it and remembers it, unless it happened outside of our scope.
    pub(crate) fn note_kernel_kill(&mut self, kill: KernelKill, now: Now) {
        let processes = &self.pipeline.snapshot.processes;
        let row = processes.pids.binary_search(&kill.pid).ok();
        let row = row.filter(|&row| processes.comms.get(row) == kill.comm);
        if row.is_some_and(|row| processes.has(row, flags::OUT_OF_SCOPE)) {
            debug!(pid = kill.pid, "the kernel's OOM killer took a process outside of our scope");
            return;
        }
        let KernelKill { pid, comm, anon_rss_bytes, is_memcg } = kill;
        let whose = if is_memcg { "its memcg was full" } else { "the host was out of memory" };
        warn!(pid, comm = %Escaped(&comm), anon_rss_bytes, is_memcg, "the kernel's OOM killer took a process");
        self.kernel_kills += 1;
        let past = Past {
            at: now.wall_ms,
            by: "kernel".into(),
            pid,
            comm: String::from_utf8_lossy(&comm).into_owned(),
            cause: self.pipeline.snapshot.request.cause.as_str().into(),
            unit: "process".into(),
            members: 1,
            policy: "kernel".into(),
            reason: format!("taken by the kernel's OOM killer: {whose}"),
            killed: true,
            steps: Vec::new(),
            took_ms: 0,
            predicted_relief_bytes: 0,
            measured_relief_bytes: anon_rss_bytes.unwrap_or(0),
        };
        remember(&mut self.history, past);
    }
}
