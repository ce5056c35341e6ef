//! The processes: one row for each.

#[cfg(any(feature = "bpf", test))]
pub(crate) mod agreement;
pub(crate) mod births;
pub(crate) mod blame;
pub(crate) mod details;
pub(crate) mod focus;
pub(crate) mod growth;
pub(crate) mod known;
pub(crate) mod new;
pub(crate) mod place;
pub(crate) mod reads;
pub(crate) mod reread;
pub(crate) mod row;
pub(crate) mod shared;
pub(crate) mod tasks;
pub(crate) mod terms;
pub(crate) mod texts;
pub(crate) mod walk;
