//! What wakes the loop. An event never kills: it asks for a tick sooner.

use std::io::Result;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use jettison_sense::trigger::PsiTrigger;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{AbortHandle, LocalSet, spawn_local};

/// Events that may wait unread; the senders wait beyond that.
const QUEUE: usize = 64;

/// Everything that can happen to the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The time that the loop asked for has come.
    Timer,
    /// The kernel saw as much stalling as one of our PSI triggers asks for.
    Psi,
    /// A process that is being shut down is gone.
    Exited,
    /// SIGTERM or SIGINT: put everything back and end.
    Stop,
}

/// Collects events from the kernel. Lives inside a [`LocalSet`]: one thread, no locks.
pub(super) struct Events {
    sender: Sender<Event>,
    receiver: Receiver<Event>,
}

impl Events {
    /// Starts to listen for signals.
    pub(super) fn new() -> Result<Self> {
        let (sender, receiver) = channel(QUEUE);
        for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
            let mut stream = signal(kind)?;
            let sender = sender.clone();
            spawn_local(async move {
                while stream.recv().await.is_some() && sender.send(Event::Stop).await.is_ok() {}
            });
        }
        Ok(Self { sender, receiver })
    }

    /// Listens to an armed trigger for as long as the daemon lives.
    pub(super) fn listen(&self, trigger: &PsiTrigger) -> Result<()> {
        let fd = register(trigger.as_fd(), Interest::PRIORITY)?;
        let sender = self.sender.clone();
        spawn_local(async move {
            while let Ok(mut guard) = fd.ready(Interest::PRIORITY).await {
                guard.clear_ready();
                if sender.send(Event::Psi).await.is_err() {
                    break;
                }
            }
        });
        Ok(())
    }

    /// Reports once that the process behind a pidfd is gone (pidfd_open(2): it becomes readable).
    pub(super) fn watch(&self, pidfd: BorrowedFd<'_>) -> Result<Watch> {
        let fd = register(pidfd, Interest::READABLE)?;
        let sender = self.sender.clone();
        let task = spawn_local(async move {
            if fd.readable().await.is_ok() {
                // The loop is gone if nobody receives: nothing is left to be told.
                sender.send(Event::Exited).await.ok();
            }
        });
        Ok(Watch(task.abort_handle()))
    }

    /// The next event, at the latest after so many milliseconds.
    pub(super) async fn next(&mut self, within_ms: u64) -> Event {
        match tokio::time::timeout(Duration::from_millis(within_ms), self.receiver.recv()).await {
            Ok(Some(event)) => event,
            // We hold a sender ourselves, so the channel does not close.
            Ok(None) | Err(_) => Event::Timer,
        }
    }
}

/// Awaits a duplicate, which keeps the trigger or the process's handle alive by itself.
fn register(fd: BorrowedFd<'_>, interest: Interest) -> Result<AsyncFd<OwnedFd>> {
    let fd = fd.try_clone_to_owned()?;
    // SAFETY: an `OwnedFd` refers to the same open file, and no other, for as long as it lives.
    unsafe { AsyncFd::register_with_interest(fd, interest) }.map_err(Into::into)
}

/// Ends its watching when it is dropped.
pub(super) struct Watch(AbortHandle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs a future on this thread, with timers and file descriptors.
pub(super) fn block_on<F: Future>(future: F) -> Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    Ok(LocalSet::new().block_on(&runtime, future))
}
