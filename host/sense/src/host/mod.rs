//! The host as a whole, and the domain of it that the daemon looks after.

pub(crate) mod corrections;
pub(crate) mod counters;
pub(crate) mod domain;
pub(crate) mod ease;
pub(crate) mod memory;
pub(crate) mod stalls;
pub(crate) mod trend;
