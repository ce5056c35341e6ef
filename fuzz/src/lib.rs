//! What is tried with arbitrary bytes: a module for each crate of the host. Each function must return,
//! whatever the bytes are; a panic is the find. How to run them, and how to add one, is in docs/testing.md.

pub mod policy;
pub mod record;
pub mod registry;
pub mod sense;
