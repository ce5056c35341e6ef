//! The tick as a library: all that happens between two events, without an event loop.
//!
//! ```text
//!              an event, or the wait is over
//!   Waiting ──────────────────────────────────▶ Observing ─── a tick is due ──▶ Ticking
//!     ▲ ▲                                           │                              │
//!     │ └──────────────── no tick is due ───────────┘                              │
//!     └────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! - **Waiting to observing**: the caller waits for [`Ticker::wait_ms`] at most. An event ends the wait
//!   sooner; it never causes a kill by itself.
//! - **Observing to waiting or ticking**: [`Ticker::is_tick_due`] reads the levels and nothing else. A tick
//!   is due at once at `act` or below and while victims are under way, and after an interval otherwise
//!   (`schedule.rs`).
//! - **Ticking**: [`Ticker::tick`] goes through the stages below, once and in this order.
//! - **Ticking to waiting**: always, whatever fails within the tick.
//!
//! ```text
//!   look ─▶ gate ─▶ consult ─▶ decide ─┬─▶ notify      hooks, when an episode of short memory begins
//!   └─────────── Pipeline ───────────┘ ├─▶ shut down   victims under way (`underway.rs`)
//!     which `explain` shares           ├─▶ reclaim     a bite from what is cold (`footprint.rs`)
//!                                      └─▶ hold        values of oom_score_adj
//! ```
//!
//! Time is an argument, and so is everything that is sensed, consulted and acted through: the daemon passes
//! the live machine, the simulation in `tests/` a scripted one.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod broken;
pub mod clock;
mod consult;
pub mod events;
mod facts;
mod footprint;
mod history;
mod homes;
mod kernel_kill;
mod live;
mod log;
mod notify;
mod pipeline;
mod rehearsal;
mod report;
mod samples;
mod schedule;
mod shutdown;
mod tasks;
mod ticker;
mod underway;

pub use broken::Broken;
pub use consult::{Consult, Consulted, LogLine, NoPolicies};
pub use history::{By, HISTORY_MAX, Past, Place};
pub use kernel_kill::KernelKill;
pub use live::Live;
pub use pipeline::{Decision, Depth, MadeFrom, Pipeline};
pub use samples::Samples;
pub use ticker::Ticker;
pub use underway::Underway;
