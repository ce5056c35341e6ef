//! The directory of a memcg, for a trigger on it.

use std::path::PathBuf;

use super::error::TriggerError;
use crate::io::root::Root;
use crate::memcg::hierarchy::Hierarchy;
use crate::parse::version::Version;

/// The directory of a memcg on the live machine, if its hierarchy is of the version that the trigger is for.
pub(super) fn live_memcg(root: &Root, memcg: &str, wanted: Version) -> Result<PathBuf, TriggerError> {
    let Some(hierarchy) = Hierarchy::find(root) else {
        return Err(TriggerError::NoHierarchy { memcg: memcg.into() });
    };
    let directory = hierarchy.directory_of(memcg);
    if hierarchy.version != wanted {
        return Err(TriggerError::OtherVersion { directory, version: hierarchy.version });
    }
    if !root.is_live() {
        return Err(TriggerError::NotLive { path: directory });
    }
    Ok(directory)
}
