//! Access to the files of processes during one scan, and why a read may have no result.

use std::ffi::CStr;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use jettison_model::ProcessId;
use rustix::io::Errno;
use rustix::param::page_size;

use crate::io::error::Faults;
use crate::io::file::{Buffer, is_gone, open_place};
use crate::io::listing::{Listing, Name};
use crate::now::Now;
use crate::parse::stat::stat;
use crate::parse::text::Malformed;
use crate::process::known::{KnownProcess, KnownProcesses};
use crate::process::row::Row;

/// Why something of a process was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skip {
    /// The process has ended during the scan. It is counted as vanished, and is no fault.
    Vanished,
    /// A file cannot be read or parsed, and a fault that names it is recorded.
    Faulted,
    /// What is known of the process may no longer hold, so it is read as a new one. No fault yet: that read
    /// records one.
    Stale,
}

/// Turns a fault into `None`, where it costs a value and not the row.
pub(super) fn unless_faulted<T>(read: Result<T, Skip>) -> Result<Option<T>, Skip> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(Skip::Faulted) => Ok(None),
        Err(skip) => Err(skip),
    }
}

/// A process as it was read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(super) row: Row,
    /// What the next scan needs of it.
    pub(super) known: KnownProcess,
    /// Of one that is new, for details.
    pub(super) directory: Option<OwnedFd>,
}

/// What outlives a scan: the open directory, what is known of processes, and memory to use again.
#[derive(Debug)]
pub(crate) struct Files {
    pub(super) proc: PathBuf,
    pub(super) directory: OwnedFd,
    pub(super) ticks_per_s: u64,
    pub(super) page_bytes: u64,
    pub(super) listing: Listing,
    pub(super) known: KnownProcesses,
}

impl Files {
    pub(crate) fn new(proc: PathBuf, directory: OwnedFd) -> Self {
        Self {
            known: KnownProcesses::new(directory.as_fd(), &proc),
            proc,
            directory,
            ticks_per_s: rustix::param::clock_ticks_per_second().max(1),
            page_bytes: page_size() as u64,
            listing: Listing::new(),
        }
    }
}

/// One scan's access to the files of processes.
#[derive(Debug)]
pub(crate) struct Reads<'a> {
    pub(super) files: &'a mut Files,
    pub(super) buffer: &'a mut Buffer,
    pub(super) faults: &'a mut Faults,
}

impl Reads<'_> {
    /// The directory of a process.
    pub(super) fn open(&mut self, pid: u32) -> Result<OwnedFd, Skip> {
        open_place(self.files.directory.as_fd(), Name::of(pid).as_c_str())
            .map_err(|errno| self.refused(pid, c"", errno))
    }

    /// The directory of this very process: its pid may have been given to another one since its row was read.
    pub(super) fn open_same(&mut self, id: ProcessId) -> Result<OwnedFd, Skip> {
        let process = self.open(id.pid)?;
        let read = self.read(id.pid, process.as_fd(), c"stat", |text| Ok(stat(text)?.start_time));
        if read? == id.start_time { Ok(process) } else { Err(Skip::Vanished) }
    }

    /// A file below the open directory of a process.
    pub(super) fn read<T>(
        &mut self,
        pid: u32,
        process: BorrowedFd<'_>,
        file: &CStr,
        parse: impl FnOnce(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, Skip> {
        match self.buffer.read_file(process, file).map(parse) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(what)) => Err(self.fault(pid, file, &what)),
            Err(errno) => Err(self.refused(pid, file, errno)),
        }
    }

    /// Tells a process that has ended from a file that the kernel refuses.
    pub(super) fn refused(&mut self, pid: u32, file: &CStr, errno: Errno) -> Skip {
        match is_gone(errno) {
            true => Skip::Vanished,
            false => self.fault(pid, file, &format_args!("cannot be read: {errno}")),
        }
    }

    /// Records a fault.
    pub(super) fn fault(&mut self, pid: u32, file: &CStr, what: &dyn fmt::Display) -> Skip {
        let name = Name::of(pid);
        self.faults.add(&self.files.proc, &[name.as_c_str().to_bytes(), file.to_bytes()], what);
        Skip::Faulted
    }
}

/// `start_time` is in clock ticks since boot.
pub(super) fn age_ms(start_time: u64, ticks_per_s: u64, now: Now) -> u64 {
    // One that is so far in the future has not started.
    start_time.checked_mul(1000).map_or(0, |start| now.boot_ms.saturating_sub(start / ticks_per_s))
}
