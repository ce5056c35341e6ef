//! The daemon's log: lines on standard error or entries of journald, written by a thread of their own.
//!
//! ```text
//! tracing ─ fmt, or journald ─▶ queue ─▶ the thread `log` ─▶ standard error, or journald's socket
//! ```

mod journald;
mod queue;
mod setup;

pub(super) use setup::Log;
