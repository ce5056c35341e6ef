//! The directory of a journal: segments with a number each, the oldest removed first.
//!
//! ```text
//! DIRECTORY/000000000042.journal
//! ```

use std::fmt;
use std::fs::{DirBuilder, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;

/// What follows the number in a file's name.
const SUFFIX: &str = ".journal";
/// Digits of the number.
const DIGITS: usize = 12;

/// A directory that only its owner can write to: what is in it is believed.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    open: OwnedFd,
}

/// Why a directory cannot be taken.
#[derive(Debug)]
pub struct NotOurs {
    path: PathBuf,
    why: String,
}

impl fmt::Display for NotOurs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for NotOurs {}

/// A segment that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Numbered {
    pub(crate) number: u64,
    pub(crate) bytes: u64,
}

impl Directory {
    /// Makes it, for its owner alone, if it is not there.
    ///
    /// # Errors
    /// If it cannot be made, is a link or no directory, or is not ours alone.
    pub fn open(path: &Path) -> Result<Self, NotOurs> {
        let not = |why: String| NotOurs { path: path.into(), why };
        let mut made = DirBuilder::new();
        made.recursive(true).mode(0o700);
        // One that is there may be a link, which `create` would follow.
        if path.symlink_metadata().is_err() {
            made.create(path).map_err(|error| not(format!("cannot be made: {error}")))?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::LOOP | Errno::NOTDIR => not("is a link or no directory: name the directory itself".into()),
            errno => not(format!("cannot be opened: {errno}")),
        })?;
        let open = File::from(open);
        let found = open.metadata().map_err(|error| not(format!("cannot be looked at: {error}")))?;
        let (owner, mode, us) = (found.uid(), found.mode() & 0o7777, rustix::process::geteuid().as_raw());
        if owner != us && owner != 0 {
            return Err(not(format!("belongs to user {owner}, not to user {us} or root")));
        }
        if mode & 0o022 != 0 {
            return Err(not(format!(
                "has mode {mode:04o}: its group or others may write to it; `chmod go-w` it"
            )));
        }
        Ok(Self { path: path.into(), open: open.into() })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The segments, the oldest first.
    pub(crate) fn segments(&self) -> Result<Vec<Numbered>, Errno> {
        let mut segments = Vec::new();
        for entry in Dir::read_from(&self.open)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(number) = number_of(&name) else { continue };
            let found = rustix::fs::statat(&self.open, &name, AtFlags::SYMLINK_NOFOLLOW)?;
            segments.push(Numbered { number, bytes: u64::try_from(found.st_size).unwrap_or(0) });
        }
        segments.sort_unstable();
        Ok(segments)
    }

    /// A new segment, for its owner alone.
    pub(crate) fn create(&self, number: u64) -> Result<File, Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(&self.open, name_of(number), flags, Mode::RUSR | Mode::WUSR).map(File::from)
    }

    pub(crate) fn remove(&self, number: u64) -> Result<(), Errno> {
        unlinkat(&self.open, name_of(number), AtFlags::empty())
    }
}

fn name_of(number: u64) -> String {
    format!("{number:0DIGITS$}{SUFFIX}")
}

pub(crate) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let is_number = digits.len() >= DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}
