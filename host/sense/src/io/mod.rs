//! Files: where they are, how they are read and listed, and the errors.

pub(crate) mod error;
#[cfg(test)]
pub(crate) mod failure;
pub(crate) mod file;
pub(crate) mod kept;
pub(crate) mod listing;
pub(crate) mod root;
pub(crate) mod tree;
