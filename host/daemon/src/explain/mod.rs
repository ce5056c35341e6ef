//! `jettison explain`: which process would go first, and why. Changes nothing.

mod command;
mod explained;
mod table;
mod wire;

pub(crate) use command::explain;
pub(crate) use explained::BETWEEN_SCANS;
pub(crate) use wire::ranked;
