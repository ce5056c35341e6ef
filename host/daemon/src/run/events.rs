//! What wakes the loop. An event never kills: it asks for a tick sooner.

use std::io::Result;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use jettison_sense::trigger::PsiTrigger;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{AbortHandle, LocalSet, spawn_local};
use tokio::time::{Instant, timeout_at};

use crate::control::{Asked, listen};
use crate::reload::{Job, Prepared, Watcher};

/// Events that may wait unread; the senders wait beyond that.
const QUEUE: usize = 64;

/// Without an event for so long, nobody is in the middle of changing files.
const QUIET: Duration = Duration::from_millis(100);
/// So many quiet times in a row, and a file that is still open for writing is not waited for.
const QUIET_MAX: u32 = 50;

/// Everything that can happen to the daemon.
pub(super) enum Event {
    /// The time that the loop asked for has come.
    Timer,
    /// The kernel saw as much stalling as one of our PSI triggers asks for.
    Psi,
    /// A process that is being shut down is gone.
    Exited,
    /// A file that we are made of may have changed.
    Files,
    /// SIGHUP: read everything again.
    Hangup,
    /// A reload has been prepared, or refused with what is wrong.
    Reloaded(Box<Prepared>),
    /// Somebody asks over the control socket.
    Asked(Asked),
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
        let signals = [
            (SignalKind::terminate(), (|| Event::Stop) as fn() -> Event),
            (SignalKind::interrupt(), || Event::Stop),
            (SignalKind::hangup(), || Event::Hangup),
        ];
        for (kind, event) in signals {
            let mut stream = signal(kind)?;
            let sender = sender.clone();
            spawn_local(async move {
                while stream.recv().await.is_some() && sender.send(event()).await.is_ok() {}
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

    /// Reports changes of files, once it is quiet: a burst is one event, and one who writes slowly is waited for.
    pub(super) fn watch_files(&self, watcher: &Watcher) -> Result<()> {
        let fd = register(watcher.as_fd(), Interest::READABLE)?;
        let sender = self.sender.clone();
        let mut writers = watcher.writers();
        spawn_local(async move {
            let (mut due, mut quiet): (Option<Instant>, u32) = (None, 0);
            loop {
                let ready = match due {
                    Some(due) => timeout_at(due, fd.readable()).await.ok(),
                    None => Some(fd.readable().await),
                };
                match ready {
                    Some(Ok(mut guard)) => {
                        guard.clear_ready();
                        if writers.drain(fd.get_ref().as_fd()) {
                            (due, quiet) = (Some(Instant::now() + QUIET), 0);
                        }
                    }
                    Some(Err(_)) => break,
                    None => {}
                }
                // Others may keep us busy, which is not to say that it is not quiet.
                if due.is_none_or(|due| Instant::now() < due) {
                    continue;
                }
                if writers.is_empty() || quiet >= QUIET_MAX {
                    due = None;
                    if sender.send(Event::Files).await.is_err() {
                        break;
                    }
                } else {
                    (due, quiet) = (Some(Instant::now() + QUIET), quiet + 1);
                }
            }
        });
        Ok(())
    }

    /// Serves the control socket of a state directory.
    pub(super) fn serve(&self, state_dir: &Path) -> Result<()> {
        let sender = self.sender.clone();
        listen(state_dir, move |asked| {
            let sender = sender.clone();
            async move { sender.send(Event::Asked(asked)).await.is_ok() }
        })
    }

    /// Prepares a reload on a thread of its own, so that no tick waits for the compiler.
    pub(super) fn prepare(&self, job: Job) -> Result<()> {
        let sender = self.sender.clone();
        let prepare = move || {
            // Nobody receives if the daemon has stopped meanwhile.
            sender.blocking_send(Event::Reloaded(Box::new(job.run()))).ok();
        };
        std::thread::Builder::new().name("reload".into()).spawn(prepare).map(|_| ())
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
