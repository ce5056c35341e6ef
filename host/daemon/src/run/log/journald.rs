//! Entries of journald with a field for each value, in its native protocol
//! (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>).
//!
//! ```text
//! PRIORITY=6\n                       a field whose value has no newline
//! MESSAGE\n<length, 8 bytes little endian><value>\n     any other
//! ```
//!
//! One datagram is one entry. The crate tracing-journald writes from the thread that logs, and would block
//! the event loop.

use std::fmt::{Debug, Write as _};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use jettison_tick::events;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::queue::{Queue, Sink, how_many_lost};

/// What each event is known by, and what is said of it in packaging/jettison.catalog. An id is never used
/// again.
const MESSAGE_IDS: [(&str, &str); 6] = [
    (events::VICTIM_NAMED, "533a4403772148c5a7b8c8a02e55b4ec"),
    (events::VICTIM_SIGNALLED, "4cf33c4f77ea45c4becaaf3a474b2fcf"),
    (events::VICTIM_ENDED, "edfc71fae60b47aca68dbfeff3c26ae1"),
    (events::VICTIM_GIVEN_UP, "ec65c4a88ba1412d9adc966d6a40e0af"),
    (events::KERNEL_KILL, "543f04a7383c4719a9f7ba640fcc6763"),
    (events::NOTHING_WORTH_IT, "b5aacdc959e74f2a93143f29063a4060"),
];
/// The first field of each of our entries, in the form with a length.
const MESSAGE: &[u8] = b"MESSAGE\n";

/// Turns events into entries.
pub(super) struct Entries(Queue);

impl Entries {
    pub(super) fn new(queue: Queue) -> Self {
        Self(queue)
    }
}

impl<S: Subscriber> Layer<S> for Entries {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut values = Values::default();
        event.record(&mut values);
        let metadata = event.metadata();
        let name = MESSAGE_IDS.iter().find(|(name, _)| *name == metadata.name());
        self.0.push(&entry(*metadata.level(), name, values));
    }
}

/// The values of an event.
#[derive(Default)]
struct Values {
    message: String,
    /// As text for people, ` key=value` each.
    text: String,
    fields: Vec<(&'static str, String)>,
}

impl Visit for Values {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into(), &format!("{value:?}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        let text = value.clone();
        self.put(field, value, &text);
    }
}

impl Values {
    fn put(&mut self, field: &Field, value: String, text: &str) {
        if field.name() == "message" {
            self.message = value;
            return;
        }
        // Text cannot fail.
        write!(self.text, " {}={text}", field.name()).ok();
        self.fields.push((field.name(), value));
    }
}

fn entry(level: Level, name: Option<&(&str, &str)>, values: Values) -> Vec<u8> {
    let mut entry = Vec::new();
    let message = values.message + &values.text;
    entry.extend(MESSAGE);
    entry.extend((message.len() as u64).to_le_bytes());
    entry.extend(message.as_bytes());
    entry.push(b'\n');
    field(&mut entry, "PRIORITY", priority(level));
    field(&mut entry, "SYSLOG_IDENTIFIER", "jettison");
    if let Some((name, id)) = name {
        field(&mut entry, "MESSAGE_ID", id);
        field(&mut entry, "JETTISON_EVENT", name);
    }
    for (name, value) in &values.fields {
        if *name == "pid" {
            // journald adds what it knows of that process, so that `journalctl -u` shows the entry with its
            // unit.
            field(&mut entry, "OBJECT_PID", value);
        }
        field(&mut entry, &format!("JETTISON_{}", name.to_ascii_uppercase()), value);
    }
    entry
}

fn field(entry: &mut Vec<u8>, name: &str, value: &str) {
    entry.extend(name.as_bytes());
    if value.contains('\n') {
        entry.push(b'\n');
        entry.extend((value.len() as u64).to_le_bytes());
    } else {
        entry.push(b'=');
    }
    entry.extend(value.as_bytes());
    entry.push(b'\n');
}

/// Of syslog(3).
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        Level::DEBUG | Level::TRACE => "7",
    }
}

/// journald's socket. What it does not take goes to standard error as text.
pub(super) struct Journald {
    socket: UnixDatagram,
    path: PathBuf,
    stderr: File,
}

impl Journald {
    pub(super) fn new(path: PathBuf, stderr: File) -> io::Result<Self> {
        Ok(Self { socket: UnixDatagram::unbound()?, path, stderr })
    }
}

impl Sink for Journald {
    fn line(&mut self, entry: &[u8]) -> io::Result<()> {
        // Sent to the path each time: a journald that was started again has another socket there.
        match self.socket.send_to(entry, &self.path) {
            Ok(_) => Ok(()),
            Err(_) => writeln!(self.stderr, "{}", String::from_utf8_lossy(message_of(entry))),
        }
    }

    fn lost(&mut self, lines: u64) -> io::Result<()> {
        let values = Values { message: how_many_lost(lines), ..Values::default() };
        self.line(&entry(Level::WARN, None, values))
    }
}

/// What stands in the field MESSAGE.
fn message_of(entry: &[u8]) -> &[u8] {
    let after = entry.strip_prefix(MESSAGE).and_then(|rest| rest.split_first_chunk());
    let message =
        after.and_then(|(length, rest)| rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?));
    message.unwrap_or(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek};

    fn made(message: &str) -> Vec<u8> {
        let fields = vec![("pid", "7".into()), ("reason", "two\nlines".into())];
        let values = Values { message: message.into(), text: " pid=7".into(), fields };
        entry(Level::WARN, MESSAGE_IDS.first(), values)
    }

    #[test]
    fn an_entry_has_lengths_where_a_value_has_a_newline() {
        let mut expected = b"MESSAGE\n\x0c\0\0\0\0\0\0\0victim pid=7\nPRIORITY=4\n".to_vec();
        expected.extend(b"SYSLOG_IDENTIFIER=jettison\nMESSAGE_ID=533a4403772148c5a7b8c8a02e55b4ec\n");
        expected.extend(b"JETTISON_EVENT=victim-named\nOBJECT_PID=7\nJETTISON_PID=7\n");
        expected.extend(b"JETTISON_REASON\n\x09\0\0\0\0\0\0\0two\nlines\n");
        let entry = made("victim");
        assert_eq!(String::from_utf8_lossy(&entry), String::from_utf8_lossy(&expected));
        assert_eq!(message_of(&entry), b"victim pid=7");
    }

    #[test]
    fn every_named_event_has_an_id_of_its_own_and_a_text_in_the_catalogue() {
        let catalogue = include_str!("../../../../../packaging/jettison.catalog");
        let heads: Vec<&str> = catalogue.lines().filter_map(|line| line.strip_prefix("-- ")).collect();
        assert_eq!(heads, MESSAGE_IDS.map(|(_, id)| id));
        assert_eq!(events::ALL, MESSAGE_IDS.map(|(name, _)| name));
        let mut ids = MESSAGE_IDS.map(|(_, id)| id).to_vec();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), MESSAGE_IDS.len());
        assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
    }

    #[test]
    fn without_a_journald_the_message_goes_to_standard_error_and_to_the_next_one_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let mut stderr = tempfile::tempfile().unwrap();
        let mut journald = Journald::new(path.clone(), stderr.try_clone().unwrap()).unwrap();
        journald.line(&made("first")).unwrap();
        for message in ["second", "third"] {
            // It is not there the first time; else `bind` says so.
            std::fs::remove_file(&path).ok();
            let listener = UnixDatagram::bind(&path).unwrap();
            listener.set_read_timeout(Some(jettison_tests::DEADLINE)).unwrap();
            journald.line(&made(message)).unwrap();
            let mut buffer = [0; 4096];
            let size = listener.recv(&mut buffer).unwrap();
            assert_eq!(buffer[..size], made(message));
        }
        let mut said = String::new();
        stderr.rewind().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        assert_eq!(said, "first pid=7\n");
    }
}
