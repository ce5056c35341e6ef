//! The border to the operating system.

use std::os::fd::BorrowedFd;

use jettison_model::{Outcome, ProcessId};
use rustix::io::Errno;

/// The system calls that acting takes. Each is about a process that [`Kernel::open`] has identified.
pub trait Kernel {
    /// A process that stays the same one for as long as this is held, whatever becomes of its pid.
    type Handle;

    /// What tells this boot from another; pids and start times repeat themselves (random(4)).
    fn boot_id(&mut self) -> String;

    /// Identifies a process.
    ///
    /// # Errors
    /// `ESRCH` if it is gone, even if another has its pid now.
    fn open(&mut self, id: ProcessId) -> Result<Self::Handle, Errno>;

    /// Sends a signal (pidfd_send_signal(2)).
    ///
    /// # Errors
    /// As the manual page has them.
    fn signal(&mut self, process: &Self::Handle, number: u8) -> Result<(), Errno>;

    /// Frees the memory of a dying process (process_mrelease(2)). May run later on another thread, so that a
    /// large process does not delay the others.
    ///
    /// # Errors
    /// As the manual page has them, as far as they are known at once.
    fn reap(&mut self, process: &Self::Handle) -> Result<(), Errno>;

    /// Whether a memcg can be killed as one: Linux 5.14, v2.
    fn can_kill_memcg(&self, memcg: &[u8]) -> bool;

    /// Kills every process in and below a memcg (`cgroup.kill`, Documentation/admin-guide/cgroup-v2.rst).
    ///
    /// # Errors
    /// `ENOENT` if it is gone, or has no such file.
    fn kill_memcg(&mut self, memcg: &[u8]) -> Result<(), Errno>;

    /// Whether it has ended; a zombie has.
    fn is_gone(&mut self, process: &Self::Handle) -> bool;

    /// Becomes readable when it ends.
    fn pidfd<'a>(&self, process: &'a Self::Handle) -> Option<BorrowedFd<'a>>;

    /// Reads `oom_score_adj` (proc_pid_oom_score_adj(5)).
    ///
    /// # Errors
    /// `ESRCH` or `ENOENT` if the process is gone.
    fn oom_score_adj(&mut self, process: &Self::Handle, id: ProcessId) -> Result<i16, Errno>;

    /// Writes `oom_score_adj`.
    ///
    /// # Errors
    /// `EACCES` for a value below the process's minimum without `CAP_SYS_RESOURCE`, or for a process of
    /// another user.
    fn set_oom_score_adj(&mut self, process: &Self::Handle, id: ProcessId, value: i16) -> Result<(), Errno>;
}

/// What an error means for the one process that it is about.
pub(crate) fn outcome(result: Result<(), Errno>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(Errno::SRCH | Errno::NOENT) => Outcome::Gone,
        Err(Errno::PERM | Errno::ACCESS) => Outcome::Refused,
        Err(errno) => Outcome::Failed(errno.raw_os_error()),
    }
}
