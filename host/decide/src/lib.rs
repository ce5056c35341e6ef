//! Stage 3, the pure core: what is and what the policies say, into what to do.
//!
//! ```text
//! Snapshot ─▶ gate ─▶ Request            why this tick happens, and how much is missing
//!              thrash                    stalls, however much is called available
//!          ─▶ eligible ─▶ exclusions     which processes may never be a victim
//! Votes ───▶ tally ─▶ Ranking            one order out of several ballots
//!            plan ─▶ Plan + State        values to hold; victims only if armed
//!              choose                    which units, by the four laws
//!              passed                    why the others stay, for people
//!              victim                    what a unit is, whole, and how it goes
//!              service                what stands and falls together
//!            reclaim                 at a warning: what the kernel should take back before any process goes
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
mod choose;
mod domain;
pub mod eligible;
pub mod escalate;
pub mod gate;
mod order;
mod passed;
pub mod pattern;
pub mod plan;
mod reach;
pub mod reclaim;
mod relief;
mod service;
pub mod settings;
pub mod state;
mod tally;
mod thrash;
mod unit;
mod victim;

pub use domain::{EXIT_MS, End, fall_bytes_per_s, time_left_ms};
pub use eligible::{exclusions, mark};
pub use gate::{Level, Signals, gate};
pub use passed::{Passed, passed};
pub use pattern::Pattern;
pub use plan::plan;
pub use reclaim::Bite;
pub use settings::{Bound, Reach, Reclaim, Rule, Settings, StallSpan, Thrash, Thresholds};
pub use state::{InFlight, Relief, State};
pub use unit::{enclosure, stoppable};
pub use victim::{BUILT_IN, built_in_reason};
