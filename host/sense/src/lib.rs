//! Stage 1: kernel files into a snapshot, and the kernel's wake-ups.
//!
//! [`Sensor`] walks the files below a [`Root`] and refills a [`jettison_model::Snapshot`]; what it could not
//! read becomes a fault and the walk goes on. Triggers let the kernel say when it is time: [`trigger`].
//! [`Survey`] looks once at what a machine offers.
//!
//! ```text
//! root ─▶ hierarchy ─▶ sensor ─┬─▶ memory      host (corrected) and scope (kept open)
//!                              ├─▶ counters    what else the host counts ─▶ host_trend
//!                              ├─▶ memcg       one row per cgroup ─▶ members, memcg_trends; limit_watch (kept open)
//!                              └─▶ process     one row per process ─▶ known, growth, details
//!                        parse: total functions of bytes
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod attribution;
mod correct;
mod details;
mod error;
mod file;
mod growth;
mod hierarchy;
mod host_counters;
mod host_memory;
mod host_trend;
#[cfg(test)]
mod injected;
mod known;
mod limit_watch;
mod listing;
mod members;
mod memcg;
mod memcg_row;
mod memcg_trends;
mod memory;
mod parse;
mod place;
mod process;
mod root;
mod row;
mod sensor;
pub mod survey;
mod trend;
pub mod trigger;
mod whose;
mod window;

pub use attribution::{Attribution, Container, Pod, PodUid, Qos, Runtime, attribution};
pub use error::SenseError;
pub use hierarchy::{Hierarchy, Version};
pub use limit_watch::Left;
pub use memory::Memory;
#[doc(hidden)]
pub use parse::every::parse_with_every;
pub use root::Root;
pub use sensor::{Now, Sensor};
pub use survey::Survey;
pub use trigger::{KernelLog, MemcgEvents, PsiKind, PsiSpec, PsiTrigger, TriggerError, UsageThreshold};
