//! What is held, on file, so that the next daemon can put it back if this one cannot.
//!
//! The file is written before the first value of a process is, and replaced as a whole. It is not synced to
//! disk: it has to survive the daemon, not the host, and a boot id tells a file of an earlier boot from ours.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use jettison_model::ProcessId;
use serde::{Deserialize, Serialize};

/// Of the format. A file of another version is set aside, not guessed at.
const VERSION: u32 = 1;

/// One process and the value that is held for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) pid: u32,
    pub(crate) start_time: u64,
    pub(crate) original: i16,
    pub(crate) value: i16,
    /// What is there until `value` is written, if that is a value of ours, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until_then: Option<i16>,
    pub(crate) since_ms: u64,
}

impl Line {
    pub(crate) fn id(&self) -> ProcessId {
        ProcessId { pid: self.pid, start_time: self.start_time }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    version: u32,
    boot_id: String,
    held: Vec<Line>,
}

/// The journal of held values cannot be read or written.
#[derive(Debug)]
pub struct JournalError {
    path: PathBuf,
    what: &'static str,
    cause: io::Error,
}

impl JournalError {
    /// The `errno`, where the operating system said one.
    #[must_use]
    pub fn errno(&self) -> i32 {
        self.cause.raw_os_error().unwrap_or(rustix::io::Errno::IO.raw_os_error())
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.path.display(), self.what, self.cause)
    }
}

impl std::error::Error for JournalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// The file `held.json` of a state directory.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    boot_id: String,
}

impl Journal {
    pub(crate) fn new(state_dir: &Path, boot_id: String) -> Self {
        Self { path: state_dir.join("held.json"), boot_id }
    }

    /// What a daemon before us held in this boot. What cannot be read is set aside under another name.
    pub(crate) fn load(&self) -> Result<Vec<Line>, JournalError> {
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(self.error("cannot be read", cause)),
        };
        let page = serde_json::from_slice::<Page>(&text).map_err(io::Error::from).and_then(|page| match page
            .version
        {
            VERSION => Ok(page),
            other => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("it has version {other}, and this daemon knows {VERSION}"),
            )),
        });
        match page {
            Ok(page) if page.boot_id == self.boot_id => Ok(page.held),
            Ok(_) => Ok(Vec::new()),
            Err(cause) => {
                let what = match std::fs::rename(&self.path, self.path.with_extension("json.unreadable")) {
                    Ok(()) => "is no journal of held values, and was set aside as held.json.unreadable",
                    Err(_) => "is no journal of held values",
                };
                Err(self.error(what, cause))
            }
        }
    }

    /// Replaces the file; without any line, removes it.
    pub(crate) fn store(&self, lines: Vec<Line>) -> Result<(), JournalError> {
        let stored = if lines.is_empty() { self.remove() } else { self.replace(lines) };
        stored.map_err(|cause| self.error("cannot be written", cause))
    }

    fn remove(&self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn replace(&self, held: Vec<Line>) -> io::Result<()> {
        let page = Page { version: VERSION, boot_id: self.boot_id.clone(), held };
        let next = self.path.with_extension("json.next");
        std::fs::write(&next, serde_json::to_vec(&page)?)?;
        std::fs::rename(&next, &self.path)
    }

    fn error(&self, what: &'static str, cause: io::Error) -> JournalError {
        JournalError { path: self.path.clone(), what, cause }
    }
}
