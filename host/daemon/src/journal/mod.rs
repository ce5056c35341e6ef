//! The journal: written by `run`, read by `history`, `replay`, `diff`, `report` and
//! `export`.
//!
//! ```text
//! run ─ Recorder ─▶ jettison-record ─▶ segments ─ walk ─▶ replay, diff, history, report, export
//! ```

mod changes;
mod diff;
mod ends;
mod export;
mod history;
mod panel;
mod recorder;
mod replay;
mod report;
mod setup;
mod time;
mod walk;

pub(crate) use diff::diff;
pub(crate) use ends::end;
pub(crate) use export::export;
pub(crate) use history::{Wanted, history};
pub(crate) use recorder::Recorder;
pub(crate) use replay::replay;
pub(crate) use report::report;
pub(crate) use setup::setup;
pub(crate) use time::duration_ms;
