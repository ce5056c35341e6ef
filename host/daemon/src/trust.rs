//! Trust in a file that decides which processes end, or what runs as root: the configuration, drop-ins,
//! modules and the programs of hooks. Only root, or the daemon's own user, may have written it.
//!
//! The file is asked on the descriptor that it is read from, so that it cannot be another one by then.

use std::fs::metadata;
use std::io::{Error, Result};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags, Stat, StatVfsMountFlags, fstat, fstatvfs, open};
use rustix::process::geteuid;

/// Bits of the mode that let other users write.
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// In a directory with this bit only the owner of a file can put another in its place (unlink(2)).
const STICKY: u32 = 0o1000;

/// Whether files are to be asked. What another user has the daemon do is that user's own business where the
/// daemon is not root.
pub(crate) fn is_root() -> bool {
    geteuid().is_root()
}

/// Why a file, open as `file`, is not to be trusted: it, the directory it is in, or the directory of a link
/// to it is another user's, or others may write to it. `None` if all is well.
///
/// A read-only mount cannot be written, whatever the mode says: that is how Kubernetes mounts a ConfigMap.
pub(crate) fn distrust(file: impl AsFd, path: &Path) -> Result<Option<String>> {
    let real = path.canonicalize()?;
    let (found, named) = (fstat(&file)?, metadata(&real)?);
    if (found.st_dev, found.st_ino) != (named.dev(), named.ino()) {
        return Err(Error::other("another file was put in its place meanwhile"));
    }
    if let Some(why) = of(&file, &real, 0)? {
        return Ok(Some(why));
    }
    for directory in [real.parent(), path.parent()].into_iter().flatten() {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let opened = look_at(directory, OFlags::DIRECTORY)?;
        if let Some(why) = of(&opened, directory, STICKY)? {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

/// The same of a file that is not read here, such as a program. One that is not there does no harm.
pub(crate) fn distrust_path(path: &Path) -> Option<String> {
    let file = look_at(path, OFlags::empty()).ok()?;
    distrust(file, path).unwrap_or_else(|error| Some(format!("{}: {error}", path.display())))
}

fn look_at(path: &Path, flags: OFlags) -> Result<OwnedFd> {
    Ok(open(path, flags | OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}

/// `harmless` are bits of the mode with which it does no harm that others may write.
fn of(file: impl AsFd, path: &Path, harmless: u32) -> Result<Option<String>> {
    let found = fstat(&file)?;
    let (owner, shown) = (found.st_uid, path.display());
    if owner != 0 && owner != geteuid().as_raw() {
        return Ok(Some(format!("{shown} belongs to user {owner}: `chown root {shown}`")));
    }
    if is_open(&found, harmless) && !is_read_only(&file) {
        return Ok(Some(format!("others may write to {shown}: `chmod go-w {shown}`")));
    }
    Ok(None)
}

fn is_open(found: &Stat, harmless: u32) -> bool {
    found.st_mode & WRITABLE_BY_OTHERS != 0 && found.st_mode & harmless == 0
}

fn is_read_only(file: impl AsFd) -> bool {
    fstatvfs(file).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::RDONLY))
}

#[cfg(test)]
mod tests {
    use std::fs::{File, Permissions, rename, set_permissions, write};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path, mode: u32) {
        set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn why(path: &Path) -> Option<String> {
        distrust(File::open(path).unwrap(), path).unwrap()
    }

    #[test]
    fn a_file_is_trusted_by_itself_its_directory_and_that_of_a_link_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("site.wasm");
        write(&file, "").unwrap();
        mode(&file, 0o644);
        let links = tempfile::tempdir().unwrap();
        let link = links.path().join("link.wasm");
        symlink(&file, &link).unwrap();
        assert_eq!((why(&file), why(&link), distrust_path(&link)), (None, None, None));
        mode(links.path(), 0o777);
        let shown = links.path().display();
        let expected = format!("others may write to {shown}: `chmod go-w {shown}`");
        assert_eq!((why(&link), distrust_path(&link)), (Some(expected.clone()), Some(expected)));
        assert_eq!(why(&file), None);
        mode(links.path(), 0o1777);
        assert_eq!(why(&link), None, "as /tmp is: none but the owner can put another in its place");
        for open in [0o664, 0o646, 0o1666] {
            mode(&file, open);
            assert!(why(&file).is_some_and(|why| why.contains("site.wasm")), "{open:o}");
        }
    }

    #[test]
    fn one_that_was_replaced_after_it_was_opened_is_not_trusted_for_the_other() {
        let directory = tempfile::tempdir().unwrap();
        let (file, other) = (directory.path().join("file"), directory.path().join("other"));
        write(&file, "ours").unwrap();
        write(&other, "others'").unwrap();
        let opened = File::open(&file).unwrap();
        rename(&other, &file).unwrap();
        let error = distrust(opened, &file).unwrap_err();
        assert_eq!(error.to_string(), "another file was put in its place meanwhile");
    }

    #[test]
    fn one_that_is_not_there_is_no_reason() {
        assert_eq!(distrust_path(Path::new("/nonexistent/hook")), None);
    }
}
