//! Helpers take the steps that need user space: hooks, and systemd.
//!
//! A task is handed over and never waited for. Each helper has a thread of its own, since starting a program
//! or asking over a bus can take long on a host that is out of memory.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::Duration;

use rustix::io::Errno;

use crate::hooks::{HookCommand, Hooks};
use crate::prekill::Prekill;
use crate::reclaim::Reclaimer;
use crate::systemd::{ManagerAddress, ServiceManager};
use crate::task::{EndReceiver, Ended, Task, TaskId, ends};

/// Connecting to systemd, asking it and its answer take no longer.
const MANAGER_LIMIT: Duration = Duration::from_secs(2);

/// What carries tasks out: the helpers of this host, or scripted ones.
pub trait Helpers {
    /// Replaces the hooks, by name.
    fn set_hooks(&mut self, hooks: BTreeMap<String, HookCommand>);
    /// Hands a task over. Its end comes with [`Helpers::take_ended`].
    fn start(&mut self, id: TaskId, task: Task);
    /// Tasks that have ended since the last call.
    fn take_ended(&mut self) -> Vec<Ended>;
    /// Becomes readable when a task has ended.
    fn wake_up(&self) -> Option<BorrowedFd<'_>>;
}

/// The helpers of this host.
#[derive(Debug)]
pub struct LiveHelpers {
    hooks: Hooks,
    manager: ServiceManager,
    reclaimer: Reclaimer,
    prekill: Prekill,
    ends: EndReceiver,
}

/// Where a host offers what helpers need.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Where procfs is mounted.
    pub proc: PathBuf,
    /// Where systemd can be asked, the best first.
    pub managers: Vec<ManagerAddress>,
    /// Where the memory hierarchy is mounted, if there is one.
    pub memcgs: Option<PathBuf>,
    /// The sockets of programs that want to be told before a memcg is ended (oomd.conf(5)).
    pub prekill_hooks: PathBuf,
}

impl LiveHelpers {
    /// Nothing is started before it is needed.
    ///
    /// # Errors
    /// As eventfd(2) has them.
    pub fn new(places: Places) -> Result<Self, Errno> {
        let Places { proc, managers, memcgs, prekill_hooks } = places;
        let (sender, ends) = ends()?;
        Ok(Self {
            hooks: Hooks::new(&proc, sender.clone()),
            manager: ServiceManager::new(managers, MANAGER_LIMIT, sender.clone()),
            reclaimer: Reclaimer::new(memcgs, sender.clone()),
            prekill: Prekill::new(prekill_hooks, sender),
            ends,
        })
    }
}

impl Helpers for LiveHelpers {
    fn set_hooks(&mut self, hooks: BTreeMap<String, HookCommand>) {
        self.hooks.replace(hooks);
    }

    fn start(&mut self, id: TaskId, task: Task) {
        match task {
            Task::Hook { name, facts } => self.hooks.start(id, name, facts),
            Task::StopUnit { service_unit } => self.manager.stop(id, service_unit),
            Task::Reclaim { memcg, bytes } => self.reclaimer.start(id, memcg, bytes),
            Task::Prekill { memcg } => self.prekill.start(id, memcg),
        }
    }

    fn take_ended(&mut self) -> Vec<Ended> {
        self.ends.take()
    }

    fn wake_up(&self) -> Option<BorrowedFd<'_>> {
        Some(self.ends.as_fd())
    }
}
