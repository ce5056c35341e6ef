//! The memcgs: one row for each directory of the memory hierarchy.

pub(crate) mod attribution;
pub(crate) mod hierarchy;
pub(crate) mod leaves;
pub(crate) mod limit_watch;
pub(crate) mod members;
pub(crate) mod namespace;
pub(crate) mod owners;
pub(crate) mod paths;
pub(crate) mod row;
pub(crate) mod trends;
pub(crate) mod usual;
pub(crate) mod walk;
