//! The sensor: everything that stays open between two scans.

use jettison_model::column::{NONE_U32, UNKNOWN_U64};
use jettison_model::{Host, Memcgs, Needs, SenseFault, Snapshot};
use rustix::param::page_size;

use crate::error::{Faults, SenseError};
use crate::file::{Buffer, open_root};
use crate::hierarchy::Hierarchy;
use crate::host_counters::{Counted, HostCounters};
use crate::host_memory::HostMemory;
use crate::host_trend::{HostTrend, Sample};
use crate::limit_watch::{Left, LimitWatch};
use crate::memcg::{MemcgPaths, MemcgWalk};
use crate::memory::{Memory, Scope, Unusable};
use crate::parse::loadavg::Tasks;
use crate::parse::pressure::Pressure;
use crate::parse::zoneinfo::Watermarks;
use crate::process::{Depth, ProcessWalk, Terms};
use crate::root::Root;

/// For so long a glance may take over what only a scan reads: names, users, page tables. A tick that may shut somebody
/// down is a scan in any case.
const GLANCES_MS_MAX: u64 = 300_000;

/// What was found when everybody was looked at last.
#[derive(Debug, Default)]
struct Last {
    scanned_at_ms: Option<u64>,
    tasks: Option<Tasks>,
    total_bytes: u64,
    available_bytes: u64,
}

impl Last {
    fn note(&mut self, depth: Depth, now: Now, tasks: Option<Tasks>, host: &Host) {
        if depth == Depth::Scan {
            self.scanned_at_ms = Some(now.boot_ms);
        }
        self.tasks = tasks;
        if depth != Depth::Still {
            (self.total_bytes, self.available_bytes) = (host.memory_total_bytes, host.memory_available_bytes);
        }
    }

    fn has_as_much_left(&self, host: &Host) -> bool {
        host.memory_total_bytes == self.total_bytes
            && host.memory_available_bytes.abs_diff(self.available_bytes) <= self.total_bytes / 1000
    }
}

/// The time of a scan. Whoever calls has the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since boot, `CLOCK_BOOTTIME`: the clock of start times (clock_gettime(2)).
    pub boot_ms: u64,
    /// Milliseconds since 1970.
    pub wall_ms: u64,
}

/// Senses one machine. Its first scan allocates; later ones use the same memory again.
#[derive(Debug)]
pub struct Sensor {
    root: Root,
    hierarchy: Option<Hierarchy>,
    buffer: Buffer,
    host: HostMemory,
    counters: HostCounters,
    trend: HostTrend,
    last: Last,
    /// `now_ms` of the snapshot that was filled last.
    filled_at_ms: Option<u64>,
    scope: Option<Scope>,
    memcgs: Option<MemcgWalk>,
    limits: Option<LimitWatch>,
    processes: ProcessWalk,
    faults: Faults,
}

impl Sensor {
    /// Finds the memory hierarchy and opens what stays open. `scope` is the path of a memcg below the
    /// hierarchy's root: then available memory is what that memcg can have, and processes elsewhere are
    /// marked [`jettison_model::snapshot::flags::OUT_OF_SCOPE`].
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
        let scope = match (scope, &hierarchy) {
            (None, _) => None,
            (Some(scope), None) => {
                return Err(SenseError::NoHierarchy { scope: scope.into() });
            }
            (Some(scope), Some(hierarchy)) => Some(find_scope(scope, hierarchy)?),
        };
        let memcgs = match &hierarchy {
            Some(hierarchy) => {
                let domain = scope.as_ref().map_or(c".", Scope::directory).to_owned();
                Some(MemcgWalk::new(hierarchy, open_root(&hierarchy.mount)?, domain))
            }
            None => None,
        };
        let limits = match &hierarchy {
            Some(hierarchy) => Some(LimitWatch::new(hierarchy, open_root(&hierarchy.mount)?)),
            None => None,
        };
        let processes = ProcessWalk::new(root.proc.clone(), open_root(&root.proc)?);
        Ok(Self {
            root,
            hierarchy,
            buffer,
            host,
            counters,
            trend,
            last: Last::default(),
            filled_at_ms: None,
            scope,
            memcgs,
            limits,
            processes,
            faults: Faults::default(),
        })
    }

    /// Takes a snapshot: refills the columns of `into` (all but its request). Never fails: what cannot be read
    /// costs its value or its row and becomes a fault; what merely ended during the scan does not.
    pub fn sense(&mut self, needs: Needs, now: Now, into: &mut Snapshot) {
        self.scan(needs, now, into, false);
    }

    /// Likewise, at a fraction of the cost, for when nobody is to be shut down: of a process of the last scan only its resident
    /// memory, its adjustment and its memcg are read, unless its address space has another size than before. Name, user, number
    /// of threads and page tables are as they were at the last scan, up to five minutes ago, and shared memory is told from that
    /// of files as it was then. Where swap is in use, or details are needed, it is a scan like any other.
    ///
    /// And if since then no process has come, and the host has as much memory left, but for a thousandth, those who are still
    /// there and all memcgs are as they were, adjustments excepted, provided that `into` is what was filled last.
    pub fn glance(&mut self, needs: Needs, now: Now, into: &mut Snapshot) {
        self.scan(needs, now, into, true);
    }

    fn scan(&mut self, needs: Needs, now: Now, into: &mut Snapshot, is_glance: bool) {
        self.faults.clear();
        let is_ours = self.filled_at_ms == Some(into.now_ms);
        self.filled_at_ms = Some(now.boot_ms);
        let (buffer, faults) = (&mut self.buffer, &mut self.faults);
        // First of all, so that whoever comes meanwhile is missed next time.
        let tasks = self.counters.tasks(buffer, &mut |unusable| unusable.record(faults));
        into.taken_at_ms = now.wall_ms;
        into.now_ms = now.boot_ms;
        into.host = self.sense_host(needs, now);
        let depth = match is_glance && self.may_glance(needs, now) {
            true => self.depth_of_glance(tasks.filter(|_| is_ours), &into.host),
            false => Depth::Scan,
        };
        if depth == Depth::Scan {
            self.processes.list(&mut self.faults);
        }
        self.last.note(depth, now, tasks, &into.host);
        match &mut self.memcgs {
            Some(_) if depth == Depth::Still => {}
            Some(memcgs) => {
                let known = self.processes.known();
                memcgs.walk(now.boot_ms, known, &mut self.buffer, &mut self.faults, &mut into.memcgs);
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
            scope: self.scope.as_ref().map(Scope::path),
        };
        self.processes.walk(terms, &mut self.buffer, &mut self.faults, &mut into.processes);
        if self.faults.total() > 0 {
            // What is missing now is not to be taken over.
            self.last.tasks = None;
        }
    }

    /// Details are read of everybody, each time, and swap is only in `status`.
    fn may_glance(&self, needs: Needs, now: Now) -> bool {
        let is_fresh = |at_ms| now.boot_ms.saturating_sub(at_ms) < GLANCES_MS_MAX;
        self.last.scanned_at_ms.is_some_and(is_fresh) && !needs.has_details() && self.host.is_swap_unused()
    }

    /// Lists who is there, unless the same are there as before. `tasks` is `None` if the table is not that of before.
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

    /// Numbers that cannot be read are unknown, which is above every threshold: nobody is shut down for a file
    /// that we could not read. Where the scope has vanished there is nobody in it to act on, and the host's numbers stand.
    fn sense_host(&mut self, needs: Needs, now: Now) -> Host {
        let (buffer, faults) = (&mut self.buffer, &mut self.faults);
        let host = self.host.read(buffer, &mut |unusable| unusable.record(faults));
        let mut memory = host.unwrap_or_else(|unusable| {
            unusable.record(faults);
            Memory::UNKNOWN
        });
        let (mut pressure, mut has_scope_memory) = (None, false);
        if let Some(scope) = &mut self.scope {
            match scope.read(memory, buffer) {
                Ok(tighter) => (memory, has_scope_memory) = (tighter, true),
                Err(unusable) => unusable.record(faults),
            }
            pressure = present(scope.pressure(buffer), faults);
        }
        let has_scope_pressure = pressure.is_some();
        let pressure = pressure.or_else(|| present(self.host.pressure(buffer), faults));
        let counted = match needs.counters {
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
        }
    }

    /// A cheap look at the memory of the domain alone, between ticks. Allocates nothing. `None` if it cannot be
    /// read, or if the scope has vanished.
    pub fn probe(&mut self) -> Option<Memory> {
        let host = self.host.read(&mut self.buffer, &mut |_| ()).ok()?;
        match &mut self.scope {
            Some(scope) => scope.read(host, &mut self.buffer).ok(),
            None => Some(host),
        }
    }

    /// Chooses the memcgs whose own limits [`Sensor::nearest_limit`] looks at: those of `memcgs`, a scan's table, that
    /// have one and satisfy `is_watched`, which is given their paths.
    pub fn watch_limits(&mut self, memcgs: &Memcgs, is_watched: impl Fn(&[u8]) -> bool) {
        if let Some(limits) = &mut self.limits {
            limits.set(memcgs, is_watched);
        }
    }

    /// The memcgs that [`Sensor::nearest_limit`] looks at, with their limits in bytes.
    pub fn watched_limits(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.limits.iter().flat_map(LimitWatch::watched)
    }

    /// A cheap look at the watched memcgs: the one with the least left below its limit. Page cache counts as left only
    /// where `is_near` says that it matters.
    pub fn nearest_limit(&mut self, is_near: impl Fn(Left) -> bool) -> Option<Left> {
        self.limits.as_mut()?.nearest(&mut self.buffer, is_near)
    }

    /// What the last scan could not read. The first few; all are counted by [`Sensor::faults_total`].
    #[must_use]
    pub fn faults(&self) -> &[SenseFault] {
        self.faults.kept()
    }

    /// How many things the last scan could not read.
    #[must_use]
    pub fn faults_total(&self) -> u64 {
        self.faults.total()
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

    /// Whether the scope's memcg is there now; true without a scope. A vanished scope is waited for.
    #[must_use]
    pub fn scope_exists(&self) -> bool {
        self.scope.as_ref().is_none_or(Scope::exists)
    }
}

fn find_scope(scope: &str, hierarchy: &Hierarchy) -> Result<Scope, SenseError> {
    let root = open_root(&hierarchy.mount)?;
    Scope::new(scope, hierarchy, root)
        .filter(Scope::exists)
        .ok_or_else(|| SenseError::NoScope { scope: scope.into(), directory: hierarchy.directory_of(scope) })
}

fn present(pressure: Result<Option<Pressure>, Unusable<'_>>, faults: &mut Faults) -> Option<Pressure> {
    pressure.unwrap_or_else(|unusable| {
        unusable.record(faults);
        None
    })
}
