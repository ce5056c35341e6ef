//! The input of the walk over the processes, besides their files.

use jettison_model::Needs;

use crate::memcg::hierarchy::Hierarchy;
use crate::memcg::members::Members;
use crate::memcg::paths::MemcgPaths;
use crate::now::Now;
use crate::process::tasks::Task;

/// How much is read again of a process of the last scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Everything.
    Scan,
    /// Everything of those in the focus, nothing of the others.
    Focus,
    /// Resident memory, adjustment, memcg.
    Glance,
    /// The adjustment alone. No process is new, and the host has as much memory available as before.
    Still,
}

/// The terms of one walk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    pub(crate) now: Now,
    pub(crate) needs: Needs,
    pub(crate) depth: Depth,
    pub(crate) hierarchy: Option<&'a Hierarchy>,
    pub(crate) memcgs: MemcgPaths<'a>,
    pub(crate) members: Option<&'a Members>,
    pub(crate) scope: Option<&'a [u8]>,
    /// What was found of all processes at once, if that is how they are looked at.
    pub(crate) tasks: Option<&'a [Task]>,
}
