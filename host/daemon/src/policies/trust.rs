//! Trust in a module's file. A module decides which processes end, so only root, or the daemon's own user,
//! may have written it.

use std::fs::{Metadata, metadata};
use std::io::Result;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::process::geteuid;

/// Bits of the mode that let other users write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Why a module is not to be trusted: the file, the directory it is in, or the directory of a link to it is
/// another user's, or others may write to it. `None` if all is well.
///
/// A read-only mount cannot be written, whatever the mode says: that is how Kubernetes mounts a ConfigMap.
pub(super) fn distrust(path: &Path) -> Result<Option<String>> {
    let file = path.canonicalize()?;
    if let Some(why) = of(&file)? {
        return Ok(Some(why));
    }
    for directory in [file.parent(), path.parent()].into_iter().flatten() {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        if let Some(why) = of(directory)? {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

fn of(path: &Path) -> Result<Option<String>> {
    let found = metadata(path)?;
    let ours = geteuid().as_raw();
    if found.uid() != 0 && found.uid() != ours {
        let (shown, owner) = (path.display(), found.uid());
        return Ok(Some(format!("{shown} belongs to user {owner}: `chown root` it")));
    }
    if is_open(&found) && !is_read_only(path) {
        return Ok(Some(format!("others may write to {}: `chmod go-w` it", path.display())));
    }
    Ok(None)
}

fn is_open(found: &Metadata) -> bool {
    found.mode() & WRITABLE_BY_OTHERS != 0
}

fn is_read_only(path: &Path) -> bool {
    statvfs(path).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::RDONLY))
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path, mode: u32) {
        set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_module_is_trusted_by_its_file_its_directory_and_that_of_a_link_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("site.wasm");
        write(&file, "").unwrap();
        mode(&file, 0o644);
        let links = tempfile::tempdir().unwrap();
        let link = links.path().join("link.wasm");
        symlink(&file, &link).unwrap();
        assert_eq!((distrust(&file).unwrap(), distrust(&link).unwrap()), (None, None));
        mode(links.path(), 0o777);
        let why = distrust(&link).unwrap().unwrap();
        assert_eq!(why, format!("others may write to {}: `chmod go-w` it", links.path().display()));
        assert_eq!(distrust(&file).unwrap(), None);
        mode(&file, 0o664);
        assert!(distrust(&file).unwrap().is_some_and(|why| why.contains("site.wasm")));
    }
}
