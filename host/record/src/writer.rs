//! Segments being written.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Error, Result, Write};
use std::sync::Arc;

use crate::directory::{Directory, Numbered};
use crate::frame::{Framer, MAGIC};
use crate::record::{Record, Setup};
use crate::wire::{Encoder, SETUP};

/// A journal has about so many segments: the oldest goes as a whole.
const SEGMENTS: u64 = 8;
/// Of a segment, however many bytes the journal may take: the reader holds a whole one.
const SEGMENT_MIN_AND_MAX: (u64, u64) = (64 << 10, 256 << 20);
/// A record of 300 processes takes a quarter of this before it is packed.
const PAYLOAD_BYTES: usize = 256 << 10;

/// Writes records into numbered segments, and removes the oldest beyond a number of bytes.
#[derive(Debug)]
pub(crate) struct Writer {
    directory: Directory,
    bytes_max: u64,
    segments: VecDeque<Numbered>,
    next: u64,
    /// The last of them, if it is open.
    file: Option<File>,
    encoder: Encoder,
    framer: Framer,
    setup: Option<Arc<Setup>>,
    /// The checksum of the setup.
    setup_is: u32,
}

impl Writer {
    /// A new segment is begun with the first record: the last one may be torn.
    pub(crate) fn new(directory: Directory, bytes_max: u64) -> Result<Self> {
        let segments = VecDeque::from(directory.segments().map_err(Error::from)?);
        let next = segments.back().map_or(0, |last| last.number + 1);
        let encoder = Encoder::with_capacity(PAYLOAD_BYTES);
        let framer = Framer::with_capacity(PAYLOAD_BYTES);
        let (file, setup) = (None, None);
        Ok(Self { directory, bytes_max, segments, next, file, encoder, framer, setup, setup_is: 0 })
    }

    /// Writes one. Whatever fails, the next one begins a new segment.
    pub(crate) fn write(&mut self, record: &mut Record) -> Result<u64> {
        match record {
            Record::Setup(setup) => self.setup = Some(Arc::clone(setup)),
            Record::Tick(tick) => tick.setup = self.setup_is,
            Record::Sample(_) | Record::End(_) => {}
        }
        let written = self.put(record);
        if written.is_err() {
            self.file = None;
        }
        written
    }

    fn put(&mut self, record: &mut Record) -> Result<u64> {
        let is_full = self.segments.back().is_some_and(|segment| segment.bytes >= self.segment_bytes());
        if self.file.is_none() || is_full {
            self.begin()?;
            if matches!(record, Record::Setup(_)) {
                return Ok(0);
            }
            if let Record::Tick(tick) = record {
                tick.setup = self.setup_is;
            }
        }
        let kind = self.encoder.encode(record);
        self.append(kind)
    }

    /// How long one grows.
    fn segment_bytes(&self) -> u64 {
        let (min, max) = SEGMENT_MIN_AND_MAX;
        (self.bytes_max / SEGMENTS).clamp(min, max)
    }

    /// A segment begins with its first line and the setup.
    fn begin(&mut self) -> Result<()> {
        self.file = None;
        self.make_room()?;
        let mut file = self.directory.create(self.next).map_err(Error::from)?;
        self.segments.push_back(Numbered { number: self.next, bytes: MAGIC.len() as u64 });
        self.next += 1;
        file.write_all(MAGIC)?;
        self.file = Some(file);
        if let Some(setup) = self.setup.clone() {
            let kind = self.encoder.encode(&Record::Setup(setup));
            self.append(kind)?;
        }
        Ok(())
    }

    /// Removes the oldest, so that a segment more fits.
    fn make_room(&mut self) -> Result<()> {
        let room = self.bytes_max.saturating_sub(self.segment_bytes());
        while self.segments.iter().map(|segment| segment.bytes).sum::<u64>() > room {
            let Some(oldest) = self.segments.pop_front() else { break };
            match self.directory.remove(oldest.number) {
                Ok(()) | Err(rustix::io::Errno::NOENT) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// What the encoder holds.
    fn append(&mut self, kind: u8) -> Result<u64> {
        if kind == SETUP {
            self.setup_is = crc32fast::hash(&self.encoder.payload);
        }
        let frame = self.framer.frame(kind, &self.encoder.payload);
        let frame = frame.ok_or_else(|| Error::other("a record is too large"))?;
        let file = self.file.as_mut().ok_or_else(|| Error::other("no segment is open"))?;
        file.write_all(frame)?;
        let bytes = frame.len() as u64;
        if let Some(segment) = self.segments.back_mut() {
            segment.bytes += bytes;
        }
        Ok(bytes)
    }

    /// Has what was written reach the disk.
    pub(crate) fn sync(&mut self) -> Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_data)
    }
}
