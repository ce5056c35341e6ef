//! What stands and falls together: a service is a tree that a policy protects and gives steps of its own.
//!
//! A database answers SIGKILL of any one of its processes with a restart and recovery of all. So what is
//! protected with the tree goes with the tree or not at all, and a member that goes alone never gets SIGKILL.

use alloc::vec;
use alloc::vec::Vec;

use jettison_model::column::{NONE_U32, row as row_of};
use jettison_model::{Snapshot, Target};

use crate::unit::inherit;

/// The service of each row, by the row of its root; empty if there is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Services(Vec<u32>);

impl Services {
    /// `roots` are the rows whose trees are services; `order` has parents before children.
    pub(crate) fn of(snapshot: &Snapshot, order: &[u32], roots: impl Iterator<Item = u32>) -> Self {
        let mut roots = roots.peekable();
        if roots.peek().is_none() {
            return Self::default();
        }
        let parents = &snapshot.processes.parents;
        let mut services = vec![NONE_U32; parents.len()];
        for root in roots {
            if let Some(slot) = services.get_mut(root as usize) {
                *slot = root;
            }
        }
        order.iter().for_each(|&row| inherit(&mut services, row as usize, parents));
        Self(services)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The root of the service that a row belongs to; the nearest of several.
    pub(crate) fn root_of(&self, row: usize) -> Option<usize> {
        self.0.get(row).copied().and_then(row_of)
    }

    /// The unit of a given-up process that was named as part of this one. A unit that takes in the root of
    /// its service, which stays, is none: then each process is one of its own.
    pub(crate) fn within(&self, row: u32, unit: Target) -> Target {
        let Some(root) = self.root_of(row as usize) else { return unit };
        match unit {
            Target::Process(_) => unit,
            Target::Tree(top) if top as usize != root && self.root_of(top as usize) == Some(root) => unit,
            Target::Tree(_) | Target::Memcg(_) => Target::Process(row),
        }
    }

    pub(crate) fn into_rows(self) -> Vec<u32> {
        self.0
    }
}
