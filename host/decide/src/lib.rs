//! Stage 3, the pure core: what is and what the policies say, into what to do.
//!
//! ```text
//! Snapshot ─▶ gate ─▶ Request            why this tick happens, and how much is missing
//!          ─▶ eligible ─▶ exclusions     who may never be a victim
//! Votes ───▶ tally ─▶ Ranking            one order out of several ballots
//!            plan ─▶ Plan + State        values to hold; victims only if armed
//!            unit                        what ends as one
//!            escalate                    how one victim goes, rung by rung
//! ```
//!
//! Total functions of their arguments: no clock, no file, no wasmtime. The same arguments give the same
//! plan to the byte, so every decision can be replayed.
#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::wildcard_enum_match_arm)]

extern crate alloc;

pub mod badness;
mod border;
pub mod eligible;
pub mod escalate;
pub mod gate;
mod order;
pub mod pattern;
pub mod plan;
mod relief;
pub mod settings;
pub mod state;
pub mod tally;
mod unit;

pub use eligible::{exclusions, mark};
pub use gate::{Level, Signals, gate};
pub use pattern::Pattern;
pub use plan::{is_critical_for, plan};
pub use settings::{Bound, Reach, Rule, Settings, Thresholds};
pub use state::{InFlight, State};
pub use tally::tally;
pub use unit::{enclosure, stoppable};
