//! Steps that somebody else in user space takes: hooks, and the service manager.
//!
//! A task is handed over and never waited for: each helper has a thread of its own, since starting a program or asking
//! over a bus can take long on a host that is out of memory. How a task ended is told through a queue and an eventfd
//! that the loop awaits.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use crate::hooks::{HookCommand, Hooks};
use crate::systemd::{ManagerAddress, ServiceManager};

/// Connecting to the service manager, asking it and its answer take no longer.
const MANAGER_LIMIT: Duration = Duration::from_secs(2);

/// Tells one task from all others of this daemon's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskId(pub u64);

/// What is asked of a helper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Run a configured hook.
    Hook {
        /// Its name under `[hooks]`.
        name: String,
        /// Its environment, beside what every hook gets: names and values.
        facts: Vec<(&'static str, Vec<u8>)>,
    },
    /// Have the service manager stop a unit.
    StopUnit {
        /// Its full name, as in `postgresql@16-main.service`.
        unit: String,
    },
}

/// A task that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub id: TaskId,
    /// Why it came to nothing, for people, if it did: it could not be started, was refused, failed, or took too long.
    pub result: Result<(), String>,
}

/// Who takes such steps: those of this host, or scripted ones.
pub trait Helpers {
    /// The hooks that there are, by name, instead of those before.
    fn set_hooks(&mut self, hooks: BTreeMap<String, HookCommand>);
    /// Hands a task over. Whatever becomes of it is told later.
    fn start(&mut self, id: TaskId, task: Task);
    /// What has ended since the last call.
    fn take_ended(&mut self) -> Vec<Ended>;
    /// What becomes readable when something has ended, where there is such a thing.
    fn bell(&self) -> Option<BorrowedFd<'_>>;
}

/// The end of the queue that the loop has.
#[derive(Debug)]
pub(crate) struct Ends {
    receiver: Receiver<Ended>,
    bell: Arc<OwnedFd>,
}

/// The end of the queue that a helper's thread has.
#[derive(Clone, Debug)]
pub(crate) struct Teller {
    sender: Sender<Ended>,
    bell: Arc<OwnedFd>,
}

/// A queue of ended tasks.
///
/// # Errors
/// As eventfd(2) has them.
pub(crate) fn ends() -> Result<(Teller, Ends), Errno> {
    let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let (sender, receiver) = channel();
    Ok((Teller { sender, bell: Arc::clone(&bell) }, Ends { receiver, bell }))
}

impl Teller {
    /// Tells how a task ended. If nobody listens any more, nobody has to know.
    pub(crate) fn tell(&self, id: TaskId, result: Result<(), String>) {
        if self.sender.send(Ended { id, result }).is_ok() {
            // A counter that is full rings as well as one that is 1.
            rustix::io::write(&self.bell, &1_u64.to_ne_bytes()).ok();
        }
    }
}

impl Ends {
    /// What has ended since the last call.
    pub(crate) fn take(&self) -> Vec<Ended> {
        // It need not have rung.
        rustix::io::read(&self.bell, &mut [0; 8]).ok();
        self.receiver.try_iter().collect()
    }
}

impl AsFd for Ends {
    /// Readable when something has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

/// Those of this host.
#[derive(Debug)]
pub struct LiveHelpers {
    hooks: Hooks,
    manager: ServiceManager,
    ends: Ends,
}

impl LiveHelpers {
    /// `proc` is where procfs is mounted, `managers` where the service manager can be asked, the best first. Nothing is
    /// started before it is needed.
    ///
    /// # Errors
    /// As eventfd(2) has them.
    pub fn new(proc: &Path, managers: Vec<ManagerAddress>) -> Result<Self, Errno> {
        let (teller, ends) = ends()?;
        let manager = ServiceManager::new(managers, MANAGER_LIMIT, teller.clone());
        Ok(Self { hooks: Hooks::new(proc, teller), manager, ends })
    }
}

impl Helpers for LiveHelpers {
    fn set_hooks(&mut self, hooks: BTreeMap<String, HookCommand>) {
        self.hooks.replace(hooks);
    }

    fn start(&mut self, id: TaskId, task: Task) {
        match task {
            Task::Hook { name, facts } => self.hooks.start(id, name, facts),
            Task::StopUnit { unit } => self.manager.stop(id, unit),
        }
    }

    fn take_ended(&mut self) -> Vec<Ended> {
        self.ends.take()
    }

    fn bell(&self) -> Option<BorrowedFd<'_>> {
        Some(self.ends.as_fd())
    }
}
