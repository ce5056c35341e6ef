//! JSON of `explain`, and of rows of its ranking for what asks the daemon.

mod explanation;
mod rank;

pub(super) use explanation::Explanation;
pub(crate) use rank::{first, percent, ranked};
