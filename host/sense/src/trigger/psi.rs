//! PSI triggers: the kernel wakes us when tasks have stalled on memory (Documentation/accounting/psi.rst).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, retry_on_intr, write};

use super::error::TriggerError;
use crate::io::root::Root;
use crate::memcg::hierarchy::Hierarchy;
use crate::parse::version::Version;

/// Windows of triggers without CAP_SYS_RESOURCE must be multiples of this (since Linux 6.5).
const UNPRIVILEGED_WINDOW_US: u64 = 2_000_000;
/// The longest window that the kernel takes (`WINDOW_MAX_US` in kernel/sched/psi.c).
const WINDOW_US_MAX: u64 = 10_000_000;

/// Which stall counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PsiKind {
    /// At least one task waits for memory.
    Some,
    /// All runnable tasks wait for memory.
    Full,
}

impl PsiKind {
    /// The kernel's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Some => "some",
            Self::Full => "full",
        }
    }
}

/// When the kernel wakes us: after so much stall within a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PsiSpec {
    /// Which stall counts.
    pub kind: PsiKind,
    /// How long tasks have stalled, milliseconds.
    pub stall_ms: u32,
    /// Within what time, milliseconds: 500..=10,000.
    pub window_ms: u32,
    /// The memcg that stalls, a path below the hierarchy's root; `None` for the host.
    pub memcg: Option<String>,
}

/// An armed trigger. Poll it for `POLLPRI`, and then call [`PsiTrigger::check`]. Dropping it disarms it.
#[derive(Debug)]
pub struct PsiTrigger {
    fd: OwnedFd,
    path: PathBuf,
    /// The stall that the kernel accepted, microseconds.
    pub stall_us: u64,
    /// The window that the kernel accepted, microseconds.
    pub window_us: u64,
    /// Whether that is not what was asked for, because the kernel refused a window that is no multiple of 2
    /// s.
    pub re_armed: bool,
}

impl AsFd for PsiTrigger {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl PsiTrigger {
    /// Arms a trigger. A window that the kernel refuses to the unprivileged becomes the next multiple of
    /// 2,000 ms, with its stall in proportion, and [`PsiTrigger::re_armed`] is true.
    ///
    /// # Errors
    /// See [`TriggerError`]; each names the file. The daemon goes on without that trigger.
    pub fn arm(root: &Root, spec: &PsiSpec) -> Result<Self, TriggerError> {
        let path = path_of(root, spec)?;
        if !root.is_live() {
            return Err(TriggerError::NotLive { path });
        }
        let stall_us = u64::from(spec.stall_ms) * 1000;
        let window_us = u64::from(spec.window_ms) * 1000;
        let refused = match write_trigger(&path, spec.kind, stall_us, window_us) {
            Ok(fd) => {
                return Ok(Self { fd, path, stall_us, window_us, re_armed: false });
            }
            Err(errno) => errno,
        };
        let Some((stall_us, window_us)) =
            unprivileged(stall_us, window_us).filter(|_| refused == Errno::INVAL)
        else {
            return Err(TriggerError::of(path, refused));
        };
        let fd = write_trigger(&path, spec.kind, stall_us, window_us)
            .map_err(|errno| TriggerError::of(path.clone(), errno))?;
        Ok(Self { fd, path, stall_us, window_us, re_armed: true })
    }

    /// Fails if the memcg has been removed. Its trigger then polls as ready at once, every time, without any
    /// stall (`POLLERR`, `psi_trigger_poll` in kernel/sched/psi.c).
    ///
    /// # Errors
    /// [`TriggerError::Absent`] once the memcg is gone, also if there is another one of that name by now.
    pub fn check(&self) -> Result<(), TriggerError> {
        let mut ready = [PollFd::new(&self.fd, PollFlags::PRI)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        retry_on_intr(|| poll(&mut ready, Some(&at_once)))
            .map_err(|errno| TriggerError::of(self.path.clone(), errno))?;
        let is_gone = ready.iter().any(|fd| fd.revents().intersects(PollFlags::ERR | PollFlags::HUP));
        if is_gone { Err(TriggerError::Absent { path: self.path.clone() }) } else { Ok(()) }
    }
}

fn path_of(root: &Root, spec: &PsiSpec) -> Result<PathBuf, TriggerError> {
    let Some(memcg) = &spec.memcg else {
        return Ok(root.proc.join("pressure/memory"));
    };
    match Hierarchy::find(root) {
        Some(hierarchy) if hierarchy.version == Version::V2 => {
            Ok(hierarchy.directory_of(memcg).join("memory.pressure"))
        }
        Some(hierarchy) => Err(TriggerError::V1 { directory: hierarchy.directory_of(memcg) }),
        None => Err(TriggerError::NoHierarchy { memcg: memcg.clone() }),
    }
}

fn write_trigger(path: &Path, kind: PsiKind, stall_us: u64, window_us: u64) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = retry_on_intr(|| open(path, flags, Mode::empty()))?;
    // The kernel takes the terminating NUL as part of the text.
    let text = format!("{} {stall_us} {window_us}\0", kind.as_str());
    retry_on_intr(|| write(&fd, text.as_bytes()))?;
    Ok(fd)
}

/// The trigger with the next longer window that needs no privilege, if there is one.
fn unprivileged(stall_us: u64, window_us: u64) -> Option<(u64, u64)> {
    let longer_us = window_us.next_multiple_of(UNPRIVILEGED_WINDOW_US);
    let fits = window_us > 0 && longer_us != window_us && longer_us <= WINDOW_US_MAX;
    fits.then(|| (stall_us * longer_us / window_us, longer_us))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unprivileged_window_is_the_next_multiple_of_2_s_and_the_stall_keeps_its_share() {
        assert_eq!(unprivileged(150_000, 1_000_000), Some((300_000, 2_000_000)));
        assert_eq!(unprivileged(300_000, 3_000_000), Some((400_000, 4_000_000)));
        assert_eq!(unprivileged(150_000, 2_000_000), None);
        assert_eq!(unprivileged(150_000, 10_500_000), None);
        assert_eq!(unprivileged(1, 0), None);
    }
}
