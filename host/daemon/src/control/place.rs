//! Where the control socket is.

use std::path::{Path, PathBuf};

/// Where the socket is.
pub(crate) fn socket(state_dir: &Path) -> PathBuf {
    state_dir.join("control.sock")
}
