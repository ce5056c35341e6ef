//! The kernel wakes us, so that nobody has to look again and again.
//!
//! | what happens                        | type               | poll for  | where     |
//! |-------------------------------------|--------------------|-----------|-----------|
//! | tasks stall on memory               | [`PsiTrigger`]     | `POLLPRI` | host, v2  |
//! | a memcg meets a limit, or loses a process to the kernel's OOM killer | [`MemcgEvents`] | `POLLPRI` | v2 |
//! | the usage of a memcg crosses a mark | [`UsageThreshold`] | `POLLIN`  | v1        |
//! | the kernel's OOM killer took a process | [`KernelLog`]   | `POLLIN`  | host      |
//!
//! Each is a file descriptor; dropping it disarms it. An event says that it is time to look, not what is to be done.

mod error;
mod kernel_log;
mod memcg_events;
mod psi;
mod usage;

use std::path::PathBuf;

pub use error::TriggerError;
pub use kernel_log::KernelLog;
pub use memcg_events::{EventCounts, MemcgEvents};
pub use psi::{PsiKind, PsiSpec, PsiTrigger};
pub use usage::{Usage, UsageThreshold};

pub use crate::parse::oom_kill::OomKill;

use crate::hierarchy::{Hierarchy, Version};
use crate::root::Root;

/// The directory of a memcg on the live machine, if its hierarchy is of the version that the trigger is for.
fn live_memcg(root: &Root, memcg: &str, wanted: Version) -> Result<PathBuf, TriggerError> {
    let Some(hierarchy) = Hierarchy::find(root) else {
        return Err(TriggerError::NoHierarchy { memcg: memcg.into() });
    };
    let directory = hierarchy.directory_of(memcg);
    if hierarchy.version != wanted {
        return Err(TriggerError::OtherVersion { directory, version: hierarchy.version });
    }
    if !root.is_live() {
        return Err(TriggerError::NotLive { path: directory });
    }
    Ok(directory)
}
