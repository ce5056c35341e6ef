//! Wake-ups by the kernel, so that the daemon need not poll.
//!
//! | what happens                              | type               | poll for  | where    |
//! |-------------------------------------------|--------------------|-----------|----------|
//! | tasks stall on memory                     | [`PsiTrigger`]     | `POLLPRI` | host, v2 |
//! | a memcg reaches a limit, or an OOM kill   | [`MemcgEvents`]    | `POLLPRI` | v2       |
//! | the usage of a memcg crosses a threshold  | [`UsageThreshold`] | `POLLIN`  | v1       |
//! | the kernel's OOM killer killed a process  | [`KernelLog`]      | `POLLIN`  | host     |
//!
//! Each is a file descriptor; dropping it disarms it. An event means that it is time for a tick, not what is
//! to be done.

mod error;
mod kernel_log;
mod live;
mod memcg_events;
mod psi;
mod usage;

pub use error::TriggerError;
pub use kernel_log::KernelLog;
pub use memcg_events::{EventCounts, MemcgEvents};
pub use psi::{PsiKind, PsiSpec, PsiTrigger};
pub use usage::{Usage, UsageThreshold};

pub use crate::parse::oom_kill::OomKill;
