//! The walk over the processes: one row each, in ascending order of pid.
//!
//! No row is put together from two processes, even where a pid is used again:
//!
//! ```text
//! a new process               stat, status, oom_score_adj, cgroup: all below its own directory, opened once, which stays dead
//!                             when the process ends
//! one that is known           status (of a kernel thread: stat), its memcg (members.rs, else cgroup), all by the pid; and last
//! (known.rs)                  oom_score_adj, which is open: it tells that all the others were the same process's
//! one that is known, at a     likewise, but of status only statm, and of a kernel thread nothing: all else is as it was at
//! glance                      the last scan
//! one that is known, where    oom_score_adj alone
//! nothing has moved
//! ```

use std::ffi::CStr;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use jettison_model::limits::PROCESSES_MAX;
use jettison_model::snapshot::flags;
use jettison_model::{Needs, Processes};
use rustix::io::Errno;
use rustix::param::page_size;

use crate::details::{self, Candidate};
use crate::error::Faults;
use crate::file::{Buffer, is_gone, open_directory, open_place};
use crate::growth::Growth;
use crate::hierarchy::Hierarchy;
use crate::known::{Acquaintance, Known};
use crate::listing::{Listing, Name, NameBelow};
use crate::members::Members;
use crate::memcg::MemcgPaths;
use crate::parse::Malformed;
use crate::parse::stat::stat;
use crate::parse::statm::statm;
use crate::parse::status::status;
use crate::parse::value::oom_score_adj;
use crate::place::Place;
use crate::row::{Fill, Row};
use crate::sensor::Now;

/// Threads of a process with a dead leader that are looked at for a live one.
const THREADS_TRIED_MAX: usize = 64;

/// How much is read anew of those who were there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Everything.
    Scan,
    /// Resident memory, adjustment, memcg.
    Glance,
    /// The adjustment. Nobody has come, and the host has as much memory left as before.
    Still,
}

/// What the walk needs to know besides the processes themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    pub(crate) now: Now,
    pub(crate) needs: Needs,
    pub(crate) depth: Depth,
    pub(crate) hierarchy: Option<&'a Hierarchy>,
    pub(crate) memcgs: MemcgPaths<'a>,
    pub(crate) members: Option<&'a Members>,
    pub(crate) scope: Option<&'a [u8]>,
}

/// What outlives a scan: the open directory, memory to use again and the history of growth.
#[derive(Debug)]
pub(crate) struct ProcessWalk {
    proc: PathBuf,
    directory: OwnedFd,
    ticks_per_s: u64,
    page_bytes: u64,
    listing: Listing,
    pids: Vec<u32>,
    last_pids: Vec<u32>,
    parent_pids: Vec<u32>,
    largest: Vec<Candidate>,
    known: Known,
    growth: Growth,
    vanished: u64,
}

impl ProcessWalk {
    pub(crate) fn new(proc: PathBuf, directory: OwnedFd) -> Self {
        Self {
            known: Known::new(directory.as_fd(), &proc),
            proc,
            directory,
            ticks_per_s: rustix::param::clock_ticks_per_second().max(1),
            page_bytes: page_size() as u64,
            listing: Listing::new(),
            pids: Vec::new(),
            last_pids: Vec::new(),
            parent_pids: Vec::new(),
            largest: Vec::new(),
            growth: Growth::default(),
            vanished: 0,
        }
    }

    /// How many processes are known from the last scan.
    pub(crate) fn known(&self) -> usize {
        self.known.len()
    }

    /// How many processes ended during the last scan.
    pub(crate) fn vanished(&self) -> u64 {
        self.vanished
    }

    /// Fills the table with those who were listed last.
    pub(crate) fn walk(
        &mut self,
        terms: Terms<'_>,
        buffer: &mut Buffer,
        faults: &mut Faults,
        into: &mut Processes,
    ) {
        self.vanished = 0;
        self.known.begin();
        self.growth.begin(terms.now.boot_ms);
        let mut reads = Reads {
            proc: &self.proc,
            directory: self.directory.as_fd(),
            ticks_per_s: self.ticks_per_s,
            page_bytes: self.page_bytes,
            known: &mut self.known,
            listing: &mut self.listing,
            buffer,
            faults,
        };
        let mut fill = Fill::of(into, &mut self.parent_pids);
        for &pid in &self.pids {
            match reads.row(pid, terms) {
                Ok(Some((mut row, process))) => {
                    let bytes = row.anon_and_swap_bytes();
                    row.growth_bytes_per_s = self.growth.rate(row.id, row.age_ms, bytes);
                    fill.push(&row);
                    if let Some(process) = process {
                        details::texts(&mut reads, pid, process.as_fd(), terms.needs, &mut fill);
                    }
                }
                Ok(None) => {}
                Err(Vanished) => self.vanished += 1,
            }
        }
        reads.known.end();
        self.growth.end();
        fill.finish();
        if terms.needs.pss {
            details::pss(&mut reads, &mut self.largest, into);
        }
    }

    /// Whether all who are listed now, and were not the time before, are kernel threads. The kernel starts and ends workers
    /// of its own all the time.
    pub(crate) fn has_no_new_process(&self, buffer: &mut Buffer) -> bool {
        let mut new = self.pids.iter().filter(|pid| self.last_pids.binary_search(pid).is_err());
        new.all(|&pid| {
            let name = NameBelow::of(pid, c"stat");
            match buffer.read_file(self.directory.as_fd(), name.as_c_str()) {
                Ok(text) => stat(text).is_ok_and(|found| found.is_kernel_thread),
                Err(errno) => is_gone(errno),
            }
        })
    }

    /// Lists who is there. Where the kernel refuses that, for want of memory say, those of the last scan are looked at.
    pub(crate) fn list(&mut self, faults: &mut Faults) {
        std::mem::swap(&mut self.pids, &mut self.last_pids);
        let pids = &mut self.pids;
        pids.clear();
        let listed = self.listing.of(self.directory.as_fd(), |name, _| {
            pids.extend(name.to_str().ok().and_then(|name| name.parse::<u32>().ok()));
        });
        if let Err(errno) = listed {
            faults.add(&self.proc, &[], &format_args!("cannot be listed: {errno}"));
            pids.extend_from_slice(&self.last_pids);
        }
        pids.sort_unstable();
        pids.dedup();
        if pids.len() > PROCESSES_MAX {
            let what = format_args!("over {PROCESSES_MAX} processes: the rest is not looked at");
            faults.add(&self.proc, &[], &what);
            pids.truncate(PROCESSES_MAX);
        }
    }
}

/// The process has ended during the scan. That costs its row and is no fault.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vanished;

/// The reads of one scan: where they go, and where they leave what they could not read.
#[derive(Debug)]
pub(crate) struct Reads<'a> {
    proc: &'a Path,
    directory: BorrowedFd<'a>,
    ticks_per_s: u64,
    page_bytes: u64,
    known: &'a mut Known,
    listing: &'a mut Listing,
    pub(crate) buffer: &'a mut Buffer,
    faults: &'a mut Faults,
}

impl Reads<'_> {
    /// The directory of a process; `None` after a fault.
    pub(crate) fn open(&mut self, pid: u32) -> Result<Option<OwnedFd>, Vanished> {
        match open_place(self.directory, Name::of(pid).as_c_str()) {
            Ok(process) => Ok(Some(process)),
            Err(errno) => self.refused(pid, c"", errno).map(|()| None),
        }
    }

    /// A file of a process; `None` after a fault.
    pub(crate) fn read<T>(
        &mut self,
        pid: u32,
        process: BorrowedFd<'_>,
        file: &CStr,
        parse: impl FnOnce(&[u8]) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Vanished> {
        match self.buffer.read_file(process, file).map(parse) {
            Ok(Ok(value)) => Ok(Some(value)),
            Ok(Err(what)) => {
                self.fault(pid, file, &what);
                Ok(None)
            }
            Err(errno) => self.refused(pid, file, errno).map(|()| None),
        }
    }

    fn refused(&mut self, pid: u32, file: &CStr, errno: Errno) -> Result<(), Vanished> {
        if is_gone(errno) {
            return Err(Vanished);
        }
        self.fault(pid, file, &format_args!("cannot be read: {errno}"));
        Ok(())
    }

    pub(crate) fn fault(&mut self, pid: u32, file: &CStr, what: &dyn fmt::Display) {
        let name = Name::of(pid);
        let parts = [name.as_c_str().to_bytes(), file.to_bytes()];
        self.faults.add(self.proc, &parts, what);
    }

    /// Reads one process, and hands back its directory for details, where they are needed. `None` after a fault without which
    /// there is no row.
    fn row(&mut self, pid: u32, terms: Terms<'_>) -> Result<Option<(Row, Option<OwnedFd>)>, Vanished> {
        if let Some(known) = self.known.take(pid) {
            if terms.depth != Depth::Scan
                && let Some(row) = self.row_at_a_glance(&known, terms)?
            {
                self.known.keep(Acquaintance { row, ..known });
                return Ok(Some((row, None)));
            }
            if let Some((row, size_bytes, process)) = self.known_row(&known, terms)? {
                self.known.keep(Acquaintance { row, size_bytes, ..known });
                return Ok(Some((row, process)));
            }
        }
        let Some(process) = self.open(pid)? else {
            return Ok(None);
        };
        let found = self.new_row(pid, process, terms)?;
        Ok(found.map(|(row, process)| (row, Some(process))))
    }

    /// A process of the last scan, on a host that does not swap. `None` where there is more to be read: another
    /// process, an address space that has changed, as execve(2) and a new thread change it, and after an error.
    fn row_at_a_glance(&mut self, known: &Acquaintance, terms: Terms<'_>) -> Result<Option<Row>, Vanished> {
        let mut row = known.row;
        let pid = row.id.pid;
        row.age_ms = age_ms(row.id.start_time, self.ticks_per_s, terms.now);
        // The memcgs are in the same rows, too.
        if terms.depth == Depth::Still {
            let is_kernel_thread = row.flags & flags::KERNEL_THREAD != 0;
            return Ok(if is_kernel_thread { Some(row) } else { self.adjusted(row, known) });
        }
        if row.flags & (flags::KERNEL_THREAD | flags::ZOMBIE) == 0 {
            let Some(found) = self.read_known(pid, c"statm", |text| statm(text).ok())? else {
                return Ok(None);
            };
            let bytes = |pages: u64| pages.saturating_mul(self.page_bytes);
            if found.size_pages == 0 || bytes(found.size_pages) != known.size_bytes {
                return Ok(None);
            }
            let Some(sized) = row.with_statm(bytes(found.resident_pages), bytes(found.shared_pages)) else {
                return Ok(None);
            };
            row = sized;
        }
        self.finished(row, known, terms)
    }

    /// A process of the last scan, with its address space. `None` if it is another one by now, if `stat` tells more, and after an
    /// error: all is tried again in the other way.
    fn known_row(
        &mut self,
        known: &Acquaintance,
        terms: Terms<'_>,
    ) -> Result<Option<(Row, u64, Option<OwnedFd>)>, Vanished> {
        let id = known.row.id;
        let Needs { cmdlines, exes, .. } = terms.needs;
        let process = (cmdlines || exes).then(|| open_place(self.directory, Name::of(id.pid).as_c_str()));
        let Ok(process) = process.transpose() else {
            return Ok(None);
        };
        let age_ms = age_ms(id.start_time, self.ticks_per_s, terms.now);
        let row = if known.row.flags & flags::KERNEL_THREAD == 0 {
            self.read_known(id.pid, c"status", |text| {
                let found = status(text).ok()?;
                let mut row = Row::new(id.pid, &found.as_stat(id.start_time)?, age_ms);
                row.set_status(&found);
                Some((row, found.size_bytes.unwrap_or(0)))
            })?
        } else {
            // One that runs a program has become a process (`call_usermodehelper_exec_async` in kernel/umh.c).
            self.read_known(id.pid, c"stat", |text| {
                let found = stat(text).ok().filter(|found| found.is_kernel_thread)?;
                Some((Row::new(id.pid, &found, age_ms), 0))
            })?
        };
        let Some((row, size_bytes)) = row else {
            return Ok(None);
        };
        Ok(self.finished(row, known, terms)?.map(|row| (row, size_bytes, process)))
    }

    /// Adds its memcg and its adjustment.
    fn finished(
        &mut self,
        mut row: Row,
        known: &Acquaintance,
        terms: Terms<'_>,
    ) -> Result<Option<Row>, Vanished> {
        let place = match row.flags & flags::KERNEL_THREAD == 0 {
            true => self.known_place(row.id.pid, terms)?,
            false => Some(Place::unknown(terms)),
        };
        let Some(place) = place else {
            return Ok(None);
        };
        row.set_place(place);
        Ok(self.adjusted(row, known))
    }

    /// Adds its adjustment, which tells that it is still the process that it was. `None` if it is not, and after an error.
    fn adjusted(&mut self, mut row: Row, known: &Acquaintance) -> Option<Row> {
        let adj = self.buffer.read_kept(&known.adj).ok().and_then(oom_score_adj)?;
        if row.flags & flags::KERNEL_THREAD == 0 {
            row.oom_score_adj = adj;
        }
        Some(row)
    }

    /// Where a process of the last scan is. `None` after an error.
    fn known_place(&mut self, pid: u32, terms: Terms<'_>) -> Result<Option<Place>, Vanished> {
        match terms.members.and_then(|members| members.row_of(pid)) {
            Some(memcg) => Ok(Some(Place::of_row(memcg, terms))),
            None if terms.hierarchy.is_none() => Ok(Some(Place::unknown(terms))),
            None => self.read_known(pid, c"cgroup", |text| Place::of_file(text, terms).ok()),
        }
    }

    /// A file of a process of the last scan. `None` after an error.
    fn read_known<T>(
        &mut self,
        pid: u32,
        file: &CStr,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, Vanished> {
        match self.buffer.read_file(self.directory, NameBelow::of(pid, file).as_c_str()) {
            Ok(text) => Ok(parse(text)),
            Err(errno) if is_gone(errno) => Err(Vanished),
            Err(_) => Ok(None),
        }
    }

    fn new_row(
        &mut self,
        pid: u32,
        mut process: OwnedFd,
        terms: Terms<'_>,
    ) -> Result<Option<(Row, OwnedFd)>, Vanished> {
        let ticks_per_s = self.ticks_per_s;
        let found = self.read(pid, process.as_fd(), c"stat", |text| {
            let found = stat(text)?;
            let age_ms = age_ms(found.start_time, ticks_per_s, terms.now);
            let is_headless = found.leader_is_dead() && !found.is_dead();
            Ok((Row::new(pid, &found, age_ms), is_headless))
        })?;
        let Some((mut row, is_headless)) = found else {
            return Ok(None);
        };
        if is_headless && let Some(thread) = self.live_thread(pid, process.as_fd()) {
            process = thread;
        }
        let is_kernel_thread = row.flags & flags::KERNEL_THREAD != 0;
        let (mut adj, mut size_bytes) = (None, 0);
        let place = if is_kernel_thread {
            // Only known by it: the kernel's OOM killer does not choose one.
            if self.known.has_room() {
                adj = self.buffer.read_and_keep(process.as_fd(), c"oom_score_adj").ok().map(|(file, _)| file);
            }
            Place::unknown(terms)
        } else {
            (adj, size_bytes) = self.complete(&mut row, process.as_fd())?;
            let place = match terms.hierarchy {
                Some(_) => self.read(pid, process.as_fd(), c"cgroup", |text| Place::of_file(text, terms))?,
                None => None,
            };
            place.unwrap_or_else(|| Place::unknown(terms))
        };
        row.set_place(place);
        // Of a dead leader with living threads `stat` tells more each time.
        if let Some(adj) = adj.filter(|_| !is_headless) {
            self.known.keep(Acquaintance { row, adj, size_bytes });
        }
        Ok(Some((row, process)))
    }

    /// Reads what `stat` does not tell. Where that fails the row has unknowns, and a fault says so. Returns the file of the
    /// adjustment, if nothing failed, and the address space.
    fn complete(
        &mut self,
        row: &mut Row,
        process: BorrowedFd<'_>,
    ) -> Result<(Option<OwnedFd>, u64), Vanished> {
        let pid = row.id.pid;
        let size_bytes = self.read(pid, process, c"status", |text| {
            let found = status(text)?;
            row.set_status(&found);
            Ok(found.size_bytes.unwrap_or(0))
        })?;
        let file = c"oom_score_adj";
        let mut kept = None;
        match self.buffer.read_and_keep(process, file).map(|(opened, text)| (opened, oom_score_adj(text))) {
            Ok((opened, Some(adj))) => {
                row.oom_score_adj = adj;
                kept = size_bytes.is_some().then_some(opened);
            }
            Ok((_, None)) => self.fault(pid, file, &Malformed("not a number of -1000 to 1000")),
            Err(errno) => self.refused(pid, file, errno)?,
        }
        Ok((kept, size_bytes.unwrap_or(0)))
    }

    /// When the leader has ended and other threads live on, its files say nothing about their memory: those of
    /// one of the others do.
    fn live_thread(&mut self, pid: u32, process: BorrowedFd<'_>) -> Option<OwnedFd> {
        let (mut found, mut tried) = (None, 0);
        let mut result = Ok(());
        let listed = open_directory(process, c"task").and_then(|tasks| {
            self.listing.of(tasks.as_fd(), |name, _| {
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
            self.fault(pid, c"task", &format_args!("no live thread can be looked at: {errno}"));
        }
        found
    }
}

/// The directory of a thread, if it lives.
fn live(buffer: &mut Buffer, tasks: BorrowedFd<'_>, name: &CStr) -> Result<Option<OwnedFd>, Errno> {
    let thread = open_place(tasks, name)?;
    let text = buffer.read_file(thread.as_fd(), c"stat")?;
    Ok(stat(text).is_ok_and(|stat| !stat.leader_is_dead()).then_some(thread))
}

fn age_ms(start_time: u64, ticks_per_s: u64, now: Now) -> u64 {
    let start_ms = u128::from(start_time) * 1000 / u128::from(ticks_per_s);
    u64::try_from(u128::from(now.boot_ms).saturating_sub(start_ms)).unwrap_or(0)
}
