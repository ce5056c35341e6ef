//! Tasks for helpers, and the queue on which their ends come back.
//!
//! ```text
//! loop ── Task ─▶ helper's thread ── EndSender ─▶ queue of Ended ─▶ EndReceiver ── loop
//!                                    └─▶ eventfd, which wakes the loop
//! ```

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

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
    /// Have systemd stop a service unit.
    StopUnit {
        /// Its full name, as in `postgresql@16-main.service`.
        service_unit: String,
    },
    /// Have the kernel reclaim from a memcg.
    Reclaim {
        /// Its path, as in `/system.slice/backup.service`.
        memcg: Vec<u8>,
        /// How much.
        bytes: u64,
    },
    /// Tell the programs that have registered for it that a memcg is about to be ended.
    Prekill {
        /// Its path.
        memcg: Vec<u8>,
    },
}

/// A task that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub id: TaskId,
    /// Why it failed, for people: it could not be started, was refused, exited with an error, or took too
    /// long.
    pub result: Result<(), String>,
    /// How much less the memcg holds, of a task that reclaims.
    pub freed_bytes: u64,
}

/// The loop's side of the queue.
#[derive(Debug)]
pub(crate) struct EndReceiver {
    receiver: Receiver<Ended>,
    wake_up: Arc<OwnedFd>,
}

/// The side of a helper's thread.
#[derive(Clone, Debug)]
pub(crate) struct EndSender {
    sender: Sender<Ended>,
    wake_up: Arc<OwnedFd>,
}

/// A queue of ended tasks.
///
/// # Errors
/// As eventfd(2) has them.
pub(crate) fn ends() -> Result<(EndSender, EndReceiver), Errno> {
    let wake_up = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let (sender, receiver) = channel();
    Ok((EndSender { sender, wake_up: Arc::clone(&wake_up) }, EndReceiver { receiver, wake_up }))
}

impl EndSender {
    /// Reports how a task ended. A loop that is gone needs no report.
    pub(crate) fn send(&self, id: TaskId, result: Result<(), String>) {
        self.send_ended(Ended { id, result, freed_bytes: 0 });
    }

    /// Likewise, of a task that reclaims.
    pub(crate) fn send_freed(&self, id: TaskId, freed: Result<u64, String>) {
        let freed_bytes = *freed.as_ref().unwrap_or(&0);
        self.send_ended(Ended { id, result: freed.map(|_| ()), freed_bytes });
    }

    fn send_ended(&self, ended: Ended) {
        if self.sender.send(ended).is_ok() {
            // A full counter wakes the loop as a counter of 1 does.
            rustix::io::write(&self.wake_up, &1_u64.to_ne_bytes()).ok();
        }
    }
}

impl EndReceiver {
    /// What has ended since the last call.
    pub(crate) fn take(&self) -> Vec<Ended> {
        // Fails with EAGAIN if the counter is 0.
        rustix::io::read(&self.wake_up, &mut [0; 8]).ok();
        self.receiver.try_iter().collect()
    }
}

impl AsFd for EndReceiver {
    /// Readable when something has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake_up.as_fd()
    }
}
