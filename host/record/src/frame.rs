//! Records in a file: each framed, checked and compressed by itself, so that what is damaged costs itself.
//!
//! ```text
//! file     "jettison.journal/1\n", then frames
//! frame    marker (4) · kind (1) · packing (1) · 0 (2) · length (4) · length unpacked (4) · CRC-32 (4)
//!          · payload
//! ```
//!
//! Numbers are little endian. The checksum is of all from the kind on, without itself. Packing 0 is the
//! payload as it is, 1 is an LZ4 block.

use crc32fast::Hasher;

/// The first line of a file. The number changes when a reader of this version could not read it.
pub(crate) const MAGIC: &[u8] = b"jettison.journal/1\n";
/// What the first line of every version begins with.
pub(crate) const MAGIC_PREFIX: &[u8] = b"jettison.journal/";
const MARKER: [u8; 4] = [0xa7, b'J', b'T', b'K'];
const HEAD_BYTES: usize = 20;
/// A larger payload is not written, and not believed.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 64 << 20;
const AS_IS: u8 = 0;
const LZ4: u8 = 1;

/// Memory for frames.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    frame: Vec<u8>,
}

impl Framer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { frame: Vec::with_capacity(bytes) }
    }

    /// The frame of a payload; `None` if it is too large.
    pub(crate) fn frame(&mut self, kind: u8, payload: &[u8]) -> Option<&[u8]> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return None;
        }
        let most = lz4_flex::block::get_maximum_output_size(payload.len());
        self.frame.clear();
        self.frame.resize(HEAD_BYTES + most.max(payload.len()), 0);
        let body = self.frame.get_mut(HEAD_BYTES..)?;
        let packed =
            lz4_flex::block::compress_into(payload, body).ok().filter(|&length| length < payload.len());
        let (packing, length) = match packed {
            Some(length) => (LZ4, length),
            None => {
                body.get_mut(..payload.len())?.copy_from_slice(payload);
                (AS_IS, payload.len())
            }
        };
        self.frame.truncate(HEAD_BYTES + length);
        let (head, body) = self.frame.split_first_chunk_mut::<HEAD_BYTES>()?;
        head[..4].copy_from_slice(&MARKER);
        head[4..8].copy_from_slice(&[kind, packing, 0, 0]);
        head[8..12].copy_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
        head[12..16].copy_from_slice(&u32::try_from(payload.len()).ok()?.to_le_bytes());
        let checksum = checksum(&head[4..16], body);
        head[16..20].copy_from_slice(&checksum.to_le_bytes());
        Some(&self.frame)
    }
}

fn checksum(head: &[u8], body: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(head);
    hasher.update(body);
    hasher.finalize()
}

/// A frame whose checksum is right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'f> {
    pub(crate) kind: u8,
    packing: u8,
    unpacked: usize,
    body: &'f [u8],
    /// Of the whole frame, in bytes.
    pub(crate) length: usize,
}

/// What stands at a place of a file.
pub(crate) enum At<'f> {
    Frame(Frame<'f>),
    /// It begins like a frame, and the file ends before it does.
    Torn,
    /// No frame, or one that is damaged.
    Damaged,
}

impl<'f> Frame<'f> {
    /// Looks at the beginning of these bytes.
    pub(crate) fn at(bytes: &'f [u8]) -> At<'f> {
        let is_begun = bytes.len() < MARKER.len() && MARKER.starts_with(bytes) || bytes.starts_with(&MARKER);
        let Some((head, rest)) = bytes.split_first_chunk::<HEAD_BYTES>() else {
            return if is_begun { At::Torn } else { At::Damaged };
        };
        let number = |at: usize| {
            head.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_le_bytes)
        };
        let (length, unpacked) = (number(8) as usize, number(12) as usize);
        if !is_begun || length > PAYLOAD_BYTES_MAX || unpacked > PAYLOAD_BYTES_MAX {
            return At::Damaged;
        }
        let Some(body) = rest.get(..length) else { return At::Torn };
        if checksum(&head[4..16], body) != number(16) {
            return At::Damaged;
        }
        At::Frame(Self { kind: head[4], packing: head[5], unpacked, body, length: HEAD_BYTES + length })
    }

    /// Its payload, in memory that is used again.
    pub(crate) fn payload(&self, into: &mut Vec<u8>) -> Result<(), String> {
        into.clear();
        match self.packing {
            AS_IS => into.extend_from_slice(self.body),
            LZ4 => {
                into.resize(self.unpacked, 0);
                let unpacked = lz4_flex::block::decompress_into(self.body, into);
                let length = unpacked.map_err(|error| format!("it cannot be unpacked: {error}"))?;
                if length != self.unpacked {
                    return Err(format!("it unpacks to {length} bytes, not to {}", self.unpacked));
                }
            }
            other => return Err(format!("it is packed in a way ({other}) that this version does not know")),
        }
        Ok(())
    }
}

/// Where the next frame may begin, after something damaged.
pub(crate) fn next_marker(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(MARKER.len()).position(|window| window == MARKER).map(|at| from + at)
}
