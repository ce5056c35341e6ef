//! Machines short of memory, as text files that people write, with what is expected there.
//!
//! ```text
//! NAME.toml ─▶ written ─ build ─▶ Machine ─ snapshot ─▶ the file that `jettison explain --snapshot` reads
//!                  └─▶ Expect
//! ```
//!
//! `jettison test` shows them to a policy, `cargo xtask judge` to the default policies and to models of
//! peers.
#![forbid(unsafe_code)]

mod build;
mod expect;
mod machine;
mod snapshot;
mod written;

pub use build::{load, load_all};
pub use expect::{Case, Expect, Scene, Subject, Words};
pub use machine::{Machine, Memcg, Process, hit, is_called};
pub use snapshot::snapshot;
