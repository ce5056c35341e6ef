//! Reading a process of the last scan again: by its pid, and its adjustment last, from a file that only this
//! process has.
//!
//! Every function here returns [`Skip::Stale`] where something has changed that only a longer read tells,
//! where the pid has another process by now, and after an error other than the end of the process.

use std::ffi::CStr;
use std::os::fd::AsFd;

use jettison_model::snapshot::flags;

use crate::io::file::is_gone;
use crate::io::listing::NameBelow;
use crate::parse::stat::stat;
use crate::parse::statm::statm;
use crate::parse::status::status;
use crate::parse::value::oom_score_adj;
use crate::process::known::KnownProcess;
use crate::process::place::Place;
use crate::process::reads::{Reads, Skip, age_ms};
use crate::process::row::Row;
use crate::process::tasks::Task;
use crate::process::terms::{Depth, Terms};

/// By how much resident memory that is not anonymous may change before `status`, which tells files from
/// shared memory, is read again.
const SHARED_BYTES_MAX: u64 = 256 << 10;

/// What a scan found of a known process.
#[derive(Debug)]
pub(super) struct Reread {
    pub(super) row: Row,
    /// Its address space.
    pub(super) size_bytes: u64,
}

impl Reads<'_> {
    /// At a glance, on a host that does not swap. Stale if the address space has another size, as execve(2)
    /// and a new thread change it, or if so much of what is not anonymous has come or gone that it may be
    /// shared memory which grows.
    pub(super) fn glance(&mut self, known: &KnownProcess, terms: Terms<'_>) -> Result<Row, Skip> {
        let mut row = known.row;
        row.age_ms = age_ms(row.id.start_time, self.files.ticks_per_s, terms.now);
        // The memcgs have the same rows as before, too.
        if terms.depth == Depth::Still {
            let is_kernel_thread = row.flags & flags::KERNEL_THREAD != 0;
            return if is_kernel_thread { Ok(row) } else { self.adjusted(row, known) };
        }
        if row.flags & (flags::KERNEL_THREAD | flags::ZOMBIE) == 0 {
            let found = self.read_known(row.id.pid, c"statm", |text| statm(text).ok())?;
            let bytes = |pages: u64| pages.saturating_mul(self.files.page_bytes);
            if found.size_pages == 0 || bytes(found.size_pages) != known.size_bytes {
                return Err(Skip::Stale);
            }
            let (resident_bytes, shared_bytes) = (bytes(found.resident_pages), bytes(found.shared_pages));
            if shared_bytes.abs_diff(known.shared_bytes) > SHARED_BYTES_MAX {
                return Err(Skip::Stale);
            }
            row = row.with_statm(resident_bytes, shared_bytes).ok_or(Skip::Stale)?;
        }
        self.finished(row, known, terms)
    }

    /// At a scan. Stale if `stat` has more than `status`.
    pub(super) fn known_row(&mut self, known: &KnownProcess, terms: Terms<'_>) -> Result<Reread, Skip> {
        let id = known.row.id;
        let age_ms = age_ms(id.start_time, self.files.ticks_per_s, terms.now);
        let (row, size_bytes) = if known.row.flags & flags::KERNEL_THREAD == 0 {
            self.read_known(id.pid, c"status", |text| {
                let found = status(text).ok()?;
                let mut row = Row::new(id.pid, &found.as_stat(id.start_time)?, age_ms);
                row.set_status(&found);
                Some((row, found.size_bytes.unwrap_or(0)))
            })?
        } else {
            // A kernel thread that executes a program becomes a process (`call_usermodehelper_exec_async` in
            // kernel/umh.c).
            self.read_known(id.pid, c"stat", |text| {
                let found = stat(text).ok().filter(|found| found.is_kernel_thread)?;
                Some((Row::new(id.pid, &found, age_ms), 0))
            })?
        };
        let row = self.finished(row, known, terms)?;
        Ok(Reread { row, size_bytes })
    }

    /// In a look at all processes at once. Stale if that look is of another process or program.
    pub(super) fn at_once(
        &mut self,
        known: &KnownProcess,
        task: &Task,
        terms: Terms<'_>,
    ) -> Result<Reread, Skip> {
        let mut row = known.row.with_task(task).ok_or(Skip::Stale)?;
        row.age_ms = age_ms(row.id.start_time, self.files.ticks_per_s, terms.now);
        let memcg = terms.members.and_then(|members| members.row_of_inode(task.memcg_inode));
        match memcg.filter(|_| !task.is_kernel_thread) {
            Some(memcg) => row.set_place(Place::of_row(memcg, terms)),
            None => row = self.placed(row, terms)?,
        }
        Ok(Reread { row, size_bytes: task.size_bytes })
    }

    /// Adds the memcg and the adjustment.
    fn finished(&mut self, row: Row, known: &KnownProcess, terms: Terms<'_>) -> Result<Row, Skip> {
        let row = self.placed(row, terms)?;
        self.adjusted(row, known)
    }

    /// Adds the memcg.
    pub(super) fn placed(&mut self, mut row: Row, terms: Terms<'_>) -> Result<Row, Skip> {
        let place = match row.flags & flags::KERNEL_THREAD == 0 {
            true => self.known_place(row.id.pid, terms)?,
            false => Place::unknown(terms),
        };
        row.set_place(place);
        Ok(row)
    }

    /// Adds the adjustment. That its file can still be read shows that all other files were this process's,
    /// too.
    fn adjusted(&mut self, mut row: Row, known: &KnownProcess) -> Result<Row, Skip> {
        let text = known.adj.as_ref().and_then(|adj| self.buffer.read_kept(adj).ok());
        let adj = text.and_then(oom_score_adj).ok_or(Skip::Stale)?;
        if row.flags & flags::KERNEL_THREAD == 0 {
            row.oom_score_adj = adj;
        }
        Ok(row)
    }

    fn known_place(&mut self, pid: u32, terms: Terms<'_>) -> Result<Place, Skip> {
        match terms.members.and_then(|members| members.row_of(pid)) {
            Some(memcg) => Ok(Place::of_row(memcg, terms)),
            None if terms.hierarchy.is_none() => Ok(Place::unknown(terms)),
            None => self.read_known(pid, c"cgroup", |text| Place::of_file(text, terms).ok()),
        }
    }

    fn read_known<T>(
        &mut self,
        pid: u32,
        file: &CStr,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, Skip> {
        match self.buffer.read_file(self.files.directory.as_fd(), NameBelow::of(pid, file).as_c_str()) {
            Ok(text) => parse(text).ok_or(Skip::Stale),
            Err(errno) if is_gone(errno) => Err(Skip::Vanished),
            Err(_) => Err(Skip::Stale),
        }
    }
}
