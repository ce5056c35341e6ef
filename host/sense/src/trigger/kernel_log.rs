//! Victims of the kernel's OOM killer, from `/dev/kmsg` (Documentation/ABI/testing/dev-kmsg).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags, SeekFrom, open, seek};
use rustix::io::{Errno, read, retry_on_intr};

use super::error::TriggerError;
use crate::io::root::Root;
use crate::parse::oom_kill::{OomKill, oom_kill};

/// The kernel's longest record (`PRINTK_MESSAGE_MAX` in kernel/printk/internal.h is 2 KiB; 8 KiB were
/// promised once).
const RECORD_BYTES_MAX: usize = 8192;

/// How many records are read at once, so that a flooded log does not hold up the tick; the others stay
/// readable.
const RECORDS_MAX: usize = 4096;

/// The kernel's log from now on. Poll it for `POLLIN`: there is a record of any kind.
#[derive(Debug)]
pub struct KernelLog {
    path: PathBuf,
    fd: OwnedFd,
    record: Vec<u8>,
}

impl AsFd for KernelLog {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl KernelLog {
    /// Opens it behind the last record there is.
    ///
    /// # Errors
    /// [`TriggerError::Refused`] with EPERM where `kernel.dmesg_restrict` asks for CAP_SYSLOG; others as they
    /// say.
    pub fn open(root: &Root) -> Result<Self, TriggerError> {
        let path = root.dev.join("kmsg");
        if !root.is_live() {
            return Err(TriggerError::NotLive { path });
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = retry_on_intr(|| open(&path, flags, Mode::empty()));
        let fd = opened.map_err(|errno| match errno {
            Errno::NOENT => TriggerError::NoKernelLog { path: path.clone() },
            errno => TriggerError::of(path.clone(), errno),
        })?;
        seek(&fd, SeekFrom::End(0)).map_err(|errno| TriggerError::of(path.clone(), errno))?;
        Ok(Self { path, fd, record: vec![0; RECORD_BYTES_MAX] })
    }

    /// Reads the new records, and calls `each` for those that name a victim. Records that were overwritten
    /// before they were read are lost; the counts in `memory.events` and `vmstat` are not. Allocates nothing
    /// unless it fails.
    ///
    /// # Errors
    /// [`TriggerError::Refused`] if the log can no longer be read.
    pub fn oom_kills(&mut self, mut each: impl FnMut(OomKill<'_>)) -> Result<(), TriggerError> {
        for _ in 0..RECORDS_MAX {
            match retry_on_intr(|| read(&self.fd, self.record.as_mut_slice())) {
                Ok(0) | Err(Errno::AGAIN) => return Ok(()),
                Ok(length) => {
                    if let Some(kill) = oom_kill(self.record.get(..length).unwrap_or_default()) {
                        each(kill);
                    }
                }
                // Overwritten, or longer than any record should be: the next one follows.
                Err(Errno::PIPE | Errno::INVAL) => {}
                Err(errno) => return Err(TriggerError::of(self.path.clone(), errno)),
            }
        }
        Ok(())
    }
}
