//! `jettison explain`: which process would go first, and why. Changes nothing.
//!
//! ```text
//! look ─▶ a snapshot and policies ─▶ Explained ─▶ table, tree, wire
//!           └─ what_if ─ once more, with something changed ─▶ why_not
//! ```

mod command;
mod explained;
mod kernel;
mod look;
mod table;
mod tree;
mod what_if;
mod why_not;
mod wire;
mod words;

pub(crate) use command::explain;
pub(crate) use look::is_given;
pub(crate) use why_not::why_not;
pub(crate) use wire::{first, percent, ranked};
