//! What a policy author depends on.
//!
//! A policy is a struct that implements [`Policy`], and one line, [`export!`], that makes it the exports of a
//! WebAssembly module. It reads a [`Snapshot`] row by row and fills in a [`Ballot`]:
//!
//! ```
//! use jettison_sdk::matching::comm;
//! use jettison_sdk::{Ballot, Description, NoConfig, Policy, Snapshot};
//!
//! struct SpareTheDatabase;
//!
//! impl Policy for SpareTheDatabase {
//!     type Config = NoConfig;
//!
//!     fn describe() -> Description {
//!         Description { name: "spare-the-database", version: "1", summary: "Keeps PostgreSQL" }
//!     }
//!
//!     fn new(NoConfig {}: NoConfig) -> Self {
//!         Self
//!     }
//!
//!     fn rank(&self, snapshot: &Snapshot, ballot: &mut Ballot) -> Result<(), String> {
//!         for p in snapshot.processes().filter(comm("postgres")) {
//!             ballot.protect(p, 900).because("the database");
//!         }
//!         Ok(())
//!     }
//! }
//!
//! jettison_sdk::export!(SpareTheDatabase);
//! # fn main() {
//! # let mut machine = jettison_sdk::testing::Machine::new();
//! # let database = machine.process("postgres").pid();
//! # assert!(machine.consult::<SpareTheDatabase>().of(database).is_some());
//! # }
//! ```
//!
//! The crate is a `cdylib`, so `cargo build --release --target wasm32-unknown-unknown` leaves a module that
//! the host loads as it is. As an `rlib` it runs natively under `cargo test`, on machines made up with
//! [`mod@testing`].
#![warn(missing_docs)]

// The generated bindings and the export macro name this crate by its name.
extern crate self as jettison_sdk;

mod ballot;
mod checked;
mod columns;
mod container;
mod groups;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;
pub mod log;
pub mod matching;
mod memcg;
mod pattern;
mod policy;
mod process;
mod reclaim;
mod snapshot;
mod step;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod tree;
mod trend;

pub use ballot::{Ballot, ENTRIES_MAX, Entry, REASON_BYTES_MAX, STEPS_MAX, Stance, Target};
pub use container::{Qos, Runtime};
pub use memcg::{Limit, Memcg};
pub use pattern::{Pattern, Patterns};
pub use policy::{Description, NoConfig, Policy, Problem};
pub use process::Process;
pub use snapshot::{Cause, PerMemcg, PerProcess, Snapshot};
pub use step::{Signal, Step, WAIT_MS_MAX};

/// Makes a [`Policy`] what this WebAssembly module exports. Once in a crate, at its root.
#[macro_export]
macro_rules! export {
    ($policy:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exports = $crate::guest::Exports<$policy>;
    $crate::guest::bindings::export_guest!(Exports with_types_in $crate::guest::bindings);
        };
        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            const fn is_policy<P: $crate::Policy>() {}
            is_policy::<$policy>()
        };
    };
}

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
