//! Segments being read. What can be read is; the rest is named, with its place.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, open};

use crate::directory::number_of;
use crate::frame::{At, Frame, MAGIC, MAGIC_PREFIX, next_marker};
use crate::record::{Record, Setup};
use crate::wire::{SETUP, TICK, decode};

/// Of one file. A segment is an eighth of a journal.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Why nothing of a file can be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable {
    path: PathBuf,
    why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for Unreadable {}

/// A part of a file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// Its first byte.
    pub from: usize,
    /// How many bytes.
    pub bytes: usize,
    /// What is wrong.
    pub why: String,
    /// It is the end of the file: the daemon, or the machine, was stopped while it wrote.
    pub is_tail: bool,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, from, bytes, why, .. } = self;
        write!(f, "{}: {bytes} bytes from byte {from} on are left out: {why}", path.display())
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// A record.
    Record(Record),
    /// A part that cannot be read.
    Damage(Damage),
}

/// The segments that these paths name: files as they are, of directories their segments, the oldest first.
///
/// # Errors
/// If a directory cannot be listed, or has none.
pub fn segments(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Unreadable> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let not = |why: String| Unreadable { path: path.clone(), why };
        let listed = std::fs::read_dir(path).map_err(|error| not(format!("cannot be listed: {error}")))?;
        let numbered = |entry: std::io::Result<std::fs::DirEntry>| {
            let path = entry.ok()?.path();
            Some((number_of(path.file_name()?.to_str()?)?, path))
        };
        let mut found: Vec<(u64, PathBuf)> = listed.filter_map(numbered).collect();
        if found.is_empty() {
            return Err(not("has no segment of a journal (NUMBER.journal)".into()));
        }
        found.sort();
        files.extend(found.into_iter().map(|(_, path)| path));
    }
    Ok(files)
}

/// One file, read as a whole.
#[derive(Debug)]
pub struct Segment {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Segment {
    /// Reads it.
    ///
    /// # Errors
    /// If it cannot be read, and as [`Segment::of`].
    pub fn read(path: &Path) -> Result<Self, Unreadable> {
        let not = |why: String| Unreadable { path: path.into(), why };
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = open(path, flags, Mode::empty());
        let file = File::from(opened.map_err(|errno| not(format!("cannot be opened: {errno}")))?);
        let is_file = file.metadata().is_ok_and(|found| found.is_file());
        if !is_file {
            return Err(not("is no regular file".into()));
        }
        let mut bytes = Vec::new();
        let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|error| not(format!("cannot be read: {error}")))?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(not(format!("is larger than {} MiB: no segment is", FILE_BYTES_MAX >> 20)));
        }
        Self::of(path, bytes)
    }

    /// The same from what was read of that path.
    ///
    /// # Errors
    /// If it is no journal, or one of a later version.
    pub fn of(path: &Path, bytes: Vec<u8>) -> Result<Self, Unreadable> {
        let not = |why: String| Unreadable { path: path.into(), why };
        match (bytes.starts_with(MAGIC), bytes.starts_with(MAGIC_PREFIX)) {
            (true, _) => Ok(Self { path: path.into(), bytes }),
            (false, _) if MAGIC.starts_with(&bytes) => {
                Err(not("ends within its first line: it was torn before its first record".into()))
            }
            (false, true) => {
                let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
                let line = line.get(..MAGIC.len().min(line.len())).unwrap_or_default();
                let schema = String::from_utf8_lossy(line).escape_debug().to_string();
                Err(not(format!("is {schema}; this version reads jettison.journal/1: use a later one")))
            }
            (false, false) => Err(not("is no journal: its first line is not `jettison.journal/1`".into())),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it, in order.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader { segment: self, at: MAGIC.len(), payload: Vec::new(), setup: None, without_ticks: false }
    }
}

/// Goes through a segment.
#[derive(Debug)]
pub struct Reader<'s> {
    segment: &'s Segment,
    at: usize,
    payload: Vec<u8>,
    /// The last setup, with its checksum.
    setup: Option<(u32, Arc<Setup>)>,
    without_ticks: bool,
}

impl<'s> Reader<'s> {
    /// The same without ticks, which are most of a segment: they are not even unpacked.
    #[must_use]
    pub fn without_ticks(self) -> Self {
        Self { without_ticks: true, ..self }
    }

    /// What the last record was made with.
    #[must_use]
    pub fn setup(&self) -> Option<&Arc<Setup>> {
        self.setup.as_ref().map(|(_, setup)| setup)
    }

    fn damage(&self, from: usize, to: usize, why: impl Into<String>, is_tail: bool) -> Found {
        let bytes = to.saturating_sub(from);
        Found::Damage(Damage { path: self.segment.path.clone(), from, bytes, why: why.into(), is_tail })
    }

    fn frame(&mut self, frame: Frame<'_>) -> Option<Found> {
        let from = self.at;
        self.at += frame.length;
        if self.without_ticks && frame.kind == TICK {
            return None;
        }
        let payload = &mut self.payload;
        let decoded = frame.payload(payload).and_then(|()| decode(frame.kind, payload));
        if let (SETUP, Ok(Some(Record::Setup(setup)))) = (frame.kind, &decoded) {
            self.setup = Some((crc32fast::hash(payload), Arc::clone(setup)));
        }
        match decoded {
            Ok(Some(Record::Tick(tick))) if self.setup.as_ref().map(|(is, _)| *is) != Some(tick.setup) => {
                Some(self.damage(from, self.at, "a tick whose setup is not there", false))
            }
            Ok(Some(record)) => Some(Found::Record(record)),
            Ok(None) => {
                let why = format!("a record of kind {}, which this version does not know", frame.kind);
                Some(self.damage(from, self.at, why, false))
            }
            Err(why) => Some(self.damage(from, self.at, format!("a record: {why}"), false)),
        }
    }
}

impl Iterator for Reader<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        let segment = self.segment;
        let bytes = &segment.bytes;
        while let Some(rest) = bytes.get(self.at..).filter(|rest| !rest.is_empty()) {
            let from = self.at;
            let is_torn = match Frame::at(rest) {
                At::Frame(frame) => match self.frame(frame) {
                    Some(found) => return Some(found),
                    None => continue,
                },
                At::Torn => true,
                At::Damaged => false,
            };
            // A frame that claims to be longer than the file may only have a damaged length.
            let mut next = next_marker(bytes, from + 1);
            while let Some(at) = next {
                if matches!(bytes.get(at..).map(Frame::at), Some(At::Frame(_))) {
                    break;
                }
                next = next_marker(bytes, at + 1);
            }
            self.at = next.unwrap_or(bytes.len());
            let why = match (is_torn, next) {
                (true, None) => "the record was not written to its end",
                _ => "their checksum is wrong, or they are no record",
            };
            return Some(self.damage(from, self.at, why, next.is_none()));
        }
        None
    }
}
