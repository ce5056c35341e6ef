//! Files that hold names and command lines: for their owner only.

use std::fs::File;
use std::io::Result;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Makes one, or empties the one that is there, whose mode stays.
pub(crate) fn create(path: &Path) -> Result<File> {
    File::options().write(true).create(true).truncate(true).mode(0o600).open(path)
}
