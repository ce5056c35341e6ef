//! Stage 2: the WebAssembly border, from module file to checked ballot.
//!
//! ```text
//! module file ─▶ Compiler ─▶ Compiled ─▶ Policy::load ─▶ Policy ─▶ consult(&Snapshot) ─▶ Consultation
//!               (a child)                (checks, describe,         (a fresh instance     (Ballot or Fault,
//!                                         validate)                  each time)            fuel, log)
//! ```
//!
//! The only crate that knows wasmtime. What a policy can do wrong ends as a [`Fault`](jettison_model::Fault):
//!
//! | threat | held by |
//! |---|---|
//! | reads or does what it should not | imports of `jettison:policy` only, `details` by grant, one snapshot |
//! | loops, recurses, takes long | fuel, also for what the host copies; a bounded stack; a fuse in time |
//! | bloats | a limit on memory and tables, set aside once; a limit on what one answer may hold |
//! | remembers, leaks | a fresh store and instance for each call |
//! | lies | [`ballot`](mod@ballot): every number of an answer is checked, or none is taken |
//! | bloats or breaks the compiler | a child process with limits on time and address space |
//! | slips in compiled code | kept only where no other user can write; owner, mode and checksum are checked |
#![deny(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![warn(missing_docs)]

mod aside;
mod ballot;
mod builtin;
mod cache;
mod call;
#[cfg(feature = "compiler")]
mod child;
mod compiler;
mod confine;
mod digest;
mod engine;
mod fault;
mod fuse;
mod guest;
mod imports;
mod limits;
mod offer;
mod policy;
mod raw;
mod reply;
mod settings;
mod text;
mod vault;
mod world;

pub use aside::{Bounds, Ended, Task};
pub use builtin::{BUILTINS, DEFAULTS, builtin, builtin_grants};
pub use call::Consultation;
#[cfg(feature = "compiler")]
pub use child::{compile_builtins, compile_here, compile_module, component};
pub use compiler::{Compiled, Compiler};
pub use confine::{Confined, Reach, confine};
pub use digest::digest;
pub use engine::Engine;
pub use guest::LogLine;
pub use limits::{CompileLimits, LIMITS_MAX, Limits};
pub use offer::interface;
pub use policy::Policy;
pub use vault::Vault;
