//! The walk over the processes: one row each, in ascending order of pid.
//!
//! A process is read through its own directory, opened once: when it ends and its pid is used again, that
//! directory stays dead, so that no row is put together from two processes.

use std::ffi::CStr;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use jettison_model::column::NONE_U32;
use jettison_model::limits::PROCESSES_MAX;
use jettison_model::snapshot::flags;
use jettison_model::{Needs, Processes};
use rustix::io::Errno;

use crate::details::{self, Candidate};
use crate::error::Faults;
use crate::file::{Buffer, is_gone, open_directory};
use crate::growth::Growth;
use crate::hierarchy::Hierarchy;
use crate::listing::{Listing, Name};
use crate::memcg::MemcgPaths;
use crate::parse::Malformed;
use crate::parse::cgroup::{is_within, memcg_path};
use crate::parse::stat::stat;
use crate::parse::status::status;
use crate::parse::value::oom_score_adj;
use crate::row::{Fill, Row};
use crate::sensor::Now;

/// Threads of a process with a dead leader that are looked at for a live one.
const THREADS_TRIED_MAX: usize = 64;

/// What the walk needs to know besides the processes themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    pub(crate) now: Now,
    pub(crate) needs: Needs,
    pub(crate) hierarchy: Option<&'a Hierarchy>,
    pub(crate) memcgs: MemcgPaths<'a>,
    pub(crate) scope: Option<&'a [u8]>,
}

/// What outlives a scan: the open directory, memory to use again and the history of growth.
#[derive(Debug)]
pub(crate) struct ProcessWalk {
    proc: PathBuf,
    directory: OwnedFd,
    ticks_per_s: u64,
    listing: Listing,
    pids: Vec<u32>,
    parent_pids: Vec<u32>,
    largest: Vec<Candidate>,
    growth: Growth,
    vanished: u64,
}

impl ProcessWalk {
    pub(crate) fn new(proc: PathBuf, directory: OwnedFd) -> Self {
        Self {
            proc,
            directory,
            ticks_per_s: rustix::param::clock_ticks_per_second().max(1),
            listing: Listing::new(),
            pids: Vec::new(),
            parent_pids: Vec::new(),
            largest: Vec::new(),
            growth: Growth::default(),
            vanished: 0,
        }
    }

    /// How many processes ended during the last scan.
    pub(crate) fn vanished(&self) -> u64 {
        self.vanished
    }

    /// Fills the table.
    pub(crate) fn walk(
        &mut self,
        terms: Terms<'_>,
        buffer: &mut Buffer,
        faults: &mut Faults,
        into: &mut Processes,
    ) {
        self.list(faults);
        self.vanished = 0;
        self.growth.begin(terms.now.boot_ms);
        let mut reads = Reads {
            proc: &self.proc,
            directory: self.directory.as_fd(),
            ticks_per_s: self.ticks_per_s,
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
                    details::texts(&mut reads, pid, process.as_fd(), terms.needs, &mut fill);
                }
                Ok(None) => {}
                Err(Vanished) => self.vanished += 1,
            }
        }
        self.growth.end();
        fill.finish();
        if terms.needs.pss {
            details::pss(&mut reads, &mut self.largest, into);
        }
    }

    fn list(&mut self, faults: &mut Faults) {
        let pids = &mut self.pids;
        pids.clear();
        let listed = self.listing.of(self.directory.as_fd(), |name, _| {
            pids.extend(name.to_str().ok().and_then(|name| name.parse::<u32>().ok()));
        });
        if let Err(errno) = listed {
            faults.add(&self.proc, &[], &format_args!("cannot be listed: {errno}"));
        }
        pids.sort_unstable();
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
    listing: &'a mut Listing,
    pub(crate) buffer: &'a mut Buffer,
    faults: &'a mut Faults,
}

impl Reads<'_> {
    /// The directory of a process; `None` after a fault.
    pub(crate) fn open(&mut self, pid: u32) -> Result<Option<OwnedFd>, Vanished> {
        match open_directory(self.directory, Name::of(pid).as_c_str()) {
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

    /// Reads one process, and hands back its directory for details. `None` after a fault without which there is no row.
    fn row(&mut self, pid: u32, terms: Terms<'_>) -> Result<Option<(Row, OwnedFd)>, Vanished> {
        let Some(mut process) = self.open(pid)? else {
            return Ok(None);
        };
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
        if is_headless && let Some(thread) = self.live_thread(process.as_fd()) {
            process = thread;
        }
        let mut is_in_scope = terms.scope.is_none_or(|scope| scope == b"/");
        if row.flags & flags::KERNEL_THREAD == 0 {
            is_in_scope |= self.complete(&mut row, process.as_fd(), terms)?;
        }
        if !is_in_scope {
            row.flags |= flags::OUT_OF_SCOPE;
        }
        Ok(Some((row, process)))
    }

    /// Reads what `stat` does not tell, and says whether the process is in the scope.
    fn complete(
        &mut self,
        row: &mut Row,
        process: BorrowedFd<'_>,
        terms: Terms<'_>,
    ) -> Result<bool, Vanished> {
        let pid = row.id.pid;
        if let Some(found) = self.read(pid, process, c"status", status)? {
            row.set_status(&found);
        }
        let adj = self.read(pid, process, c"oom_score_adj", |text| {
            oom_score_adj(text).ok_or(Malformed("not a number of -1000 to 1000"))
        })?;
        if let Some(adj) = adj {
            row.oom_score_adj = adj;
        }
        let Some(hierarchy) = terms.hierarchy else {
            return Ok(false);
        };
        let found = self.read(pid, process, c"cgroup", |text| {
            let path = memcg_path(text, hierarchy.version);
            let path = path.ok_or(Malformed("no line for the memory hierarchy"))?;
            let Some(path) = hierarchy.below_mount(path) else {
                return Ok((NONE_U32, false));
            };
            let is_in_scope = terms.scope.is_some_and(|scope| is_within(path, scope));
            Ok((terms.memcgs.row_of(path), is_in_scope))
        })?;
        Ok(found.is_some_and(|(memcg, is_in_scope)| {
            row.memcg = memcg;
            is_in_scope
        }))
    }

    /// When the leader has ended and other threads live on, its files say nothing about their memory: those of
    /// one of the others do.
    fn live_thread(&mut self, process: BorrowedFd<'_>) -> Option<OwnedFd> {
        let tasks = open_directory(process, c"task").ok()?;
        let (mut found, mut tried) = (None, 0);
        let listed = self.listing.of(tasks.as_fd(), |name, _| {
            if found.is_some() || tried == THREADS_TRIED_MAX {
                return;
            }
            tried += 1;
            found = open_directory(tasks.as_fd(), name).ok().filter(|thread| {
                let text = self.buffer.read_file(thread.as_fd(), c"stat");
                text.is_ok_and(|text| stat(text).is_ok_and(|stat| !stat.leader_is_dead()))
            });
        });
        listed.ok().and(found)
    }
}

fn age_ms(start_time: u64, ticks_per_s: u64, now: Now) -> u64 {
    let start_ms = u128::from(start_time) * 1000 / u128::from(ticks_per_s);
    u64::try_from(u128::from(now.boot_ms).saturating_sub(start_ms)).unwrap_or(0)
}
