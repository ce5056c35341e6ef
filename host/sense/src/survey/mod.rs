//! What a machine offers to a daemon that manages its memory, read once, for `jettison doctor`; and what
//! holds memory beside processes, for the log.
//!
//! Every fact is an option or a list, and what cannot be read is unknown. Nothing here is kept open.

mod capabilities;
mod facts;
mod holders;
mod kernel;
mod processes;
mod read;
mod swap;

pub use capabilities::{Capabilities, Capability};
pub use facts::Survey;
pub use holders::{Holder, holders};
pub use kernel::{Feature, Release};
pub use processes::{Rival, Sight};
pub use swap::{SwapDevice, SwapKind};
