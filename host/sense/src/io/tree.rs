//! Files that stay open below one directory, and why one of them could not be used.

use std::ffi::{CStr, OsStr};
use std::fmt;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::io::error::{Faults, SenseError};
use crate::io::file::{Buffer, KeptFile, is_gone};
use crate::parse::text::Malformed;

/// Which file could not be used, and why.
#[derive(Debug)]
pub(crate) struct Unusable<'a> {
    pub(crate) tree: &'a Path,
    pub(crate) file: &'a CStr,
    pub(crate) why: Why,
}

impl Unusable<'_> {
    pub(crate) fn record(&self, faults: &mut Faults) {
        faults.add(self.tree, &[self.file.to_bytes()], &self.why);
    }

    pub(crate) fn into_error(self) -> SenseError {
        let path = self.tree.join(OsStr::from_bytes(self.file.to_bytes()));
        match self.why {
            Why::Unread(errno) => SenseError::Unreadable { path, errno },
            Why::Malformed(Malformed(what)) => SenseError::Malformed { path, what },
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Why {
    Unread(Errno),
    Malformed(Malformed),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(errno) => write!(f, "cannot be read: {errno}"),
            Self::Malformed(what) => what.fmt(f),
        }
    }
}

/// Files below one directory that stays open.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) path: PathBuf,
    pub(crate) directory: OwnedFd,
}

impl Tree {
    pub(crate) fn read<'a, T>(
        &'a self,
        file: &'a mut KeptFile,
        buffer: &mut Buffer,
        parse: impl FnOnce(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, Unusable<'a>> {
        let parsed = file
            .read(&self.directory, buffer)
            .map_err(Why::Unread)
            .and_then(|text| parse(text).map_err(Why::Malformed));
        parsed.map_err(|why| Unusable { tree: &self.path, file: file.path(), why })
    }
}

/// An absent file is no fault: the kernel may have no PSI (`psi=0`), no ZFS, no zram.
pub(crate) fn if_present<T>(result: Result<T, Unusable<'_>>) -> Result<Option<T>, Unusable<'_>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Unusable { why: Why::Unread(errno), .. }) if is_gone(errno) || errno == Errno::OPNOTSUPP => {
            Ok(None)
        }
        Err(unusable) => Err(unusable),
    }
}
