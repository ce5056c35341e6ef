//! The vocabulary of a tick, in the order in which a tick speaks it.
//!
//! [`Snapshot`] (what is) → [`Ballot`] or [`Fault`] (what each policy says) → [`Ranking`] (in which
//! order) → [`Plan`] (what to do) → [`Outcome`] (what came of it). Plain data: no file, no clock,
//! no `Serialize`. What crosses a border has its own wire type at that border.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

extern crate alloc;

pub mod ballot;
pub mod column;
pub mod fault;
pub mod limits;
mod memcgs;
pub mod outcome;
pub mod plan;
mod processes;
pub mod ranking;
pub mod signal;
pub mod snapshot;
pub mod text;
mod tree;
pub mod trend;

pub use ballot::{Ballot, Entry, Stance, Step, Target, Vote};
pub use column::{Column, Limit, TextColumn};
pub use fault::Fault;
pub use outcome::{Outcome, Report};
pub use plan::{Addressees, Command, Hold, Idle, Plan, Unit, Victim};
pub use ranking::{Exclusion, Ranked, Ranking, Tier};
pub use snapshot::{Cause, Host, Memcgs, Needs, ProcessId, Processes, Request, SenseFault, Snapshot, Tree};
pub use trend::Trend;
