//! The memcg of a process, and whether it is in the scope.

use jettison_model::column::NONE_U32;

use crate::parse::cgroup::{is_within, memcg_path};
use crate::parse::text::Malformed;
use crate::process::terms::Terms;

/// The place of one process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The row, or [`NONE_U32`].
    pub(crate) memcg: u32,
    pub(crate) is_in_scope: bool,
}

impl Place {
    /// In no known memcg: in scope only if that is everything.
    pub(crate) fn unknown(terms: Terms<'_>) -> Self {
        Self { memcg: NONE_U32, is_in_scope: terms.scope.is_none_or(|scope| scope == b"/") }
    }

    pub(crate) fn of_row(memcg: u32, terms: Terms<'_>) -> Self {
        let is_in_scope = terms.scope.is_none_or(|scope| is_within(terms.memcgs.path(memcg), scope));
        Self { memcg, is_in_scope }
    }

    /// From the process's `cgroup`.
    pub(crate) fn of_file(text: &[u8], terms: Terms<'_>) -> Result<Self, Malformed> {
        let path = terms.hierarchy.and_then(|hierarchy| memcg_path(text, hierarchy.version));
        let path = path.ok_or(Malformed("no line for the memory hierarchy"))?;
        let Some(path) = terms.hierarchy.and_then(|hierarchy| hierarchy.below_mount(path)) else {
            return Ok(Self::unknown(terms));
        };
        let is_in_scope = terms.scope.is_none_or(|scope| is_within(&path, scope));
        Ok(Self { memcg: terms.memcgs.row_of(&path), is_in_scope })
    }
}
