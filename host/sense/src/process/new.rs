//! Reading a process that is not known from the last scan: everything, below its own directory.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use jettison_model::snapshot::flags;
use rustix::io::Errno;

use crate::io::file::{Buffer, is_gone, open_directory, open_place};
use crate::parse::stat::stat;
use crate::parse::status::status;
use crate::parse::text::Malformed;
use crate::parse::value::oom_score_adj;
use crate::process::known::KnownProcess;
use crate::process::place::Place;
use crate::process::reads::{Read, Reads, Skip, age_ms, unless_faulted};
use crate::process::row::Row;
use crate::process::terms::Terms;

/// Threads of a process with a dead leader that are tried until a live one is found.
const THREADS_TRIED_MAX: usize = 64;

impl Reads<'_> {
    /// A new process. Without `stat` there is no row; any other file that cannot be read costs its values.
    pub(super) fn new_row(&mut self, pid: u32, terms: Terms<'_>) -> Result<Read, Skip> {
        let mut process = self.open(pid)?;
        let ticks_per_s = self.files.ticks_per_s;
        let (mut row, is_headless) = self.read(pid, process.as_fd(), c"stat", |text| {
            let found = stat(text)?;
            let age_ms = age_ms(found.start_time, ticks_per_s, terms.now);
            let is_headless = found.leader_is_dead() && !found.is_dead();
            Ok((Row::new(pid, &found, age_ms), is_headless))
        })?;
        if is_headless && let Some(thread) = self.live_thread(pid, process.as_fd()) {
            process = thread;
        }
        let is_kernel_thread = row.flags & flags::KERNEL_THREAD != 0;
        let (mut adj, mut size_bytes) = (None, 0);
        let mut place = Place::unknown(terms);
        if is_kernel_thread {
            // Its adjustment is not used: the kernel's OOM killer never chooses a kernel thread. The file
            // identifies it.
            if self.files.known.has_room() {
                adj = self.buffer.read_and_keep(process.as_fd(), c"oom_score_adj").ok().map(|(file, _)| file);
            }
        } else {
            (adj, size_bytes) = self.complete(&mut row, process.as_fd())?;
            if terms.hierarchy.is_some() {
                let read = self.read(pid, process.as_fd(), c"cgroup", |text| Place::of_file(text, terms));
                place = unless_faulted(read)?.unwrap_or(place);
            }
        }
        row.set_place(place);
        let shared_bytes = row.file_and_shmem_bytes();
        // With a dead leader `stat` has to be read at every scan, so it is read as a new one each time.
        let adj = adj.filter(|_| !is_headless);
        let known = KnownProcess { row, adj, size_bytes, shared_bytes };
        Ok(Read { row, known, directory: Some(process) })
    }

    /// Reads what `stat` does not have. Returns the open file of the adjustment, unless something failed, and
    /// the size of the address space.
    fn complete(&mut self, row: &mut Row, process: BorrowedFd<'_>) -> Result<(Option<OwnedFd>, u64), Skip> {
        let pid = row.id.pid;
        let size_bytes = unless_faulted(self.read(pid, process, c"status", |text| {
            let found = status(text)?;
            row.set_status(&found);
            Ok(found.size_bytes.unwrap_or(0))
        }))?;
        let file = c"oom_score_adj";
        let opened = match self.buffer.read_and_keep(process, file) {
            Ok((opened, text)) => match oom_score_adj(text) {
                Some(adj) => {
                    row.oom_score_adj = adj;
                    Ok(opened)
                }
                None => Err(self.fault(pid, file, &Malformed("not a number of -1000 to 1000"))),
            },
            Err(errno) => Err(self.refused(pid, file, errno)),
        };
        let kept = unless_faulted(opened)?.filter(|_| size_bytes.is_some());
        Ok((kept, size_bytes.unwrap_or(0)))
    }

    /// The directory of a live thread. When the leader has ended and other threads live on, its own files
    /// have no sizes, and those of any live thread have them.
    fn live_thread(&mut self, pid: u32, process: BorrowedFd<'_>) -> Option<OwnedFd> {
        let (mut found, mut tried) = (None, 0);
        let mut result = Ok(());
        let listed = open_directory(process, c"task").and_then(|tasks| {
            self.files.listing.of(tasks.as_fd(), |name, _| {
                if found.is_some() || tried == THREADS_TRIED_MAX {
                    return;
                }
                tried += 1;
                match live(self.buffer, tasks.as_fd(), name) {
                    Ok(thread) => found = thread,
                    Err(errno) => result = Err(errno),
                }
            })
        });
        if let Err(errno) = listed.and(result)
            && found.is_none()
            && !is_gone(errno)
        {
            self.fault(pid, c"task", &format_args!("no live thread can be read: {errno}"));
        }
        found
    }
}

/// The directory of a thread, if the thread lives.
fn live(buffer: &mut Buffer, tasks: BorrowedFd<'_>, name: &CStr) -> Result<Option<OwnedFd>, Errno> {
    let thread = open_place(tasks, name)?;
    let text = buffer.read_file(thread.as_fd(), c"stat")?;
    Ok(stat(text).is_ok_and(|stat| !stat.leader_is_dead()).then_some(thread))
}
