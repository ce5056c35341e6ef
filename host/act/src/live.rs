//! The Linux we run on.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use jettison_model::ProcessId;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::kernel::Kernel;
use crate::reaper::Reaper;

/// Bytes of `stat` that always hold field 22: 16 of comm and 21 numbers before it.
const STAT_BYTES: usize = 1024;

/// System calls on the processes below one procfs.
#[derive(Debug)]
pub struct LiveKernel {
    proc: PathBuf,
    /// Where the memcg `/` is, if memcgs can be acted on.
    memcgs: Option<PathBuf>,
    path: String,
    reaper: Reaper,
}

impl LiveKernel {
    /// For the processes of the procfs mounted at `proc`.
    #[must_use]
    pub fn new(proc: PathBuf) -> Self {
        Self { proc, memcgs: None, path: String::new(), reaper: Reaper::default() }
    }

    /// Memcgs are below this directory, where the memory hierarchy is mounted, if it is.
    #[must_use]
    pub fn with_memcgs(self, memcgs: Option<PathBuf>) -> Self {
        Self { memcgs, ..self }
    }

    /// The file that kills a memcg as one. The root has none.
    fn kill_file(&self, memcg: &[u8]) -> Option<PathBuf> {
        Some(directory_of(self.memcgs.as_ref()?, memcg)?.join("cgroup.kill"))
    }

    fn file(&mut self, pid: u32, name: &str, is_for_writing: bool) -> Result<File, Errno> {
        self.path.clear();
        // Writing to a String cannot fail.
        write!(self.path, "{pid}/{name}").unwrap_or_default();
        let path = self.proc.join(&self.path);
        File::options().read(!is_for_writing).write(is_for_writing).open(path).map_err(errno)
    }

    /// Field 22 of `stat`, counted from behind the last `)`, since a process chooses its own comm.
    pub(crate) fn start_time(&mut self, pid: u32) -> Result<u64, Errno> {
        let mut stat = [0; STAT_BYTES];
        let length = self.file(pid, "stat", false)?.read(&mut stat).map_err(errno)?;
        let stat = stat.get(..length).unwrap_or_default();
        let after = stat.iter().rposition(|&byte| byte == b')').and_then(|at| stat.get(at + 2..));
        let field = after.and_then(|rest| rest.split(|&byte| byte == b' ').nth(19));
        let number =
            field.and_then(|field| std::str::from_utf8(field).ok()).and_then(|text| text.parse().ok());
        number.ok_or(Errno::INVAL)
    }
}

impl Kernel for LiveKernel {
    type Handle = OwnedFd;

    fn boot_id(&mut self) -> String {
        let id = std::fs::read_to_string(self.proc.join("sys/kernel/random/boot_id"));
        id.map_or_else(|_| "unknown".into(), |id| id.trim().into())
    }

    fn open(&mut self, id: ProcessId) -> Result<OwnedFd, Errno> {
        let pid = i32::try_from(id.pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(|errno| match errno {
            // No process has this pid, only a group, a session or a thread. Linux 6.1 says EINVAL, newer ones
            // ESRCH or ENOENT.
            Errno::INVAL => Errno::SRCH,
            errno => errno,
        })?;
        // The pidfd is open, so the pid cannot be reused between this read and the signal.
        if self.start_time(id.pid)? == id.start_time { Ok(pidfd) } else { Err(Errno::SRCH) }
    }

    fn signal(&mut self, process: &OwnedFd, number: u8) -> Result<(), Errno> {
        let signal = Signal::from_named_raw(i32::from(number)).ok_or(Errno::INVAL)?;
        pidfd_send_signal(process, signal)
    }

    fn reap(&mut self, process: &OwnedFd) -> Result<(), Errno> {
        let process = process.try_clone().map_err(errno)?;
        self.reaper.take(process)
    }

    fn can_kill_memcg(&self, memcg: &[u8]) -> bool {
        self.kill_file(memcg).is_some_and(|file| access(&file, Access::WRITE_OK).is_ok())
    }

    fn kill_memcg(&mut self, memcg: &[u8]) -> Result<(), Errno> {
        let file = self.kill_file(memcg).ok_or(Errno::NOENT)?;
        // Never made anew: a memcg that is gone must stay an error.
        File::options().write(true).open(file).and_then(|mut file| file.write_all(b"1")).map_err(errno)
    }

    fn is_gone(&mut self, process: &OwnedFd) -> bool {
        let mut fds = [PollFd::new(process, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(poll(&mut fds, Some(&now)), Ok(1..))
    }

    fn pidfd<'a>(&self, process: &'a OwnedFd) -> Option<BorrowedFd<'a>> {
        Some(process.as_fd())
    }

    fn oom_score_adj(&mut self, _: &OwnedFd, id: ProcessId) -> Result<i16, Errno> {
        let mut text = String::new();
        self.file(id.pid, "oom_score_adj", false)?.read_to_string(&mut text).map_err(errno)?;
        text.trim().parse().ok().ok_or(Errno::INVAL)
    }

    fn set_oom_score_adj(&mut self, process: &OwnedFd, id: ProcessId, value: i16) -> Result<(), Errno> {
        let mut file = self.file(id.pid, "oom_score_adj", true)?;
        // What is open now belongs to the process that had the pid a moment ago: ours, if it is still there.
        if self.is_gone(process) {
            return Err(Errno::SRCH);
        }
        file.write_all(value.to_string().as_bytes()).map_err(errno)
    }
}

/// The directory of a memcg below the root of the hierarchy that is mounted there. The root has none.
pub(crate) fn directory_of(mount: &Path, memcg: &[u8]) -> Option<PathBuf> {
    let below = memcg.strip_prefix(b"/").filter(|below| !below.is_empty())?;
    Some(mount.join(OsStr::from_bytes(below)))
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}
