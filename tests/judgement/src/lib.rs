//! Judgement: machines short of memory, what should go on each, and what each contender would take.
//!
//! ```text
//! machines/NAME.toml ─▶ written ─▶ Machine ─▶ snapshot file ─▶ `jettison explain` ─▶ Taken ─▶ Verdict
//!                                     └─────▶ peers (kernel, earlyoom, nohang, systemd-oomd) ──┘
//! ```

mod ask;
mod build;
mod domain;
mod machine;
pub mod peers;
mod snapshot;
mod testing;
mod verdict;
mod written;

pub use ask::{Ask, ask};
pub use build::{load, load_all};
pub use domain::Domain;
pub use machine::{Machine, Memcg, Process};
pub use snapshot::snapshot;
pub use testing::{judge_policy, test_machine};
pub use verdict::{Taken, Verdict, judge};

/// The folder of the machines, in this repository.
#[must_use]
pub fn machines() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("machines")
}
