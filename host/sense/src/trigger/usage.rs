//! Usage thresholds of v1 (Documentation/admin-guide/cgroup-v1/memory.rst, section 9): an eventfd for each.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, pread, read, retry_on_intr, write};

use super::error::TriggerError;
use super::live::live_memcg;
use crate::io::root::Root;
use crate::parse::text::number;
use crate::parse::version::Version;

/// A threshold in the usage of one memcg. Poll it for `POLLIN`: it is ready after a crossing in either
/// direction and after the removal of the memcg; [`UsageThreshold::take`] tells them apart. The kernel checks
/// after every 128 pages that a CPU charges or uncharges, so it may be late by half a megabyte for each.
#[derive(Debug)]
pub struct UsageThreshold {
    event: OwnedFd,
    usage: OwnedFd,
    usage_path: PathBuf,
    directory: PathBuf,
    /// The threshold, bytes; the kernel rounds it down to whole pages.
    pub threshold_bytes: u64,
}

/// The usage, against the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Charged now, page cache included, bytes.
    pub usage_bytes: u64,
    /// Whether that is at or over the threshold.
    pub is_over: bool,
    /// Whether the threshold was crossed since the last call.
    pub is_crossed: bool,
}

impl AsFd for UsageThreshold {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

impl UsageThreshold {
    /// Sets a threshold on a memcg, a path below the hierarchy's root.
    ///
    /// # Errors
    /// [`TriggerError::OtherVersion`] on v2; others as they say. The daemon goes on without.
    pub fn arm(root: &Root, memcg: &str, threshold_bytes: u64) -> Result<Self, TriggerError> {
        let directory = live_memcg(root, memcg, Version::V1)?;
        let usage_path = directory.join("memory.usage_in_bytes");
        let control_path = directory.join("cgroup.event_control");
        let usage = open_file(&usage_path, OFlags::RDONLY)?;
        let control = open_file(&control_path, OFlags::WRONLY)?;
        let refused = |errno| TriggerError::of(control_path.clone(), errno);
        let event = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).map_err(refused)?;
        let line = format!("{} {} {threshold_bytes}", event.as_raw_fd(), usage.as_raw_fd());
        retry_on_intr(|| write(&control, line.as_bytes())).map_err(refused)?;
        Ok(Self { event, usage, usage_path, directory, threshold_bytes })
    }

    /// The usage now, and whether the threshold was crossed. Allocates nothing unless it fails.
    ///
    /// # Errors
    /// [`TriggerError::Absent`] if the memcg is gone: drop this and wait for it to come again.
    pub fn take(&self) -> Result<Usage, TriggerError> {
        let failed = |errno| TriggerError::of(self.usage_path.clone(), errno);
        let mut count = [0; 8];
        let is_crossed = match retry_on_intr(|| read(&self.event, &mut count)) {
            Ok(_) => true,
            Err(Errno::AGAIN) => false,
            Err(errno) => return Err(failed(errno)),
        };
        // The open file of a removed memcg of v1 can still be read, and says 0.
        if !self.directory.exists() {
            return Err(failed(Errno::NOENT));
        }
        let mut text = [0; 32];
        let length = retry_on_intr(|| pread(&self.usage, &mut text, 0)).map_err(failed)?;
        let digits = text.get(..length).unwrap_or_default().trim_ascii();
        let usage_bytes = number(digits).ok_or_else(|| failed(Errno::INVAL))?;
        Ok(Usage { usage_bytes, is_over: usage_bytes >= self.threshold_bytes, is_crossed })
    }
}

fn open_file(path: &Path, access: OFlags) -> Result<OwnedFd, TriggerError> {
    let opened = retry_on_intr(|| open(path, access | OFlags::CLOEXEC, Mode::empty()));
    opened.map_err(|errno| TriggerError::of(path.into(), errno))
}
