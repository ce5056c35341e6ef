//! JSON of `explain`, and of rows of its ranking for those who ask the daemon.

mod explanation;
mod rank;

pub(super) use explanation::Explanation;
pub(crate) use rank::{first, percent, ranked};
