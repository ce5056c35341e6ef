//! The daemon's log: lines on standard error, written by a thread of their own.
//!
//! The event loop never waits for a reader of the log. Lines go into a bounded queue. When it is full, or a
//! write fails, they are dropped and counted. So a pipe that is not read, a journald that restarts and a full
//! disk delay no signal. `tracing-appender` has such a queue, too, but ends by printing to the standard error
//! that is stuck.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait to be written.
const LINES_MAX: usize = 1024;
/// What the end of the daemon waits for the lines that are left.
const FLUSH: Duration = Duration::from_secs(1);

/// The log while the daemon runs. Dropped, it lets what is left be written, for a moment.
pub(super) struct Log(Queue);

impl Log {
    /// Sends all events to standard error: time, level, event, `key=value`.
    pub(super) fn start() -> io::Result<Self> {
        // A descriptor of its own: the lock of `std::io::stderr` would be held while a write blocks.
        let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        let is_terminal = stderr.is_terminal();
        let (queue, messages) = Queue::new(LINES_MAX);
        let lost = Arc::clone(&queue.lost);
        std::thread::Builder::new().name("log".into()).spawn(move || write_lines(messages, stderr, &lost))?;
        tracing_subscriber::fmt()
            .with_writer(queue.clone())
            .with_ansi(is_terminal)
            .with_max_level(Level::INFO)
            .with_target(false)
            .init();
        Ok(Self(queue))
    }

    /// How many lines could not be written since the start.
    pub(super) fn lines_lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let (done, is_done) = sync_channel(1);
        if self.0.messages.try_send(Message::Flush(done)).is_ok() {
            // Not done in time: the reader is stuck, and what is left is lost.
            is_done.recv_timeout(FLUSH).ok();
        }
    }
}

enum Message {
    Line(Vec<u8>),
    /// Answered when all lines before it are written.
    Flush(SyncSender<()>),
}

/// The way into the queue.
#[derive(Clone)]
struct Queue {
    messages: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

impl Queue {
    fn new(lines_max: usize) -> (Self, Receiver<Message>) {
        let (messages, receiver) = sync_channel(lines_max);
        (Self { messages, lost: Arc::default() }, receiver)
    }
}

impl<'q> MakeWriter<'q> for Queue {
    type Writer = &'q Self;

    fn make_writer(&'q self) -> Self::Writer {
        self
    }
}

/// Each write is one whole event. It never fails: a failure would be reported on standard error.
impl Write for &Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.messages.try_send(Message::Line(line.to_vec())) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes lines until no sender is left. Says how many were lost as soon as one can be written again.
fn write_lines(messages: Receiver<Message>, mut out: impl Write, lost: &AtomicU64) {
    let mut told = 0;
    for message in messages {
        match message {
            Message::Line(line) => {
                let lines = lost.load(Ordering::Relaxed);
                if lines > told
                    && writeln!(out, " WARN {} lines of the log were lost: it was not read", lines - told)
                        .is_ok()
                {
                    told = lines;
                }
                if out.write_all(&line).is_err() {
                    lost.fetch_add(1, Ordering::Relaxed);
                }
            }
            // Its sender waits no longer if this fails.
            Message::Flush(done) => done.send(()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails so many times, then writes.
    struct Failing<'v>(usize, &'v mut Vec<u8>);

    impl Write for Failing<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.0.checked_sub(1) {
                Some(left) => {
                    self.0 = left;
                    Err(io::ErrorKind::StorageFull.into())
                }
                None => self.1.write(bytes),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_queue_drops_counts_and_does_not_wait() {
        let (queue, messages) = Queue::new(2);
        for line in ["a\n", "b\n", "c\n", "d\n"] {
            (&queue).write_all(line.as_bytes()).unwrap();
        }
        let lost = Arc::clone(&queue.lost);
        drop(queue);
        let mut written = Vec::new();
        write_lines(messages, &mut written, &lost);
        let text = String::from_utf8(written).unwrap();
        assert_eq!(text, " WARN 2 lines of the log were lost: it was not read\na\nb\n");
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted_and_said_later() {
        let (queue, messages) = Queue::new(8);
        for line in ["a\n", "b\n", "c\n"] {
            (&queue).write_all(line.as_bytes()).unwrap();
        }
        let lost = Arc::clone(&queue.lost);
        drop(queue);
        let mut written = Vec::new();
        // The line "a", the notice before "b", and "b".
        write_lines(messages, Failing(3, &mut written), &lost);
        let text = String::from_utf8(written).unwrap();
        assert_eq!(text, " WARN 2 lines of the log were lost: it was not read\nc\n");
    }
}
