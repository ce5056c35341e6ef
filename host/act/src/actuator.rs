//! Orders into system calls, one process at a time.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

use jettison_model::signal::{SIGCONT, SIGKILL, SIGSTOP};
use jettison_model::{Command, Outcome, ProcessId, Report};
use rustix::io::Errno;

use crate::kernel::{Kernel, outcome};
use crate::stopped::Stopped;

/// Carries out commands and keeps the handles of their processes.
#[derive(Debug)]
pub struct Actuator<K: Kernel> {
    kernel: K,
    own_pid: u32,
    is_dry: bool,
    handles: BTreeMap<ProcessId, K::Handle>,
    stopped: Stopped,
}

impl<K: Kernel> Actuator<K> {
    /// With `is_dry` nothing is written and nothing is signalled, ever.
    pub fn new(kernel: K, own_pid: u32, is_dry: bool) -> Self {
        Self { kernel, own_pid, is_dry, handles: BTreeMap::new(), stopped: Stopped::default() }
    }

    /// Keeps on file which processes it has stopped.
    #[must_use]
    pub fn with_stopped(mut self, stopped: Stopped) -> Self {
        self.stopped = stopped;
        self
    }

    /// Carries out one order. A failure concerns its process alone.
    ///
    /// # Panics
    /// If it is about pid 1 or ourselves: the exclusions have failed, and no signal is better than that one.
    pub fn execute(&mut self, command: &Command) -> Report {
        let id = command.id();
        assert!(id.pid > 1, "an order to signal pid {}", id.pid);
        assert!(id.pid != self.own_pid, "an order to signal ourselves");
        if self.is_dry {
            return Report { id, outcome: Outcome::Dry };
        }
        let result = match command {
            Command::KillMemcg { memcg, .. } => self.kernel.kill_memcg(memcg),
            Command::Signal { number, .. } => {
                self.with(id, |kernel, process| kernel.signal(process, *number))
            }
            Command::Stop { .. } => {
                self.stopped.note(id);
                self.with(id, |kernel, process| kernel.signal(process, SIGSTOP))
            }
            Command::Resume { .. } => {
                let resumed = self.with(id, |kernel, process| kernel.signal(process, SIGCONT));
                self.stopped.forget(id);
                resumed
            }
            Command::Kill { .. } => self.with(id, |kernel, process| kernel.signal(process, SIGKILL)),
            Command::Reap { .. } => self.with(id, K::reap),
        };
        Report { id, outcome: outcome(result) }
    }

    /// Whether a memcg can be killed as one.
    pub fn can_kill_memcg(&self, memcg: &[u8]) -> bool {
        self.kernel.can_kill_memcg(memcg)
    }

    /// The ones that are alive. A process that may not be opened counts as alive.
    pub fn alive(&mut self, ids: &[ProcessId]) -> Vec<ProcessId> {
        let is_alive = |id: &ProcessId| match self.with(*id, |kernel, process| Ok(!kernel.is_gone(process))) {
            Ok(is_alive) => is_alive,
            Err(errno) => !matches!(errno, Errno::SRCH | Errno::NOENT),
        };
        ids.iter().copied().filter(is_alive).collect()
    }

    /// What becomes readable when the process ends.
    pub fn watch(&mut self, id: ProcessId) -> Option<BorrowedFd<'_>> {
        self.with(id, |_, _| Ok(())).ok()?;
        self.kernel.pidfd(self.handles.get(&id)?)
    }

    /// Lets go of the handle.
    pub fn forget(&mut self, id: ProcessId) {
        self.handles.remove(&id);
        self.stopped.forget(id);
    }

    /// What it acts through.
    pub fn kernel(&self) -> &K {
        &self.kernel
    }

    /// What it acts through.
    pub fn kernel_mut(&mut self) -> &mut K {
        &mut self.kernel
    }

    /// Values are held through the same kernel, and in a dry run not at all.
    pub(crate) fn holding(&mut self) -> Option<&mut K> {
        (!self.is_dry).then_some(&mut self.kernel)
    }

    fn with<T>(
        &mut self,
        id: ProcessId,
        call: impl FnOnce(&mut K, &K::Handle) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        if let Some(process) = self.handles.get(&id) {
            return call(&mut self.kernel, process);
        }
        let process = self.kernel.open(id)?;
        let result = call(&mut self.kernel, &process);
        self.handles.insert(id, process);
        result
    }
}
