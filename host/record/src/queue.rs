//! The daemon's end: a bounded queue, and the thread that empties it.
//!
//! A tick hands over its columns by reference and never waits. When the queue is full, in records or in
//! bytes, the record is dropped and counted: a disk that is full, slow or hangs delays no signal. A tick that
//! finds a column still in the queue gets new memory for it, so the bound in bytes is what a hanging disk
//! costs.

use std::io::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use jettison_model::{Snapshot, TextColumn};

use crate::directory::Directory;
use crate::record::Record;
use crate::writer::Writer;

/// Records that wait: some seconds of armed ticks.
const RECORDS_MAX: usize = 256;
/// What they may hold. One record may hold more if no other waits.
const HELD_BYTES_MAX: u64 = 16 << 20;
/// When nothing has come for so long, what was written is synced.
const IDLE: Duration = Duration::from_secs(1);
/// What the end of the daemon waits for the records that are left.
const FLUSH: Duration = Duration::from_secs(1);
const STACK_BYTES: usize = 512 << 10;

/// Records while the daemon runs. Dropped, it lets what is left be written, for a moment.
#[derive(Debug)]
pub struct Journal {
    messages: SyncSender<Message>,
    shared: Arc<Shared>,
}

/// What has become of records since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// On disk.
    pub written: u64,
    /// Of those, in bytes.
    pub written_bytes: u64,
    /// Dropped, because the queue was full or a write failed.
    pub lost: u64,
    /// The last write failed.
    pub is_failing: bool,
}

#[derive(Debug, Default)]
struct Shared {
    held_bytes: AtomicU64,
    written: AtomicU64,
    written_bytes: AtomicU64,
    lost: AtomicU64,
    is_failing: AtomicBool,
}

enum Message {
    Record {
        record: Box<Record>,
        held_bytes: u64,
    },
    /// Answered when all records before it are written.
    Flush(SyncSender<()>),
}

impl Journal {
    /// Begins to write into a directory, at most so many bytes in all. `say` is told, on the thread that
    /// writes, when writing begins to fail and when it works again.
    ///
    /// # Errors
    /// If the directory cannot be listed, or no thread can be started.
    pub fn start(
        directory: Directory,
        bytes_max: u64,
        say: impl Fn(Result<(), &Error>) + Send + 'static,
    ) -> Result<Self, Error> {
        let writer = Writer::new(directory, bytes_max)?;
        let (messages, receiver) = sync_channel(RECORDS_MAX);
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("journal".into())
            .stack_size(STACK_BYTES)
            .spawn(move || write(&receiver, writer, &of_thread, &say))?;
        Ok(Self { messages, shared })
    }

    /// Hands a record over, or drops and counts it.
    pub fn record(&self, record: Record) {
        let shared = &self.shared;
        let held_bytes = held_bytes(&record);
        let before = shared.held_bytes.load(Ordering::Relaxed);
        if before > 0 && before + held_bytes > HELD_BYTES_MAX {
            shared.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        shared.held_bytes.fetch_add(held_bytes, Ordering::Relaxed);
        if self.messages.try_send(Message::Record { record: Box::new(record), held_bytes }).is_err() {
            shared.held_bytes.fetch_sub(held_bytes, Ordering::Relaxed);
            shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until what was handed over is written, for so long at most. Returns whether it is.
    pub fn flush(&self, at_most: Duration) -> bool {
        let (done, is_done) = sync_channel(1);
        self.messages.try_send(Message::Flush(done)).is_ok() && is_done.recv_timeout(at_most).is_ok()
    }

    /// What has become of records.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let number = |of: &AtomicU64| of.load(Ordering::Relaxed);
        let Shared { written, written_bytes, lost, is_failing, .. } = &*self.shared;
        Counts {
            written: number(written),
            written_bytes: number(written_bytes),
            lost: number(lost),
            is_failing: is_failing.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // Not done in time: the disk hangs, and what is left is lost.
        self.flush(FLUSH);
    }
}

fn write(
    messages: &Receiver<Message>,
    mut writer: Writer,
    shared: &Shared,
    say: &dyn Fn(Result<(), &Error>),
) {
    let mut is_synced = true;
    loop {
        match next(messages, is_synced) {
            Ok(Message::Record { mut record, held_bytes }) => {
                let written = writer.write(&mut record);
                drop(record);
                shared.held_bytes.fetch_sub(held_bytes, Ordering::Relaxed);
                match &written {
                    Ok(bytes) => {
                        shared.written.fetch_add(1, Ordering::Relaxed);
                        shared.written_bytes.fetch_add(*bytes, Ordering::Relaxed);
                        is_synced = false;
                    }
                    Err(_) => _ = shared.lost.fetch_add(1, Ordering::Relaxed),
                }
                let was_failing = shared.is_failing.swap(written.is_err(), Ordering::Relaxed);
                if was_failing != written.is_err() {
                    say(written.as_ref().map(|_| ()));
                }
            }
            Ok(Message::Flush(done)) => {
                // Its sender waits no longer if this fails.
                done.send(()).ok();
            }
            // Nothing is decided now: time for the disk.
            Err(RecvTimeoutError::Timeout) => {
                is_synced = true;
                // What cannot be synced now may reach the disk later.
                writer.sync().ok();
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
}

/// Where nothing is to be synced there is nothing to wake up for: a host on which nothing happens is left
/// alone.
fn next(messages: &Receiver<Message>, is_synced: bool) -> Result<Message, RecvTimeoutError> {
    match is_synced {
        true => messages.recv().map_err(Into::into),
        false => messages.recv_timeout(IDLE),
    }
}

/// About what a record keeps in memory.
fn held_bytes(record: &Record) -> u64 {
    /// Numbers of a process and of a memcg, with a ballot's entry for each.
    const ROW_BYTES: usize = 400;
    let bytes = match record {
        Record::Tick(tick) => {
            let Snapshot { processes, memcgs, .. } = &tick.snapshot;
            let text = |column: &TextColumn| column.bytes.len();
            let texts = text(&processes.cmdlines) + text(&processes.exes) + text(&memcgs.paths);
            (processes.len() + memcgs.len()) * ROW_BYTES + texts
        }
        Record::Setup(_) | Record::Sample(_) | Record::End(_) => 1024,
    };
    bytes as u64
}
