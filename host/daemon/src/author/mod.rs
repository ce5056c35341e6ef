//! The author's tools: from a name to a module that is tested.
//!
//! ```text
//! new ─▶ a project ─ cargo ─▶ module ─┬─▶ test: on machines and snapshots, with what is expected there
//!                                     ├─▶ inspect: what it is, what it may see
//!                                     ├─▶ bench: what a consultation takes
//!                                     └─▶ push ─▶ a registry ─▶ pull
//! ```
//!
//! `dev` builds, tests and explains after each change.

mod bench;
mod cargo;
mod dev;
mod distribute;
mod inspect;
mod judge;
mod new;
mod outcome;
mod patience;
mod test;

pub(crate) use bench::bench;
pub(crate) use cargo::build;
pub(crate) use dev::dev;
pub(crate) use distribute::{pull, push};
pub(crate) use inspect::inspect;
pub(crate) use new::new;
pub(crate) use test::test;
