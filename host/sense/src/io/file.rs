//! Reading small kernel files into memory that is used again.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use jettison_model::limits::KERNEL_FILE_BYTES_MAX;
use rustix::fs::{CWD, Mode, OFlags, openat, readlinkat_raw};
use rustix::io::{Errno, pread, read};

use crate::io::error::SenseError;

/// How far a buffer may grow for a file that is longer than [`KERNEL_FILE_BYTES_MAX`]. A process in all of
/// its possible 65,536 supplementary groups has 720 KB of them in `status`, before the lines that are used.
const GROWN_BYTES_MAX: usize = 64 * KERNEL_FILE_BYTES_MAX;

/// A buffer for one file at a time.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
}

impl Buffer {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; KERNEL_FILE_BYTES_MAX] }
    }

    /// Opens, reads and closes `path` below `directory`.
    pub(crate) fn read_file(&mut self, directory: BorrowedFd<'_>, path: &CStr) -> Result<&[u8], Errno> {
        let file = open(directory, path)?;
        self.fill(|into, _| read(&file, into), End::Short)
    }

    /// Likewise, for a file that the kernel returns in pieces, such as the list of a memcg's processes.
    pub(crate) fn read_list(&mut self, directory: BorrowedFd<'_>, path: &CStr) -> Result<&[u8], Errno> {
        let file = open(directory, path)?;
        self.fill(|into, _| read(&file, into), End::Empty)
    }

    /// Likewise, and leaves it open.
    pub(crate) fn read_and_keep(
        &mut self,
        directory: BorrowedFd<'_>,
        path: &CStr,
    ) -> Result<(OwnedFd, &[u8]), Errno> {
        let file = open(directory, path)?;
        let text = self.fill(|into, _| read(&file, into), End::Short)?;
        Ok((file, text))
    }

    /// Reads a file of [`Buffer::read_and_keep`] again.
    pub(crate) fn read_kept(&mut self, file: &OwnedFd) -> Result<&[u8], Errno> {
        self.read_again(file, End::Short)
    }

    /// Reads an open file again, from its start.
    fn read_again(&mut self, file: &OwnedFd, end: End) -> Result<&[u8], Errno> {
        self.fill(|into, at| pread(file, into, at as u64), end)
    }

    /// Opens `path`, reads no more than `most` bytes of it and closes it.
    pub(crate) fn read_head(
        &mut self,
        directory: BorrowedFd<'_>,
        path: &CStr,
        most: usize,
    ) -> Result<&[u8], Errno> {
        let file = open(directory, path)?;
        let most = most.min(self.bytes.len());
        let head = self.bytes.get_mut(..most).unwrap_or_default();
        let count = call(|| read(&file, &mut *head))?;
        Ok(self.bytes.get(..count).unwrap_or_default())
    }

    /// Where a symbolic link leads.
    pub(crate) fn read_link(&mut self, directory: BorrowedFd<'_>, path: &CStr) -> Result<&[u8], Errno> {
        let bytes = self.bytes.as_mut_slice();
        let count = call(|| readlinkat_raw(directory, path, &mut *bytes))?;
        Ok(self.bytes.get(..count).unwrap_or_default())
    }

    fn fill(
        &mut self,
        mut read_at: impl FnMut(&mut [u8], usize) -> Result<usize, Errno>,
        end: End,
    ) -> Result<&[u8], Errno> {
        let mut filled = 0;
        loop {
            let room = self.bytes.get_mut(filled..).unwrap_or_default();
            let count = call(|| read_at(room, filled))?;
            let (is_end, is_full) = (end.is_reached(count, room.len()), count == room.len());
            filled += count;
            if is_end || is_full && self.bytes.len() >= GROWN_BYTES_MAX {
                return Ok(self.bytes.get(..filled).unwrap_or_default());
            }
            if is_full {
                self.bytes.resize(self.bytes.len() * 2, 0);
            }
        }
    }
}

/// Makes a system call of a scan, again after EINTR. All go through here, so tests can make any of them fail.
pub(crate) fn call<T>(mut system_call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        #[cfg(test)]
        let result = crate::io::failure::due().map_or_else(&mut system_call, Err);
        #[cfg(not(test))]
        let result = system_call();
        if !matches!(result, Err(Errno::INTR)) {
            return result;
        }
    }
}

/// How the end of a file is recognised.
#[derive(Clone, Copy, Debug)]
enum End {
    /// By a read that leaves room: the kernel returns most of these files in one piece. A further read for
    /// the end would be one system call in four.
    Short,
    /// By an empty read: a list comes in pieces of a page or less.
    Empty,
}

impl End {
    fn is_reached(self, count: usize, room: usize) -> bool {
        match self {
            Self::Short => count < room,
            Self::Empty => count == 0 && room > 0,
        }
    }
}

fn open(directory: BorrowedFd<'_>, path: &CStr) -> Result<OwnedFd, Errno> {
    call(|| openat(directory, path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty()))
}

/// Opens a directory to list it and to open files below it.
pub(crate) fn open_directory(directory: BorrowedFd<'_>, path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    call(|| openat(directory, path, flags, Mode::empty()))
}

/// Opens a directory with `O_PATH`, only to open files below it, which costs less.
pub(crate) fn open_place(directory: BorrowedFd<'_>, path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    call(|| openat(directory, path, flags, Mode::empty()))
}

/// Opens it to list it, by its full path.
pub(crate) fn open_root(path: &Path) -> Result<OwnedFd, SenseError> {
    let opened = CString::new(path.as_os_str().as_bytes())
        .map_or(Err(Errno::INVAL), |name| open_directory(CWD, &name));
    opened.map_err(|errno| SenseError::Unreadable { path: path.into(), errno })
}

/// A file that is read on every tick and therefore kept open: opening allocates kernel memory, which is
/// short when the daemon is needed.
#[derive(Debug)]
pub(crate) struct KeptFile {
    path: CString,
    file: Option<OwnedFd>,
    end: End,
}

impl KeptFile {
    /// `path` is relative to the directory that [`KeptFile::read`] is given. Opened at the first read.
    pub(crate) fn new(path: CString) -> Self {
        Self { path, file: None, end: End::Short }
    }

    /// Likewise, for a file that the kernel returns in pieces of at most a page (fs/seq_file.c).
    pub(crate) fn list(path: CString) -> Self {
        Self { end: End::Empty, ..Self::new(path) }
    }

    pub(crate) fn path(&self) -> &CStr {
        &self.path
    }

    /// Reads the file from its start. A file that was removed and created again (a memcg of the same name) is
    /// opened again.
    pub(crate) fn read<'b>(
        &mut self,
        directory: &OwnedFd,
        buffer: &'b mut Buffer,
    ) -> Result<&'b [u8], Errno> {
        let is_fresh = self.file.is_none();
        match self.read_once(directory, buffer) {
            Ok(count) => return Ok(buffer.bytes.get(..count).unwrap_or_default()),
            Err(errno) => {
                self.file = None;
                if is_fresh {
                    return Err(errno);
                }
            }
        }
        let count = self.read_once(directory, buffer)?;
        Ok(buffer.bytes.get(..count).unwrap_or_default())
    }

    fn read_once(&mut self, directory: &OwnedFd, buffer: &mut Buffer) -> Result<usize, Errno> {
        let file = match self.file.take() {
            Some(file) => file,
            None => open(directory.as_fd(), &self.path)?,
        };
        let count = buffer.read_again(&file, self.end)?.len();
        self.file = Some(file);
        Ok(count)
    }
}

/// Whether a process, a memcg or a kernel feature is absent, which is no fault.
pub(crate) fn is_gone(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::SRCH | Errno::NODEV | Errno::NOTDIR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_read_whole_and_an_endless_one_cut() {
        let folder = tempfile::tempdir().unwrap();
        let directory = open_root(folder.path()).unwrap();
        let mut buffer = Buffer::new();
        for length in [0, KERNEL_FILE_BYTES_MAX - 1, KERNEL_FILE_BYTES_MAX, 3 * KERNEL_FILE_BYTES_MAX + 1] {
            let text: Vec<u8> = (0..length).map(|at| b'0' + u8::try_from(at % 10).unwrap()).collect();
            std::fs::write(folder.path().join("long"), &text).unwrap();
            assert_eq!(buffer.read_file(directory.as_fd(), c"long"), Ok(text.as_slice()));
            for mut kept in [KeptFile::new(c"long".into()), KeptFile::list(c"long".into())] {
                assert_eq!(kept.read(&directory, &mut buffer), Ok(text.as_slice()));
                assert_eq!(kept.read(&directory, &mut buffer), Ok(text.as_slice()));
            }
            let head = buffer.read_head(directory.as_fd(), c"long", 100).unwrap();
            assert_eq!(head, text.get(..100).unwrap_or_default());
        }
        std::fs::write(folder.path().join("endless"), vec![b'x'; 2 * GROWN_BYTES_MAX]).unwrap();
        let read = buffer.read_file(directory.as_fd(), c"endless").unwrap();
        assert_eq!(read.len(), GROWN_BYTES_MAX);
        assert_eq!(buffer.read_file(directory.as_fd(), c"absent"), Err(Errno::NOENT));
    }
}
