//! The walk over the processes: one row each, in ascending order of pid.
//!
//! No row mixes two processes, even where the kernel has given a pid to another process meanwhile:
//!
//! - A new process (`new.rs`): `stat`, `status`, `oom_score_adj` and `cgroup`, all below its directory, which
//!   is opened once. When the process ends, the open directory is dead, even if the pid is used again.
//! - One that is known from the last scan (`reread.rs`): `status` (of a kernel thread `stat`) by its pid;
//!   `cgroup`, unless `members.rs` has its memcg; and last `oom_score_adj`. That file is kept open and
//!   belongs to one process (`known.rs`), so if it can still be read, the others were of the same process.
//! - At a glance likewise, with `statm` in the place of `status`, and of a kernel thread `oom_score_adj`
//!   alone. All other values are those of the last scan.
//! - At a still look `oom_score_adj` alone, and of a kernel thread nothing.
//! - All at once (`tasks.rs`), if so, no file of one that is known, except of those in focus.
//! - In focus (`focus.rs`) as at a scan, of few processes. The rows of the others are kept unread: one that
//!   has ended keeps its row until the next scan.

mod patch;
mod pids;

use std::borrow::Cow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use jettison_model::column::{UNKNOWN_S64, refill, reuse, set};
use jettison_model::limits::PROCESSES_MAX;
use jettison_model::{ProcessId, Processes};

use crate::host::ease::{Marks, Measure};
use crate::io::error::Faults;
use crate::io::file::{Buffer, is_gone};
use crate::io::listing::NameBelow;
use crate::memcg::hierarchy::Hierarchy;
use crate::parse::cgroup::memcg_path;
use crate::parse::stat::stat;
use crate::parse::status::thread_group;
use crate::process::blame::blame;
use crate::process::details::{self, Candidate};
use crate::process::focus::{Account, Focus};
use crate::process::growth::Growth;
use crate::process::known::KnownProcess;
use crate::process::reads::{Files, Read, Reads, Skip, age_ms};
use crate::process::row::Fill;
use crate::process::shared::Shared;
use crate::process::tasks::{InStep, Task};
use crate::process::terms::{Depth, Terms};
use crate::process::texts::Texts;

/// So many new processes are looked at between two ticks; what more there is, the next tick finds.
const NEWCOMERS_MAX: usize = 256;
/// With more pids given out since the last look, processes are listed.
const NEW_PIDS_MAX: u64 = 1024;

/// What outlives a scan: open files, memory to use again and the history of growth.
#[derive(Debug)]
pub(crate) struct ProcessWalk {
    files: Files,
    pids: Vec<u32>,
    last_pids: Vec<u32>,
    seen_pids: Vec<u32>,
    seen_before_pids: Vec<u32>,
    parent_pids: Vec<u32>,
    largest: Vec<Candidate>,
    texts: Texts,
    shared: Shared,
    growth: Growth,
    focus: Focus,
    account: Account,
    /// Whether the row of the last walk was kept unread, by rows.
    is_kept: Vec<bool>,
    /// The rows of the last walk that were read, where only these changed.
    patched: Vec<usize>,
    /// Those that were listed, and ended before the last walk could read them.
    gone: Vec<u32>,
    vanished: u64,
}

impl ProcessWalk {
    pub(crate) fn new(proc: PathBuf, directory: OwnedFd) -> Self {
        Self {
            files: Files::new(proc, directory),
            pids: Vec::new(),
            last_pids: Vec::new(),
            seen_pids: Vec::new(),
            seen_before_pids: Vec::new(),
            parent_pids: Vec::new(),
            largest: Vec::new(),
            texts: Texts::default(),
            shared: Shared::default(),
            growth: Growth::default(),
            focus: Focus::default(),
            account: Account::default(),
            is_kept: Vec::new(),
            patched: Vec::new(),
            gone: Vec::new(),
            vanished: 0,
        }
    }

    /// How many processes are known from the last scan.
    pub(crate) fn known(&self) -> usize {
        self.files.known.len()
    }

    /// Forgets processes from one scan to the next.
    pub(crate) fn keep_no_files(&mut self) {
        self.files.known.keep_none();
    }

    /// Whether unread rows can be kept: where an open file identifies a process, and pids are of our
    /// namespace.
    pub(crate) fn can_focus(&self) -> bool {
        self.files.known.is_usable()
    }

    /// Chooses the focus, from the table of the last look and the processes that started since.
    /// Returns false if these are too many to be tried one by one.
    pub(crate) fn focus(
        &mut self,
        on: &[ProcessId],
        last_pids: (u64, u64),
        buffer: &mut Buffer,
        table: &Processes,
    ) -> bool {
        let (before, now) = last_pids;
        if now < before || now - before > NEW_PIDS_MAX {
            return false;
        }
        self.choose(on, table);
        for pid in (before + 1..=now).filter_map(|pid| u32::try_from(pid).ok()) {
            let name = NameBelow::of(pid, c"status");
            let text = buffer.read_file(self.files.directory.as_fd(), name.as_c_str());
            // What is no process is the pid of a thread, or has ended.
            if text.is_ok_and(|text| thread_group(text) == Some(pid))
                && self.pids.binary_search(&pid).is_err()
            {
                self.pids.push(pid);
            }
        }
        self.pids.sort_unstable();
        self.pids.dedup();
        self.pids.len() <= PROCESSES_MAX
    }

    /// Chooses the focus, from the table of the last look.
    pub(crate) fn choose(&mut self, on: &[ProcessId], table: &Processes) {
        self.focus.choose(table, on);
    }

    /// After a look at all processes: from now on the gains of those that are read are counted.
    /// `available_bytes` is before and after that look.
    pub(crate) fn open_account(&mut self, available_bytes: (u64, u64)) {
        self.account = Account::open(available_bytes);
    }

    /// Whether the last walk has seen all that can change a decision.
    pub(crate) fn has_seen_enough(&self, total_bytes: u64, available_bytes: (u64, u64)) -> bool {
        self.account.explains(total_bytes, available_bytes)
    }

    /// How many processes ended during the last scan.
    pub(crate) fn vanished(&self) -> u64 {
        self.vanished
    }

    /// Fills the table with the processes that were listed last.
    pub(crate) fn walk(
        &mut self,
        terms: Terms<'_>,
        buffer: &mut Buffer,
        faults: &mut Faults,
        into: &mut Processes,
    ) {
        self.vanished = 0;
        if terms.depth != Depth::Focus || !self.patch(terms, buffer, faults, into) {
            self.fill(terms, buffer, faults, into);
        }
        // Unknown until `blame` is told which level is at ease.
        refill(&mut into.taken_bytes).resize(into.pids.len(), UNKNOWN_S64);
    }

    fn fill(&mut self, terms: Terms<'_>, buffer: &mut Buffer, faults: &mut Faults, into: &mut Processes) {
        reuse(&mut self.is_kept);
        self.gone.clear();
        let mut reads = Reads { files: &mut self.files, buffer, faults };
        reads.files.known.begin();
        let (is_focus, has_memcgs) = (terms.depth == Depth::Focus, terms.hierarchy.is_some());
        let mut tasks = InStep::of(terms.tasks.unwrap_or_default());
        let mut texts = self.texts.begin(terms.needs);
        let mut fill = Fill::of(into, &mut self.parent_pids);
        for &pid in &self.pids {
            let known = reads.files.known.take(pid);
            let is_kept = is_focus && known.is_some() && !self.focus.has(pid);
            let before = known.as_ref().filter(|_| is_focus).map(|known| known.row);
            let read = match known {
                Some(known) if is_kept => Ok(unread(&reads, known, terms)),
                known => {
                    let task = tasks.find(pid).filter(|_| !self.focus.has(pid));
                    read(&mut reads, pid, known, task, terms)
                }
            };
            if is_focus && !is_kept {
                self.account.note(before.as_ref(), read.as_ref().ok().map(|read| &read.row), has_memcgs);
            }
            match read {
                Ok(Read { row, known, directory }) => {
                    self.is_kept.push(is_kept);
                    reads.files.known.keep(known);
                    fill.push(&row);
                    texts.add(&mut reads, &row, directory);
                }
                Err(Skip::Vanished) => {
                    self.vanished += 1;
                    self.gone.push(pid);
                }
                Err(Skip::Faulted | Skip::Stale) => {}
            }
        }
        reads.files.known.end();
        fill.finish();
        if !self.gone.is_empty() {
            self.pids.retain(|pid| self.gone.binary_search(pid).is_err());
        }
        self.texts.finish(into);
        self.shared.find(into);
        self.growth.fill(terms.now.boot_ms, &self.shared, &self.is_kept, into);
        if terms.needs.pss {
            details::pss(&mut reads, &mut self.largest, into);
        }
    }

    /// A process of the last walk has this adjustment by now.
    pub(crate) fn note_adj(&mut self, id: ProcessId, adj: i16, into: &mut Processes) {
        self.files.known.note_adj(id, adj);
        if let Some(row) = into.row_of(id) {
            set(&mut into.oom_score_adjs_now, row, adj);
        }
    }

    /// Fills what each process of the last walk has taken since memory was last at ease. Returns the sum.
    pub(crate) fn blame(&mut self, measure: Measure, into: &mut Processes) -> u64 {
        blame(&mut self.growth, measure, into)
    }

    /// What each process held when memory was last at ease.
    pub(crate) fn ease_marks(&self) -> impl Iterator<Item = (ProcessId, Marks<u64>)> {
        self.growth.eased()
    }

    /// Begins with these.
    pub(crate) fn remember(&mut self, eased_at_ms: u64, held: Vec<(ProcessId, Marks<u64>)>) {
        self.growth.remember(eased_at_ms, held);
    }

    /// Whether all pids that are listed now and were not the time before are kernel threads. These do not
    /// count: the kernel starts and ends its workers all the time.
    pub(crate) fn has_no_new_process(&self, buffer: &mut Buffer) -> bool {
        let mut new = self.pids.iter().filter(|pid| self.last_pids.binary_search(pid).is_err());
        new.all(|&pid| {
            let name = NameBelow::of(pid, c"stat");
            match buffer.read_file(self.files.directory.as_fd(), name.as_c_str()) {
                Ok(text) => stat(text).is_ok_and(|found| found.is_kernel_thread),
                Err(errno) => is_gone(errno),
            }
        })
    }

    /// Whether a process that is new since the last list, and since the last call, lives in a memcg of whose
    /// path `is_home` is true.
    pub(crate) fn has_newcomer(
        &mut self,
        buffer: &mut Buffer,
        hierarchy: &Hierarchy,
        is_home: &dyn Fn(&[u8]) -> bool,
    ) -> bool {
        std::mem::swap(&mut self.seen_pids, &mut self.seen_before_pids);
        let (pids, before) = (&mut self.seen_pids, &self.seen_before_pids);
        reuse(pids);
        // What cannot be listed now is found by the next scan.
        let listed = self.files.listing.numbers(self.files.directory.as_fd(), pids);
        pids.sort_unstable();
        pids.truncate(PROCESSES_MAX);
        let is_new = |pid: &&u32| self.pids.binary_search(pid).is_err() && before.binary_search(pid).is_err();
        let mut new = pids.iter().filter(is_new).take(NEWCOMERS_MAX);
        let directory = self.files.directory.as_fd();
        listed.is_ok()
            && new.any(|&pid| memcg_of(directory, pid, buffer, hierarchy).is_some_and(|path| is_home(&path)))
    }

    /// Calls `each` with the memcg of every listed process that is new, or that had no row of a memcg in the
    /// last scan, as its own `cgroup` has it.
    pub(crate) fn strays(&self, buffer: &mut Buffer, hierarchy: &Hierarchy, mut each: impl FnMut(&[u8])) {
        for &pid in self.pids.iter().filter(|pid| self.files.known.is_stray(**pid)) {
            if let Some(path) = memcg_of(self.files.directory.as_fd(), pid, buffer, hierarchy) {
                each(&path);
            }
        }
    }
}

/// The memcg of a process, as its own `cgroup` has it.
fn memcg_of<'b>(
    directory: BorrowedFd<'_>,
    pid: u32,
    buffer: &'b mut Buffer,
    hierarchy: &Hierarchy,
) -> Option<Cow<'b, [u8]>> {
    let name = NameBelow::of(pid, c"cgroup");
    let text = buffer.read_file(directory, name.as_c_str()).ok()?;
    hierarchy.below_mount(memcg_path(text, hierarchy.version)?)
}

/// The row of a process as it was at the last look, without reading anything.
fn unread(reads: &Reads<'_>, known: KnownProcess, terms: Terms<'_>) -> Read {
    let mut row = known.row;
    row.age_ms = age_ms(row.id.start_time, reads.files.ticks_per_s, terms.now);
    Read { row, known, directory: None }
}

/// Reads one process.
fn read(
    reads: &mut Reads<'_>,
    pid: u32,
    known: Option<KnownProcess>,
    task: Option<&Task>,
    terms: Terms<'_>,
) -> Result<Read, Skip> {
    if let Some(known) = known.filter(|known| known.adj.is_some() || task.is_some()) {
        match again(reads, known, task, terms) {
            Err(Skip::Stale) => {}
            Err(skip) => return Err(skip),
            Ok(known) => return Ok(Read { row: known.row, known, directory: None }),
        }
    }
    reads.new_row(pid, terms)
}

/// Reads a process of the last scan, in the shortest way that will do.
fn again(
    reads: &mut Reads<'_>,
    known: KnownProcess,
    task: Option<&Task>,
    terms: Terms<'_>,
) -> Result<KnownProcess, Skip> {
    if matches!(terms.depth, Depth::Glance | Depth::Still) {
        match reads.glance(&known, terms) {
            Ok(row) => return Ok(KnownProcess { row, ..known }),
            Err(Skip::Stale) => {}
            Err(skip) => return Err(skip),
        }
    }
    let found = match task.map(|task| reads.at_once(&known, task, terms)) {
        Some(Ok(found)) => found,
        Some(Err(Skip::Stale)) | None => reads.known_row(&known, terms)?,
        Some(Err(skip)) => return Err(skip),
    };
    let shared_bytes = found.row.file_and_shmem_bytes();
    Ok(KnownProcess { row: found.row, size_bytes: found.size_bytes, shared_bytes, ..known })
}
