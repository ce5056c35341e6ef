//! What came of acting.

use crate::snapshot::ProcessId;

/// What came of one system call on one process. Nothing here ends the walk over the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It worked.
    Done,
    /// The process had gone before (ESRCH, or its pid belongs to another now): what we wanted anyway.
    Gone,
    /// The kernel refused: EPERM or EACCES.
    Refused,
    /// The kernel holds this value instead of the one that was asked for: the lowest that it permits us.
    Capped(i16),
    /// Anything else, as its `errno`.
    Failed(i32),
    /// Dry run: it would have been done.
    Dry,
}

/// An [`Outcome`] and the process that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The process.
    pub id: ProcessId,
    /// What.
    pub outcome: Outcome,
}
