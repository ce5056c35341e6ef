//! Reads a file that an administrator named: a regular one, up to a bound, without waiting.
//!
//! A FIFO would be waited for, and a device has no end. The descriptor is asked what it is and whose, so that
//! the file that was checked is the file that is read.

use std::fmt;
use std::fs::{File, FileType};
use std::io::{Error, ErrorKind, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};

use crate::trust::distrust;

/// Why a file was not read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// It has more bytes than are taken, in a text for people.
    TooLarge(String),
    /// It is no regular file, no text, or refused by the kernel.
    Failed(Error),
    /// Others could have written it.
    Distrusted(String),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(what) => write!(f, "cannot be read: {what}"),
            Self::Failed(error) => write!(f, "cannot be read: {error}"),
            Self::Distrusted(why) => write!(f, "is not trusted: {why}"),
        }
    }
}

impl Unread {
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Failed(error) if error.kind() == ErrorKind::NotFound)
    }
}

impl From<Error> for Unread {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Its content. With `is_wary` not of one that others could have written.
pub(crate) fn read(path: &Path, bytes_max: u64, is_wary: bool) -> Result<Vec<u8>, Unread> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(open(path, flags, Mode::empty()).map_err(Error::from)?);
    let found = file.metadata()?;
    if !found.is_file() {
        let what = format!("it is {}, not a regular file", kind(found.file_type()));
        return Err(Error::new(ErrorKind::InvalidInput, what).into());
    }
    if is_wary && let Some(why) = distrust(&file, path)? {
        return Err(Unread::Distrusted(why));
    }
    let too_large = |has: &str, bytes: u64| {
        Err(Unread::TooLarge(format!("it has {has}{bytes} bytes, at most {bytes_max} are taken")))
    };
    if found.len() > bytes_max {
        return too_large("", found.len());
    }
    let mut content = Vec::new();
    // It may grow meanwhile, and files of the kernel have no size.
    file.take(bytes_max + 1).read_to_end(&mut content)?;
    if content.len() as u64 > bytes_max {
        return too_large("more than ", bytes_max);
    }
    Ok(content)
}

/// The same of a text.
pub(crate) fn read_text(path: &Path, bytes_max: u64, is_wary: bool) -> Result<String, Unread> {
    let content = read(path, bytes_max, is_wary)?;
    String::from_utf8(content).map_err(|error| Error::new(ErrorKind::InvalidData, error).into())
}

fn kind(file: FileType) -> &'static str {
    match file {
        file if file.is_dir() => "a directory",
        file if file.is_fifo() => "a FIFO",
        file if file.is_socket() => "a socket",
        _ => "a device",
    }
}
