//! What wakes the loop. An event never kills: it asks for a tick sooner.

use std::fmt::Display;
use std::io::Result;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jettison_tick::KernelKill;
use jettison_tick::clock::{Alarm, Clock};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{AbortHandle, LocalSet, spawn_local};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{debug, error};

use crate::control::{Asked, listen};
use crate::reload::{Job, Prepared, Watcher};

/// Events that may wait unread; the senders wait beyond that.
const QUEUE: usize = 64;

/// Between two reads of a kernel file that is ready all the time.
const PAUSE: Duration = Duration::from_millis(100);

/// Without an event for so long, no file is being changed.
const QUIET: Duration = Duration::from_millis(100);
/// After so many quiet times in a row, a file that is still open for writing is not waited for.
const QUIET_MAX: u32 = 50;

/// Everything that can happen to the daemon.
pub(super) enum Event {
    /// The time that the loop asked for has come.
    Timer,
    /// The kernel saw as much stalling as one of our PSI triggers asks for: the host's, or that of a memcg.
    Psi(Option<Arc<str>>),
    /// Something happened in a watched memcg.
    Memcg,
    /// The kernel's OOM killer took a process.
    KernelKill(KernelKill),
    /// A hook has ended, or the service manager has answered.
    TaskEnded,
    /// A process that is being shut down is gone.
    Exited,
    /// A file of the configuration, or a module, may have changed.
    Files,
    /// SIGHUP: read everything again.
    Hangup,
    /// A reload has been prepared, or refused with what is wrong.
    Reloaded(Box<Prepared>),
    /// A question over the control socket.
    Asked(Asked),
    /// SIGTERM or SIGINT: put everything back and end.
    Stop,
}

/// Collects events from the kernel. Lives inside a [`LocalSet`]: one thread, no locks.
pub(super) struct Events {
    sender: Sender<Event>,
    receiver: Receiver<Event>,
    alarm: Alarm,
    alarm_fd: AsyncFd<OwnedFd>,
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
        let alarm = Clock.alarm()?;
        let alarm_fd = register(alarm.as_fd(), Interest::READABLE)?;
        Ok(Self { sender, receiver, alarm, alarm_fd })
    }

    /// Whenever a file of the kernel's is ready, sends what `take` makes of it, until that is an error: then
    /// there is nothing to wait for any more. A file that is ready all the time is not asked more often than
    /// every [`PAUSE`].
    pub(super) fn listen<E: Display>(
        &self,
        fd: BorrowedFd<'_>,
        interest: Interest,
        mut take: impl FnMut() -> std::result::Result<Vec<Event>, E> + 'static,
    ) -> Result<Watch> {
        let fd = register(fd, interest)?;
        let sender = self.sender.clone();
        let task = spawn_local(async move {
            while let Ok(mut guard) = fd.ready(interest).await {
                guard.clear_ready();
                match take() {
                    Ok(events) => {
                        for event in events {
                            // Fails if the loop is gone.
                            sender.send(event).await.ok();
                        }
                    }
                    Err(error) => {
                        debug!(%error, "the kernel does not wake us for this any more");
                        break;
                    }
                }
                sleep(PAUSE).await;
            }
        });
        Ok(Watch(task.abort_handle()))
    }

    /// Reports once that the process behind a pidfd is gone (pidfd_open(2): it becomes readable).
    pub(super) fn watch(&self, pidfd: BorrowedFd<'_>) -> Result<Watch> {
        let fd = register(pidfd, Interest::READABLE)?;
        let sender = self.sender.clone();
        let task = spawn_local(async move {
            if fd.readable().await.is_ok() {
                // Fails if the loop is gone.
                sender.send(Event::Exited).await.ok();
            }
        });
        Ok(Watch(task.abort_handle()))
    }

    /// Reports changes of files, once it is quiet: a burst is one event, and a slow writer is waited for.
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
                // Events of other files do not make it less quiet.
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
            // Fails if the daemon has stopped meanwhile.
            sender.blocking_send(Event::Reloaded(Box::new(job.run()))).ok();
        };
        std::thread::Builder::new().name("reload".into()).spawn(prepare).map(|_| ())
    }

    /// The next event, at the latest after so many milliseconds.
    ///
    /// The timer is the kernel's own: the one of the runtime wakes up several times on the way to a time that
    /// is far off.
    pub(super) async fn next(&mut self, within_ms: u64) -> Event {
        if let Ok(event) = self.receiver.try_recv() {
            return event;
        }
        if let Err(error) = self.alarm.set(Duration::from_millis(within_ms)) {
            error!(%error, "the timer cannot be set");
        }
        tokio::select! {
            // We hold a sender ourselves, so the channel does not close.
            Some(event) = self.receiver.recv() => event,
            Ok(mut guard) = self.alarm_fd.readable() => {
                guard.clear_ready();
                Event::Timer
            }
        }
    }
}

/// Awaits a duplicate, which keeps the trigger or the process's handle alive by itself.
#[expect(unsafe_code, reason = "what tokio offers to await a descriptor is")]
fn register(fd: BorrowedFd<'_>, interest: Interest) -> Result<AsyncFd<OwnedFd>> {
    let fd = fd.try_clone_to_owned()?;
    // SAFETY: an `OwnedFd` refers to the same open file, and no other, for as long as it lives.
    unsafe { AsyncFd::register_with_interest(fd, interest) }.map_err(Into::into)
}

/// Stops watching when it is dropped.
pub(super) struct Watch(AbortHandle);

impl Watch {
    /// Whether there is nothing to wait for any more.
    pub(super) fn is_over(&self) -> bool {
        self.0.is_finished()
    }
}

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
