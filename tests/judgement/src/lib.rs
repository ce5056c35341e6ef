//! Judgement: machines short of memory, what should go on each, and what each contender would take.
//!
//! ```text
//! machines/NAME.toml ─▶ Machine ─▶ snapshot file ─▶ `jettison explain` ─▶ Taken ─▶ Verdict
//!                                     └─────▶ peers (kernel, earlyoom, nohang, systemd-oomd) ──┘
//! ```

mod ask;
mod domain;
pub mod peers;
mod testing;
mod verdict;

pub use ask::{Ask, ask};
pub use domain::Domain;
pub use jettison_machines::{Machine, Memcg, Process, load, load_all, snapshot};
pub use testing::{judge_policy, test_machine};
pub use verdict::{Taken, Verdict, judge};

/// The folder of the machines, in this repository.
#[must_use]
pub fn machines() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("machines")
}
