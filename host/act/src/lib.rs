//! Stage 4: a plan into outcomes.
//!
//! ```text
//! Plan ─┬─ holds ───▶ Ledger ───▶ oom_score_adj      journalled before the first write, put back at the end
//!       └─ victims ─▶ (escalation) ─▶ Command ─▶ Actuator ─▶ pidfds: signal, kill, reap
//! ```
//!
//! Everything goes through [`Kernel`], which a test scripts. A process is opened once, by pidfd, and its
//! start time is compared through the open pidfd, so that no signal can reach a process that has its pid by
//! now.
#![deny(unsafe_code)]
#![warn(missing_docs)]
#![warn(clippy::wildcard_enum_match_arm)]

mod actuator;
mod drill;
mod helpers;
mod hooks;
mod journal;
mod kernel;
mod ledger;
mod live;
mod prekill;
mod reaper;
mod reclaim;
mod stopped;
mod systemd;
mod task;

pub use actuator::Actuator;
pub use helpers::{Helpers, LiveHelpers, Places};
pub use hooks::HookCommand;
pub use journal::JournalError;
pub use kernel::Kernel;
pub use ledger::{HoldReport, Ledger, Recovered};
pub use live::LiveKernel;
pub use stopped::Stopped;
pub use systemd::ManagerAddress;
pub use task::{Ended, Task, TaskId};
