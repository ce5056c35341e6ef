//! The sensor: everything that stays open between two scans.

mod at_once;
mod between;
pub(crate) mod marks;

use jettison_model::column::{NONE_U32, UNKNOWN_U64};
use jettison_model::{Host, Memcgs, Needs, ProcessId, SenseFault, Snapshot};
use rustix::param::page_size;

use crate::host::counters::{Counted, HostCounters};
use crate::host::domain::{Memory, Scope};
use crate::host::ease::Ease;
use crate::host::memory::HostMemory;
use crate::host::trend::{HostTrend, Sample};
use crate::io::error::{Faults, SenseError};
use crate::io::file::{Buffer, open_root};
use crate::io::root::Root;
use crate::io::tree::Unusable;
use crate::last::Last;
use crate::memcg::hierarchy::Hierarchy;
use crate::memcg::limit_watch::LimitWatch;
use crate::memcg::members::Told;
use crate::memcg::paths::MemcgPaths;
use crate::memcg::walk::MemcgWalk;
use crate::now::Now;
use crate::parse::loadavg::Tasks;
use crate::parse::pressure::Pressure;
use crate::parse::zoneinfo::Watermarks;
use crate::process::tasks::TaskTable;
use crate::process::terms::{Depth, Terms};
use crate::process::walk::ProcessWalk;
use crate::survey::{Holder, holders};

/// How much is wanted of a look.
#[derive(Clone, Copy, Debug)]
enum Wish<'a> {
    Scan,
    Glance,
    Focus(&'a [ProcessId]),
    /// All, while memory is short: the focus has missed something, or the last look at all is stale.
    Whole(&'a [ProcessId]),
}

/// Senses one machine. Its first scan allocates; later ones use the same memory again, unless there are far
/// fewer processes by then.
#[derive(Debug)]
pub struct Sensor {
    root: Root,
    hierarchy: Option<Hierarchy>,
    buffer: Buffer,
    host: HostMemory,
    counters: HostCounters,
    trend: HostTrend,
    ease: Ease,
    last: Last,
    /// `now_ms` of the snapshot that was filled last.
    filled_at_ms: Option<u64>,
    /// The memcg whose memory is looked after: the scope, or the root where that has a limit.
    domain: Option<Scope>,
    /// The domain was named as a scope, and processes elsewhere are none of ours.
    is_scoped: bool,
    memcgs: Option<MemcgWalk>,
    limits: Option<LimitWatch>,
    processes: ProcessWalk,
    /// Another way to look at all of them.
    tasks: Option<Box<dyn TaskTable>>,
    /// The table of tasks when it was last looked through for newcomers.
    newcomers_at: Option<Tasks>,
    faults: Faults,
}

impl Sensor {
    /// Finds the memory hierarchy and opens what stays open. `scope` is the path of a memcg below the
    /// hierarchy's root: then available memory is what that memcg can have, and processes elsewhere are
    /// marked [`jettison_model::snapshot::flags::OUT_OF_SCOPE`]. Without a scope, a root that has a limit
    /// itself bounds available memory: the visible root of a container.
    ///
    /// # Errors
    /// [`SenseError::Unreadable`] or [`SenseError::Malformed`] if the root has no usable procfs;
    /// [`SenseError::NoHierarchy`] or [`SenseError::NoScope`] if there is no such scope.
    pub fn new(root: Root, scope: Option<&str>) -> Result<Self, SenseError> {
        let mut buffer = Buffer::new();
        let mut host = HostMemory::new(&root)?;
        host.read(&mut buffer, &mut |_| ()).map_err(|unusable| unusable.into_error())?;
        let counters = HostCounters::new(&root)?;
        let trend = HostTrend::new(page_size() as u64);
        let hierarchy = Hierarchy::find(&root);
        let is_scoped = scope.is_some();
        let domain = match (scope, &hierarchy) {
            (None, None) => None,
            (None, Some(hierarchy)) => Scope::limited_root(hierarchy, &mut buffer),
            (Some(scope), None) => return Err(SenseError::NoHierarchy { scope: scope.into() }),
            (Some(scope), Some(hierarchy)) => Some(Scope::find(scope, hierarchy)?),
        };
        let memcgs = match &hierarchy {
            Some(hierarchy) => {
                let directory = domain.as_ref().map_or(c".", Scope::directory).to_owned();
                Some(MemcgWalk::new(hierarchy, open_root(&hierarchy.mount)?, directory))
            }
            None => None,
        };
        let limits = |found: &Hierarchy| Ok(LimitWatch::new(found, open_root(&found.mount)?));
        let limits = hierarchy.as_ref().map(limits).transpose()?;
        let processes = ProcessWalk::new(root.proc.clone(), open_root(&root.proc)?);
        Ok(Self {
            root,
            hierarchy,
            buffer,
            host,
            counters,
            trend,
            ease: Ease::default(),
            last: Last::default(),
            filled_at_ms: None,
            domain,
            is_scoped,
            memcgs,
            limits,
            processes,
            tasks: None,
            newcomers_at: None,
            faults: Faults::default(),
        })
    }

    /// Keeps no file open for each process, which makes scans dearer: for a second sensor, seldom used.
    pub fn keep_no_files(&mut self) {
        self.processes.keep_no_files();
    }

    /// Takes a snapshot: refills the columns of `into`, all except its request. Never fails: a file that
    /// cannot be read costs its value or its row and becomes a fault. A process that has ended during the
    /// scan costs its row and is no fault.
    pub fn sense(&mut self, needs: Needs, now: Now, into: &mut Snapshot) {
        self.scan(needs, now, into, Wish::Scan);
    }

    /// Takes a snapshot at a fraction of the cost, for a tick that shuts down no process. Three depths, the
    /// least that will do:
    ///
    /// - A scan, where swap is in use, proportional set sizes are needed or the last scan is five minutes
    ///   old.
    /// - A glance. Of a process of the last scan only its resident memory, its adjustment and its memcg are
    ///   read, unless the size of its address space or of what is not anonymous has changed. Name, user,
    ///   number of threads and page tables are those of the last scan.
    /// - A still look, if no process is new, available memory has changed by at most 0.1 % of the total, and
    ///   `into` is the snapshot that was filled last. Only adjustments are read; processes that have ended
    ///   lose their rows.
    ///
    /// Returns whether nothing has moved: it was a still look, and no row is lost.
    pub fn glance(&mut self, needs: Needs, now: Now, into: &mut Snapshot) -> bool {
        let rows = into.processes.len();
        self.scan(needs, now, into, Wish::Glance) == Depth::Still && into.processes.len() == rows
    }

    /// Takes a snapshot while memory is short. Where `into` is the snapshot that was filled last, only these
    /// are read: `on`, the largest, the fastest-growing and the young processes, and limited memcgs. All else
    /// is kept. If that is not possible, or leaves unexplained where memory went since the last look of
    /// another depth (`focus.rs` has the bound), it is a scan. Returns whether it was.
    pub fn focus(&mut self, needs: Needs, now: Now, on: &[ProcessId], into: &mut Snapshot) -> bool {
        if self.scan(needs, now, into, Wish::Focus(on)) == Depth::Scan {
            return true;
        }
        let Host { memory_total_bytes: total, memory_available_bytes: before, .. } = into.host;
        let available_bytes = (before, self.available_bytes());
        let has_missed = !self.processes.has_seen_enough(total, available_bytes);
        if has_missed {
            self.scan(needs, now, into, Wish::Whole(on));
        }
        has_missed
    }

    fn scan(&mut self, needs: Needs, now: Now, into: &mut Snapshot, wish: Wish<'_>) -> Depth {
        self.faults.clear();
        let is_ours = self.filled_at_ms == Some(into.now_ms);
        self.filled_at_ms = Some(now.boot_ms);
        let (buffer, faults) = (&mut self.buffer, &mut self.faults);
        // Before anything else, so that a process that starts during the scan makes the next one differ.
        let tasks = self.counters.tasks(buffer, &mut |unusable| unusable.record(faults));
        into.taken_at_ms = now.wall_ms;
        into.now_ms = now.boot_ms;
        into.host = self.sense_host(needs, now);
        let ours = tasks.filter(|_| is_ours);
        let depth = match wish {
            Wish::Glance if self.may_glance(needs, now) => self.depth_of_glance(ours, &into.host),
            Wish::Focus(on) if self.may_focus(needs, ours, on, into) => Depth::Focus,
            Wish::Scan | Wish::Glance | Wish::Focus(_) | Wish::Whole(_) => Depth::Scan,
        };
        let is_at_once = depth == Depth::Scan && self.look_at_once(wish, &into.processes);
        if depth == Depth::Scan && !is_at_once {
            self.processes.list(&mut self.faults);
        }
        self.last.note(depth, now, tasks, &into.host);
        match &mut self.memcgs {
            Some(_) if depth == Depth::Still => {}
            Some(_) if depth == Depth::Focus => {
                if let Some(limits) = &mut self.limits {
                    limits.refresh(now.boot_ms, &mut self.buffer, &mut into.memcgs);
                }
            }
            Some(memcgs) => {
                let told = if is_at_once { Told::ByInodes } else { Told::ByLists(self.processes.known()) };
                if let Some(hierarchy) = self.hierarchy.as_ref().filter(|_| memcgs.left_out() > 0) {
                    self.processes.strays(&mut self.buffer, hierarchy, |path| memcgs.want(path));
                }
                memcgs.walk(now.boot_ms, told, &mut self.buffer, &mut self.faults, &mut into.memcgs);
            }
            None if into.memcgs.is_empty() => {}
            None => into.memcgs = Memcgs::default(),
        }
        let terms = Terms {
            now,
            needs,
            depth,
            hierarchy: self.hierarchy.as_ref(),
            memcgs: MemcgPaths(&into.memcgs.paths),
            members: self.memcgs.as_ref().map(MemcgWalk::members),
            scope: self.domain.as_ref().filter(|_| self.is_scoped).map(Scope::path),
            tasks: self.tasks.as_deref().filter(|_| is_at_once).map(TaskTable::all),
        };
        self.processes.walk(terms, &mut self.buffer, &mut self.faults, &mut into.processes);
        if matches!(depth, Depth::Scan | Depth::Glance) {
            let available_bytes = (into.host.memory_available_bytes, self.available_bytes());
            self.processes.open_account(available_bytes);
        }
        if let Some(tasks) = self.tasks.as_mut().filter(|_| is_at_once) {
            tasks.make_ready();
        }
        if self.faults.total() > 0 {
            // The table is not complete, so the next look may not be a still one.
            self.last.tasks = None;
        }
        depth
    }

    /// Fills what has been taken since memory was last at ease: the three functions of `host` and the column
    /// of processes. To be called after each [`Sensor::sense`] and [`Sensor::glance`], with its snapshot.
    /// Memory is at ease with more than `warn_bytes` available, while tasks do not stall on it.
    pub fn blame(&mut self, warn_bytes: u64, into: &mut Snapshot) {
        let measure = self.ease.look(into.now_ms, &into.host, warn_bytes);
        let by_processes_bytes = self.processes.blame(measure, &mut into.processes);
        self.ease.fill(into.now_ms, by_processes_bytes, &mut into.host);
    }

    /// A glance reads neither proportional set sizes, which must be of every process and fresh, nor swap,
    /// which is only in `status`.
    fn may_glance(&self, needs: Needs, now: Now) -> bool {
        self.last.is_fresh(now) && !needs.pss && self.host.is_swap_unused()
    }

    /// Chooses what to focus on. `tasks` is `None` if the table is not that of the last look.
    fn may_focus(&mut self, needs: Needs, tasks: Option<Tasks>, on: &[ProcessId], table: &Snapshot) -> bool {
        let is_possible = self.processes.can_focus() && !needs.pss;
        let Some((before, now)) = self.last.listed.zip(tasks).filter(|_| is_possible) else {
            return false;
        };
        let last_pids = (before.last_pid, now.last_pid);
        self.processes.focus(on, last_pids, &mut self.buffer, &table.processes)
    }

    /// Lists the processes, unless these are the same as before. `tasks` is `None` if the table is not that
    /// of the last look.
    fn depth_of_glance(&mut self, tasks: Option<Tasks>, host: &Host) -> Depth {
        let may_be_still = tasks.is_some() && self.last.tasks.is_some() && self.last.has_as_much_left(host);
        if may_be_still && tasks == self.last.tasks {
            return Depth::Still;
        }
        self.processes.list(&mut self.faults);
        match may_be_still && self.processes.has_no_new_process(&mut self.buffer) {
            true => Depth::Still,
            false => Depth::Glance,
        }
    }

    /// Numbers that cannot be read are unknown, which is above every threshold: an unreadable file must not
    /// cause a shutdown. Where the scope has been removed, no process is in it, and the numbers are the
    /// host's.
    fn sense_host(&mut self, needs: Needs, now: Now) -> Host {
        let (buffer, faults) = (&mut self.buffer, &mut self.faults);
        let host = self.host.read(buffer, &mut |unusable| unusable.record(faults));
        let mut memory = host.unwrap_or_else(|unusable| {
            unusable.record(faults);
            Memory::UNKNOWN
        });
        let (mut pressure, mut has_scope_memory) = (None, false);
        if let Some(scope) = &mut self.domain {
            match scope.read(memory, buffer) {
                Ok(tighter) => (memory, has_scope_memory) = (tighter, true),
                Err(unusable) => unusable.record(faults),
            }
            pressure = present(scope.pressure(buffer), faults);
        }
        let has_scope_pressure = pressure.is_some();
        let pressure = pressure.or_else(|| present(self.host.pressure(buffer), faults));
        let has_stalled = needs.refaults && self.trend.has_stalled(pressure);
        // In a container they would be those of its host.
        let is_ours = !self.host.is_of_container();
        let counted = match is_ours && (needs.counters || has_stalled) {
            true => self.counters.read(now.boot_ms, buffer, &mut |unusable| unusable.record(faults)),
            false => Counted::default(),
        };
        let vmstat = counted.vmstat;
        let sample = Sample { memory, has_scope_memory, pressure, has_scope_pressure, vmstat };
        let (said, page) = (self.host.said(), page_size() as u64);
        let watermark = |pages: fn(&Watermarks) -> u64| {
            counted.watermarks.map_or(UNKNOWN_U64, |found| pages(&found).saturating_mul(page))
        };
        Host {
            memory_total_bytes: memory.total_bytes,
            memory_available_bytes: memory.available_bytes,
            swap_total_bytes: memory.swap_total_bytes,
            swap_free_bytes: memory.swap_free_bytes,
            memory_pressure_some_avg10: pressure.map_or(NONE_U32, |found| found.some_avg10),
            memory_pressure_full_avg10: pressure.map_or(NONE_U32, |found| found.full_avg10),
            io_pressure_some_avg10: counted.io_avg10.map_or(NONE_U32, |(some, _)| some),
            io_pressure_full_avg10: counted.io_avg10.map_or(NONE_U32, |(_, full)| full),
            cpu_pressure_some_avg10: counted.cpu_avg10.unwrap_or(NONE_U32),
            memory_free_bytes: said.free_bytes.unwrap_or(UNKNOWN_U64),
            watermark_min_bytes: watermark(|found| found.min_pages),
            watermark_low_bytes: watermark(|found| found.low_pages),
            watermark_high_bytes: watermark(|found| found.high_pages),
            zswap_bytes: said.zswap_bytes.unwrap_or(UNKNOWN_U64),
            zswapped_bytes: said.zswapped_bytes.unwrap_or(UNKNOWN_U64),
            oom_kills: vmstat.oom_kills.unwrap_or(UNKNOWN_U64),
            trend: self.trend.next(now.boot_ms, sample),
            ..Host::default()
        }
    }

    /// Reads the memory of the domain alone, between ticks. Allocates nothing. `None` if it cannot be read,
    /// or if the scope has been removed.
    pub fn probe(&mut self) -> Option<Memory> {
        let host = self.host.read(&mut self.buffer, &mut |_| ()).ok()?;
        match &mut self.domain {
            Some(scope) => scope.read(host, &mut self.buffer).ok(),
            None => Some(host),
        }
    }

    fn available_bytes(&mut self) -> u64 {
        self.probe().map_or(UNKNOWN_U64, |memory| memory.available_bytes)
    }

    /// What holds memory that no process has. Reads files that no tick does, and allocates.
    #[must_use]
    pub fn holders(&self) -> Vec<Holder> {
        holders(&self.root)
    }

    /// The first few faults of the last scan; [`Sensor::faults_total`] counts all.
    #[must_use]
    pub fn faults(&self) -> &[SenseFault] {
        self.faults.kept()
    }

    /// How many faults the last scan had.
    #[must_use]
    pub fn faults_total(&self) -> u64 {
        self.faults.total()
    }

    /// How many memcgs without a process the last scan left out, because there are very many.
    #[must_use]
    pub fn memcgs_left_out(&self) -> usize {
        self.memcgs.as_ref().map_or(0, MemcgWalk::left_out)
    }

    /// How many processes ended during the last scan.
    #[must_use]
    pub fn vanished_total(&self) -> u64 {
        self.processes.vanished()
    }

    /// The memory hierarchy; `None` if no cgroup file system with the memory controller is mounted.
    #[must_use]
    pub fn hierarchy(&self) -> Option<&Hierarchy> {
        self.hierarchy.as_ref()
    }

    /// The machine that is sensed.
    #[must_use]
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Whether the scope's memcg exists now; true without a scope. The daemon waits for a scope that has been
    /// removed.
    #[must_use]
    pub fn scope_exists(&self) -> bool {
        self.domain.as_ref().is_none_or(Scope::exists)
    }
}

fn present(pressure: Result<Option<Pressure>, Unusable<'_>>, faults: &mut Faults) -> Option<Pressure> {
    pressure.unwrap_or_else(|unusable| {
        unusable.record(faults);
        None
    })
}
