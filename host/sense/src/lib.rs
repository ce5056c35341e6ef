//! Stage 1: kernel files into a snapshot, and the kernel's wake-ups.
//!
//! [`Sensor`] walks the files below a [`Root`] and refills a [`jettison_model::Snapshot`]. A file that it
//! cannot read becomes a fault, and the walk goes on. [`Sense`] is the sensor as the later stages see it.
//! With the triggers of [`trigger`] the kernel wakes the daemon. [`Survey`] reads once what a machine offers.
//!
//! ```text
//! io/root ─▶ memcg/hierarchy ─▶ sensor ─┬─▶ host/      memory, corrected; domain; counters ─▶ trend; ease
//!                                       ├─▶ memcg/     a row each ─▶ owners, trends, usual; limit_watch
//!                                       └─▶ process/   a row each (focus: of few) ─▶ shared, growth, blame
//!                                             ▲
//!                             bpf/ ───────────┘  all at one look, with the feature `bpf`
//!
//! parse/     total functions of bytes    rate/      two points in the past ─▶ a rate
//! io/        reading, listing, errors    trigger/   wake-ups by the kernel
//!                                        survey/    for `jettison doctor`
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

#[cfg(feature = "bpf")]
mod bpf;
mod host;
#[cfg(test)]
mod injected;
mod io;
mod last;
mod memcg;
mod now;
mod parse;
mod process;
mod rate;
mod sense;
mod sensor;
pub mod survey;
pub mod trigger;

pub use host::domain::Memory;
pub use io::error::SenseError;
pub use io::kept::KeptError;
pub use io::root::Root;
pub use memcg::attribution::{Attribution, Container, Pod, PodUid, Qos, Runtime, attribution};
pub use memcg::hierarchy::Hierarchy;
pub use memcg::limit_watch::Left;
pub use memcg::usual::Usual;
pub use now::Now;
#[doc(hidden)]
pub use parse::every::parse_with_every;
pub use parse::version::Version;
pub use sense::Sense;
pub use sensor::Sensor;
pub use sensor::marks::EaseMarks;
pub use survey::Survey;
pub use trigger::{KernelLog, MemcgEvents, PsiKind, PsiSpec, PsiTrigger, TriggerError, UsageThreshold};
