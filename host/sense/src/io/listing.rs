//! Listing directories into memory that is used again.

use std::ffi::CStr;
use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, RawDir, SeekFrom, seek};
use rustix::io::Errno;

use crate::io::file::call;

/// What one getdents64(2) returns at most: some thousand names.
const LISTING_BYTES: usize = 32 * 1024;

/// Memory for one listing at a time.
#[derive(Debug)]
pub(crate) struct Listing {
    memory: Vec<u8>,
}

impl Listing {
    pub(crate) fn new() -> Self {
        Self { memory: Vec::with_capacity(LISTING_BYTES) }
    }

    /// Calls `each` for every entry of an open directory but `.` and `..`, from its start, in the kernel's
    /// order.
    pub(crate) fn of(
        &mut self,
        directory: BorrowedFd<'_>,
        mut each: impl FnMut(&CStr, FileType),
    ) -> Result<(), Errno> {
        self.with_inodes(directory, |name, file_type, _| each(name, file_type))
    }

    /// Adds the names that are numbers: in procfs the pids.
    pub(crate) fn numbers(&mut self, directory: BorrowedFd<'_>, into: &mut Vec<u32>) -> Result<(), Errno> {
        self.of(directory, |name, _| {
            into.extend(name.to_str().ok().and_then(|name| name.parse::<u32>().ok()));
        })
    }

    /// As [`Listing::of`], with the inodes of the entries.
    pub(crate) fn with_inodes(
        &mut self,
        directory: BorrowedFd<'_>,
        mut each: impl FnMut(&CStr, FileType, u64),
    ) -> Result<(), Errno> {
        call(|| seek(directory, SeekFrom::Start(0)))?;
        let mut entries = RawDir::new(directory, self.memory.spare_capacity_mut());
        loop {
            #[cfg(test)]
            if entries.is_buffer_empty() {
                // The next entry takes a system call, which borrows the memory and so cannot go through
                // `call`.
                call(|| Ok(()))?;
            }
            match entries.next() {
                Some(Ok(entry)) if !matches!(entry.file_name().to_bytes(), b"." | b"..") => {
                    each(entry.file_name(), entry.file_type(), entry.ino());
                }
                Some(Ok(_) | Err(Errno::INTR)) => {}
                Some(Err(errno)) => return Err(errno),
                None => return Ok(()),
            }
        }
    }
}

/// A number as the name of a file, without the heap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    /// Ten digits at most, right-aligned, and a NUL.
    bytes: [u8; 11],
    start: usize,
}

impl Name {
    pub(crate) fn of(number: u32) -> Self {
        let mut bytes = [0; 11];
        let mut start = 10;
        let mut rest = number;
        for (at, slot) in bytes.iter_mut().enumerate().rev().skip(1) {
            let digit = u8::try_from(rest % 10).unwrap_or(0);
            (*slot, start) = (b'0' + digit, at);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        Self { bytes, start }
    }

    pub(crate) fn as_c_str(&self) -> &CStr {
        let name = self.bytes.get(self.start..).unwrap_or_default();
        CStr::from_bytes_with_nul(name).unwrap_or_default()
    }
}

/// A file in the directory of a number, without the heap: `123/status`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NameBelow {
    bytes: [u8; 32],
}

impl NameBelow {
    /// `file` has up to 20 bytes.
    pub(crate) fn of(number: u32, file: &CStr) -> Self {
        let mut bytes = [0; 32];
        let directory = Name::of(number);
        let path = directory.as_c_str().to_bytes().iter().chain(b"/").chain(file.to_bytes());
        // The last one stays NUL.
        for (slot, byte) in bytes.iter_mut().take(31).zip(path) {
            *slot = *byte;
        }
        Self { bytes }
    }

    pub(crate) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_names() {
        for number in [0, 1, 9, 10, 4_194_304, u32::MAX] {
            let name = Name::of(number);
            assert_eq!(name.as_c_str().to_str(), Ok(number.to_string().as_str()));
            let below = NameBelow::of(number, c"oom_score_adj");
            assert_eq!(below.as_c_str().to_str(), Ok(format!("{number}/oom_score_adj").as_str()));
        }
    }
}
