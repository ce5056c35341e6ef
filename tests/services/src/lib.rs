//! Real databases that run out of memory, each in a limited memcg of its own, beside Jettison or the kernel
//! alone. What became of a service is read from its own log.
//!
//! [`Stage`] is the memcg and the contender, [`Server`] a database on it, [`scenarios`] what happens there.
#![warn(missing_docs)]
#![expect(clippy::disallowed_methods, reason = "what is real takes real time")]

mod mariadb;
mod postgres;
mod redis;
pub mod scenarios;
mod server;
mod stage;

pub use postgres::{Postgres, resident_kib};
pub use server::{Server, signal_to};
pub use stage::{Contender, Stage};
