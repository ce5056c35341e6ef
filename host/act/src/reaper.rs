//! `process_mrelease` on a thread of its own: it walks all the memory of a dying process, and the loop does
//! not wait for that. Linux 5.15 (process_mrelease(2)).

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use rustix::io::Errno;

/// Processes that wait to be reaped. Beyond that they end by themselves, as they do without us.
const QUEUE: usize = 256;
/// Reaping calls itself no more often than this on one process: EAGAIN says that the kernel got in between.
const TRIES: usize = 3;

/// Started with the first process that it is given.
#[derive(Debug, Default)]
pub(crate) struct Reaper {
    queue: Option<SyncSender<OwnedFd>>,
}

impl Reaper {
    /// Takes a process that has been sent SIGKILL.
    pub(crate) fn take(&mut self, process: OwnedFd) -> Result<(), Errno> {
        let queue = match &self.queue {
            Some(queue) => queue,
            None => self.queue.insert(start()?),
        };
        match queue.try_send(process) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Errno::AGAIN),
        }
    }
}

fn start() -> Result<SyncSender<OwnedFd>, Errno> {
    let (sender, receiver) = sync_channel::<OwnedFd>(QUEUE);
    std::thread::Builder::new()
        .name("reaper".into())
        .stack_size(64 << 10)
        .spawn(move || receiver.iter().for_each(|process| reap(&process)))
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::AGAIN))?;
    Ok(sender)
}

/// A refusal means that it is gone, or frees its memory by itself: nothing is lost.
fn reap(process: &OwnedFd) {
    for _ in 0..TRIES {
        if mrelease(process) != Err(Errno::AGAIN) {
            break;
        }
    }
}

#[expect(unsafe_code, reason = "no library wraps process_mrelease(2)")]
fn mrelease(process: &OwnedFd) -> Result<(), Errno> {
    const NO_FLAGS: libc::c_uint = 0;
    // SAFETY: takes a file descriptor, which is open for as long as `process` lives, and a number; touches no
    // memory of ours.
    let result = unsafe { libc::syscall(libc::SYS_process_mrelease, process.as_raw_fd(), NO_FLAGS) };
    if result == 0 {
        return Ok(());
    }
    let error = std::io::Error::last_os_error();
    Err(Errno::from_io_error(&error).unwrap_or(Errno::IO))
}
