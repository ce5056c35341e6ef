//! Reads a file that an administrator named: a regular one, up to a bound, without waiting.
//!
//! A FIFO would be waited for, and a device has no end. The descriptor is asked what it is, so that the file
//! that was checked is the file that is read.

use std::fs::{File, FileType};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};

/// Its content.
///
/// # Errors
/// [`ErrorKind::FileTooLarge`] if it has more than `bytes_max` bytes, and [`ErrorKind::InvalidInput`] if it
/// is no regular file, both with a text for people; else those of open(2) and read(2).
pub(crate) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(open(path, flags, Mode::empty())?);
    let found = file.metadata()?;
    if !found.is_file() {
        let what = format!("it is {}, not a regular file", kind(found.file_type()));
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    let too_large = |has: &str, bytes: u64| {
        let what = format!("it has {has}{bytes} bytes, at most {bytes_max} are taken");
        Error::new(ErrorKind::FileTooLarge, what)
    };
    if found.len() > bytes_max {
        return Err(too_large("", found.len()));
    }
    let mut content = Vec::new();
    // It may grow meanwhile, and files of the kernel have no size.
    file.take(bytes_max + 1).read_to_end(&mut content)?;
    if content.len() as u64 > bytes_max {
        return Err(too_large("more than ", bytes_max));
    }
    Ok(content)
}

/// The same of a text.
///
/// # Errors
/// Those of [`read`], and [`ErrorKind::InvalidData`] if it is not UTF-8.
pub(crate) fn read_text(path: &Path, bytes_max: u64) -> Result<String> {
    String::from_utf8(read(path, bytes_max)?).map_err(|error| Error::new(ErrorKind::InvalidData, error))
}

fn kind(file: FileType) -> &'static str {
    match file {
        file if file.is_dir() => "a directory",
        file if file.is_fifo() => "a FIFO",
        file if file.is_socket() => "a socket",
        _ => "a device",
    }
}
