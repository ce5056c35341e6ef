//! What the compiling child says to its parent: one frame on its standard output.
//!
//! `MAGIC`, one byte for the kind, then texts and bytes, each with its length in front as a little-endian
//! `u32`. The child may be a newer build of the program than its parent (an upgrade under a running daemon),
//! so the magic has a version; compiled code has wasmtime's own.

use jettison_model::Fault;

use crate::text::one_line;

/// Begins every frame.
const MAGIC: &[u8] = b"jettison-compiled/2\n";

const COMPILED: u8 = 0;
const NOT_A_COMPONENT: u8 = 1;
const FORBIDDEN_IMPORT: u8 = 2;
const WRONG_WORLD: u8 = 3;
const COMPILE: u8 = 4;
const OUT_OF_MEMORY: u8 = 5;

/// What compiling brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    /// The programs that it runs with: see [`COMPATIBILITY`](crate::engine::COMPATIBILITY).
    pub(crate) compatibility: String,
    /// As `interface.function`, sorted.
    pub(crate) imports: Vec<String>,
    /// Serialized by wasmtime.
    pub(crate) code: Vec<u8>,
}

/// One frame.
pub(crate) fn encode(reply: &Result<Code, Fault>) -> Vec<u8> {
    let mut frame = MAGIC.to_vec();
    match reply {
        Ok(Code { compatibility, imports, code }) => {
            frame.push(COMPILED);
            push(&mut frame, compatibility.as_bytes());
            push(&mut frame, imports.join("\n").as_bytes());
            push(&mut frame, code);
        }
        Err(fault) => {
            let (kind, text) = match fault {
                Fault::NotAComponent { detail } => (NOT_A_COMPONENT, detail.clone()),
                Fault::ForbiddenImport { import } => (FORBIDDEN_IMPORT, import.clone()),
                Fault::WrongWorld { detail } => (WRONG_WORLD, detail.clone()),
                Fault::Compile { detail } => (COMPILE, detail.clone()),
                Fault::OutOfMemory { budget_bytes } => (OUT_OF_MEMORY, budget_bytes.to_string()),
                other => (COMPILE, other.to_string()),
            };
            frame.push(kind);
            push(&mut frame, text.as_bytes());
        }
    }
    frame
}

/// Nothing if the frame is cut short, goes on, or is none.
pub(crate) fn decode(frame: &[u8]) -> Option<Result<Code, Fault>> {
    let (&kind, rest) = frame.strip_prefix(MAGIC)?.split_first()?;
    let (text, rest) = take(rest)?;
    let text = std::str::from_utf8(text).ok()?;
    if kind == COMPILED {
        let (imports, rest) = take(rest)?;
        let (code, rest) = take(rest)?;
        let reply = Code {
            compatibility: text.to_owned(),
            imports: std::str::from_utf8(imports).ok()?.lines().map(str::to_owned).collect(),
            code: code.to_vec(),
        };
        return rest.is_empty().then_some(Ok(reply));
    }
    // Names and messages come from the module.
    let text = one_line(text.to_owned());
    let fault = match kind {
        NOT_A_COMPONENT => Fault::NotAComponent { detail: text },
        FORBIDDEN_IMPORT => Fault::ForbiddenImport { import: text },
        WRONG_WORLD => Fault::WrongWorld { detail: text },
        COMPILE => Fault::Compile { detail: text },
        OUT_OF_MEMORY => Fault::OutOfMemory { budget_bytes: text.parse().ok()? },
        _ => return None,
    };
    rest.is_empty().then_some(Err(fault))
}

fn push(frame: &mut Vec<u8>, bytes: &[u8]) {
    // What does not fit its length is cut, and then refused by the other side; the limits are far below.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(bytes);
}

fn take(frame: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = frame.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies() -> Vec<Result<Code, Fault>> {
        vec![
            Ok(Code {
                compatibility: "0123".into(),
                imports: vec!["host.now-ms".into(), "processes.pids".into()],
                code: vec![0, 1, 2, 255],
            }),
            Ok(Code { compatibility: String::new(), imports: vec![], code: vec![7] }),
            Err(Fault::NotAComponent { detail: "no".into() }),
            Err(Fault::ForbiddenImport { import: "env.abort".into() }),
            Err(Fault::WrongWorld { detail: String::new() }),
            Err(Fault::OutOfMemory { budget_bytes: 9 }),
            Err(Fault::Compile { detail: "käse".into() }),
        ]
    }

    #[test]
    fn a_reply_comes_back_as_it_was() {
        for reply in replies() {
            assert_eq!(decode(&encode(&reply)), Some(reply));
        }
    }

    #[test]
    fn a_frame_that_is_cut_short_or_goes_on_is_none() {
        for reply in replies() {
            let mut frame = encode(&reply);
            for length in 0..frame.len() {
                assert_eq!(decode(&frame[..length]), None, "{length} of {reply:?}");
            }
            frame.push(0);
            assert_eq!(decode(&frame), None);
        }
        assert_eq!(decode(b"jettison-compiled/2\n\x09\0\0\0\0"), None);
    }
}
