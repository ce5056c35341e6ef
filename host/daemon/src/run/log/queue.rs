//! The queue between the event loop and the thread that writes the log.
//!
//! The event loop never waits for a reader of the log. Lines go into a bounded queue. When it is full, or a
//! write fails, they are dropped and counted. So a pipe that is not read, a journald that restarts and a full
//! disk delay no signal. `tracing-appender` has such a queue, too, but ends by printing to the standard error
//! that is stuck.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Where lines end.
pub(super) trait Sink {
    fn line(&mut self, line: &[u8]) -> io::Result<()>;
    /// So many lines were lost before the next one.
    fn lost(&mut self, lines: u64) -> io::Result<()>;
}

/// Text, such as on standard error.
pub(super) struct Text<W>(pub(super) W);

impl<W: Write> Sink for Text<W> {
    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.0.write_all(line)
    }

    fn lost(&mut self, lines: u64) -> io::Result<()> {
        writeln!(self.0, " WARN {}", how_many_lost(lines))
    }
}

pub(super) fn how_many_lost(lines: u64) -> String {
    format!("{lines} lines of the log were lost: it was not read")
}

pub(super) enum Message {
    Line(Vec<u8>),
    /// Answered when all lines before it are written.
    Flush(SyncSender<()>),
}

/// The way into the queue.
#[derive(Clone)]
pub(super) struct Queue {
    messages: SyncSender<Message>,
    pub(super) lost: Arc<AtomicU64>,
}

impl Queue {
    pub(super) fn new(lines_max: usize) -> (Self, Receiver<Message>) {
        let (messages, receiver) = sync_channel(lines_max);
        (Self { messages, lost: Arc::default() }, receiver)
    }

    pub(super) fn push(&self, line: &[u8]) {
        match self.messages.try_send(Message::Line(line.to_vec())) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Lets what is left be written, for so long.
    pub(super) fn flush_within(&self, patience: Duration) {
        let (done, is_done) = sync_channel(1);
        if self.messages.try_send(Message::Flush(done)).is_ok() {
            // Not done in time: the reader is stuck, and what is left is lost.
            is_done.recv_timeout(patience).ok();
        }
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
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes lines until no sender is left. Says how many were lost as soon as one can be written again.
pub(super) fn write_lines(messages: Receiver<Message>, mut out: impl Sink, lost: &AtomicU64) {
    let mut told = 0;
    for message in messages {
        match message {
            Message::Line(line) => {
                let lines = lost.load(Ordering::Relaxed);
                if lines > told && out.lost(lines - told).is_ok() {
                    told = lines;
                }
                if out.line(&line).is_err() {
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
        write_lines(messages, Text(&mut written), &lost);
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
        write_lines(messages, Text(Failing(3, &mut written)), &lost);
        let text = String::from_utf8(written).unwrap();
        assert_eq!(text, " WARN 2 lines of the log were lost: it was not read\nc\n");
    }
}
