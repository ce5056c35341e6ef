//! Command lines and executables, read only when a policy or a guard needs them.
//!
//! Reading a command line takes the lock of the process's address space, which a stalled process may hold,
//! and may bring pages back from swap: costly in the hour of need. So what was read is kept with the process.
//! It is read again when the process has another name, as execve(2) and prctl(PR_SET_NAME) give it. While it
//! is so young that it may not have executed its program or set its title yet, it is also read each time that
//! its age has doubled: among thousands of newborns not at every scan. A title that it changes later is not
//! seen.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use jettison_model::column::{TextColumn, TextFill, reuse};
use jettison_model::limits::CMDLINE_BYTES_MAX;
use jettison_model::{Needs, ProcessId, Processes};
use rustix::io::Errno;

use crate::io::file::is_gone;
use crate::process::reads::Reads;
use crate::process::row::Row;

/// A process is known by what it executes and calls itself at this age.
const SETTLED_MS: u64 = 2_000;
/// The age at which it is read again, of one that is not.
const NEVER: u64 = u64::MAX;

/// The texts of one walk, row by row.
#[derive(Debug, Default)]
struct Walked {
    needs: Needs,
    /// Each with the age, milliseconds, at which it is to be read again.
    ids: Vec<(ProcessId, u64)>,
    comms: TextColumn,
    cmdlines: TextColumn,
    exes: TextColumn,
}

/// The texts of this walk and of the last one, by rows in ascending order of pid.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    last: Walked,
    next: Walked,
}

/// The texts of a walk, being filled.
pub(crate) struct Filling<'a> {
    needs: Needs,
    last: &'a Walked,
    /// How far `last` has been merged.
    cursor: usize,
    ids: &'a mut Vec<(ProcessId, u64)>,
    comms: TextFill<'a>,
    cmdlines: TextFill<'a>,
    exes: TextFill<'a>,
}

impl Walked {
    /// Whether it has what is needed, and nothing else.
    fn is_for(&self, needs: Needs) -> bool {
        (self.needs.cmdlines, self.needs.exes) == (needs.cmdlines, needs.exes)
    }
}

impl Texts {
    pub(crate) fn begin(&mut self, needs: Needs) -> Filling<'_> {
        std::mem::swap(&mut self.last, &mut self.next);
        let Self { last, next } = self;
        if !last.is_for(needs) {
            last.ids.clear();
        }
        next.needs = needs;
        reuse(&mut next.ids);
        let (comms, cmdlines, exes) = (next.comms.refill(), next.cmdlines.refill(), next.exes.refill());
        Filling { needs, last, cursor: 0, ids: &mut next.ids, comms, cmdlines, exes }
    }

    /// Whether those of the last walk hold as they are, for processes of these ages.
    pub(crate) fn hold(&self, needs: Needs, ages_ms: &[u64]) -> bool {
        let ids = &self.next.ids;
        let is_whole = ids.len() == ages_ms.len() || !needs.cmdlines && !needs.exes;
        let holds = |((_, again_at_ms), age_ms): (&(ProcessId, u64), &u64)| age_ms < again_at_ms;
        self.next.is_for(needs) && is_whole && ids.iter().zip(ages_ms).all(holds)
    }

    /// Hands the columns over; empty if they are not needed.
    pub(crate) fn finish(&self, into: &mut Processes) {
        into.cmdlines = self.next.cmdlines.clone();
        into.exes = self.next.exes.clone();
    }
}

impl Filling<'_> {
    /// Adds the texts of one row. They are empty for a kernel thread, for a process that has ended meanwhile,
    /// and for an executable that we may not see (EACCES). `process` is the directory of a process that is
    /// new; what is known of an old one is kept.
    pub(crate) fn add(&mut self, reads: &mut Reads<'_>, row: &Row, process: Option<OwnedFd>) {
        if !self.needs.cmdlines && !self.needs.exes {
            return;
        }
        let kept = if process.is_none() { self.kept(row) } else { None };
        let again_at_ms = match (kept, process) {
            (Some((at, again_at_ms)), _) => {
                let last = self.last;
                self.push(last.cmdlines.get(at), last.exes.get(at));
                again_at_ms
            }
            (None, Some(process)) => self.read(reads, row, process.as_fd()),
            (None, None) => match reads.open_same(row.id) {
                Ok(process) => self.read(reads, row, process.as_fd()),
                Err(_) => {
                    self.push(b"", b"");
                    0
                }
            },
        };
        self.ids.push((row.id, again_at_ms));
        self.comms.push(row.comm.as_bytes());
    }

    /// Where the last walk has what still holds, and until which age.
    fn kept(&mut self, row: &Row) -> Option<(usize, u64)> {
        let ids = &self.last.ids;
        while ids.get(self.cursor).is_some_and(|(id, _)| id.pid < row.id.pid) {
            self.cursor += 1;
        }
        let &(id, again_at_ms) = ids.get(self.cursor)?;
        let holds = id == row.id
            && row.age_ms < again_at_ms
            && self.last.comms.get(self.cursor) == row.comm.as_bytes();
        holds.then_some((self.cursor, again_at_ms))
    }

    fn push(&mut self, cmdline: &[u8], exe: &[u8]) {
        if self.needs.cmdlines {
            self.cmdlines.push(cmdline);
        }
        if self.needs.exes {
            self.exes.push(exe);
        }
    }

    /// Returns the age at which it is to be read again; at once what could not be read.
    fn read(&mut self, reads: &mut Reads<'_>, row: &Row, process: BorrowedFd<'_>) -> u64 {
        let pid = row.id.pid;
        let is_settled = row.age_ms >= SETTLED_MS;
        let mut again_at_ms = if is_settled { NEVER } else { (2 * row.age_ms).min(SETTLED_MS) };
        if self.needs.cmdlines {
            let read = reads.buffer.read_head(process, c"cmdline", CMDLINE_BYTES_MAX);
            self.cmdlines.push(read.unwrap_or_default());
            if let Err(errno) = read
                && !is_gone(errno)
            {
                again_at_ms = 0;
                reads.fault(pid, c"cmdline", &format_args!("cannot be read: {errno}"));
            }
        }
        if self.needs.exes {
            let read = reads.buffer.read_link(process, c"exe");
            self.exes.push(read.unwrap_or_default());
            if let Err(errno) = read
                && !is_gone(errno)
                && errno != Errno::ACCESS
            {
                again_at_ms = 0;
                reads.fault(pid, c"exe", &format_args!("cannot be read: {errno}"));
            }
        }
        again_at_ms
    }
}
