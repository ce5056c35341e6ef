//! The journal: every armed tick with all that its decision was made from, on disk and back.
//!
//! ```text
//! tick ─▶ Journal (bounded queue) ─▶ thread: wire ─▶ frame ─▶ segment ─▶ directory
//!                                                                          │
//! replay, history, report ◀─ Record ◀─ wire ◀─ frame ◀─ Reader ◀───────────┘
//! ```
//!
//! The format is in docs/reference/journal.md. Recording never delays a tick: what the queue has no room for
//! is dropped and counted.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod directory;
mod frame;
mod queue;
mod reader;
mod record;
mod wire;
mod writer;

pub use directory::{Directory, NotOurs};
pub use queue::{Counts, Journal};
pub use reader::{Damage, Found, Reader, Segment, Unreadable, segments};
pub use record::{End, PolicySetup, Record, Sample, Setup, Tick};
pub use wire::{plan_bytes, votes_bytes};
