//! The test machine and its snapshot.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::memcg_row::MemcgRow;
use super::process_row::{MIB, ProcessRow};
use super::reclaim::Reclaim;
use super::trend::Trend;
use super::verdict::Verdict;
use crate::columns::{Details, Host, Memcgs, NONE_U32, Processes, Request};
use crate::policy::{Policy, Problem, consult, problems};
use crate::snapshot::{Cause, Snapshot};

/// A machine made up for a test. It starts with 1 GiB of memory, half of it available, no swap, and init,
/// which is excluded as on every machine.
#[derive(Clone, Debug)]
pub struct Machine {
    cause: u32,
    cause_memcg: Option<String>,
    deficit_bytes: u64,
    pub(super) total_bytes: u64,
    pub(super) available_bytes: u64,
    pub(super) swap_total_bytes: u64,
    pub(super) swap_free_bytes: u64,
    pub(super) pressure_some_avg10: u32,
    pub(super) pressure_full_avg10: u32,
    pub(super) oom_kills: u64,
    pub(super) trend: Trend,
    pub(super) reclaim: Reclaim,
    pub(super) now_ms: u64,
    is_first_snapshot: bool,
    pub(super) processes: Vec<ProcessRow>,
    memcgs: BTreeMap<String, MemcgRow>,
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

/// The machine as a whole.
impl Machine {
    /// One with init alone.
    pub fn new() -> Self {
        let mut machine = Self {
            cause: 0,
            cause_memcg: None,
            deficit_bytes: 0,
            total_bytes: 1024 * MIB,
            available_bytes: 512 * MIB,
            swap_total_bytes: 0,
            swap_free_bytes: 0,
            pressure_some_avg10: 0,
            pressure_full_avg10: 0,
            oom_kills: 0,
            trend: Trend::at_rest(),
            reclaim: Reclaim::default(),
            now_ms: 86_400_000,
            is_first_snapshot: false,
            processes: Vec::new(),
            memcgs: BTreeMap::new(),
        };
        machine.memcg("/");
        machine.process("systemd").numbered(1).child_of(0).age_s(86_400).excluded();
        machine
    }

    /// All memory.
    pub fn memory_mib(mut self, mib: u64) -> Self {
        self.total_bytes = mib * MIB;
        self
    }

    /// What could still be allocated.
    pub fn available_mib(mut self, mib: u64) -> Self {
        self.available_bytes = mib * MIB;
        self
    }

    /// Swap, and how much of it is free.
    pub fn swap_mib(mut self, total_mib: u64, free_mib: u64) -> Self {
        self.swap_total_bytes = total_mib * MIB;
        self.swap_free_bytes = free_mib * MIB;
        self
    }

    /// PSI `some` and `full` avg10, hundredths of a percent; `None` for a kernel without PSI.
    pub fn pressure_avg10(mut self, some_and_full: Option<(u32, u32)>) -> Self {
        (self.pressure_some_avg10, self.pressure_full_avg10) = some_and_full.unwrap_or((NONE_U32, NONE_U32));
        self
    }

    /// How many processes the kernel's OOM killer has killed since boot.
    pub fn oom_kills(mut self, kills: u64) -> Self {
        self.oom_kills = kills;
        self
    }

    /// Milliseconds since boot.
    pub fn now_ms(mut self, now_ms: u64) -> Self {
        self.now_ms = now_ms;
        self
    }

    /// Why the policy is consulted.
    pub fn cause(mut self, cause: Cause) -> Self {
        self.cause = match cause {
            Cause::Routine => 0,
            Cause::Warning => 1,
            Cause::Pressure => 2,
            Cause::Critical => 3,
            Cause::MemcgLimit => 4,
            Cause::Manual => 5,
            Cause::Other(number) => number,
        };
        self
    }

    /// Consulted because this memcg is about to hit its own limit.
    pub fn memcg_limit(mut self, path: &str) -> Self {
        self.memcg(path);
        self.cause_memcg = Some(path.to_owned());
        self.cause(Cause::MemcgLimit)
    }

    /// How far available memory is below the warn level.
    pub fn deficit_mib(mut self, mib: u64) -> Self {
        self.deficit_bytes = mib * MIB;
        self
    }

    /// The host's first snapshot: neither growth nor any other rate is known.
    pub fn first_snapshot(mut self) -> Self {
        self.is_first_snapshot = true;
        self
    }

    /// Adds a process with the next free pid.
    pub fn process(&mut self, comm: impl AsRef<[u8]>) -> &mut ProcessRow {
        let pid = self.processes.iter().map(|row| row.pid + 1).max().map_or(1, |next| next.max(100));
        self.processes.push_mut(ProcessRow::new(pid, comm.as_ref()))
    }

    /// The memcg with this path, added with its ancestors if the machine does not have it yet.
    pub fn memcg(&mut self, path: &str) -> &mut MemcgRow {
        if let Some(parent) = parent_path(path) {
            self.memcg(parent);
        }
        self.memcgs.entry(path.to_owned()).or_insert_with(|| MemcgRow::of(path.to_owned()))
    }
}

/// Consulting a policy.
impl Machine {
    /// What a policy with its default configuration says of this machine.
    ///
    /// # Panics
    ///
    /// If it refuses to rank.
    pub fn consult<P: Policy>(&self) -> Verdict {
        self.consult_with::<P>("{}").expect("the policy ranks with its default configuration")
    }

    /// What a policy says of this machine with this configuration, JSON text as the host hands it over.
    ///
    /// # Errors
    ///
    /// What the policy says why it cannot, or why its configuration cannot be read.
    pub fn consult_with<P: Policy>(&self, config: &str) -> Result<Verdict, String> {
        let snapshot = self.snapshot();
        let entries = consult::<P>(config, &snapshot)?;
        Ok(Verdict::new(snapshot, entries))
    }

    /// All that is wrong with a policy's configuration, JSON text as the host hands it over.
    pub fn problems<P: Policy>(config: &str) -> Vec<Problem> {
        problems::<P>(config)
    }

    /// The machine as a policy sees it.
    ///
    /// # Panics
    ///
    /// If two processes have the same pid.
    pub fn snapshot(&self) -> Snapshot {
        let mut machine = self.clone();
        for path in self.processes.iter().filter_map(|row| row.memcg.as_deref()) {
            machine.memcg(path);
        }
        machine.processes.sort_by_key(|row| row.pid);
        assert!(machine.processes.is_sorted_by(|a, b| a.pid < b.pid), "two processes have the same pid");
        if machine.is_first_snapshot {
            machine.processes.iter_mut().for_each(ProcessRow::forget_rates);
            machine.memcgs.values_mut().for_each(MemcgRow::forget_rates);
        }
        let mut snapshot = Snapshot::default();
        snapshot.request = machine.request();
        snapshot.host = machine.host();
        snapshot.processes = machine.process_table();
        snapshot.memcgs = machine.memcg_table();
        snapshot.details = Details {
            cmdlines: text(&machine.processes, |row| &row.cmdline),
            exes: text(&machine.processes, |row| &row.exe),
            pss_bytes: column(&machine.processes, |row| row.pss_bytes),
        };
        snapshot
    }

    fn request(&self) -> Request {
        Request {
            cause: self.cause.into(),
            cause_memcg: self.memcg_row(self.cause_memcg.as_deref()).into(),
            deficit_bytes: self.deficit_bytes.into(),
        }
    }

    fn host(&self) -> Host {
        let mut host = Host {
            memory_total_bytes: self.total_bytes.into(),
            memory_available_bytes: self.available_bytes.into(),
            swap_total_bytes: self.swap_total_bytes.into(),
            swap_free_bytes: self.swap_free_bytes.into(),
            memory_pressure_some_avg10: self.pressure_some_avg10.into(),
            memory_pressure_full_avg10: self.pressure_full_avg10.into(),
            oom_kills: self.oom_kills.into(),
            now_ms: self.now_ms.into(),
            ..Host::default()
        };
        let trend = if self.is_first_snapshot { Trend::unknown() } else { self.trend };
        trend.fill(&mut host);
        self.reclaim.fill(&mut host);
        host
    }

    fn process_table(&self) -> Processes {
        let rows = &self.processes;
        Processes {
            pids: column(rows, |row| row.pid),
            parents: column(rows, |row| {
                rows.binary_search_by_key(&row.parent, |row| row.pid).map_or(NONE_U32, count)
            }),
            memcgs: column(rows, |row| self.memcg_row(row.memcg.as_deref())),
            ..ProcessRow::table(rows.iter())
        }
    }

    fn memcg_table(&self) -> Memcgs {
        let rows: Vec<&MemcgRow> = self.memcgs.values().collect();
        Memcgs {
            paths: text(&rows, |row| row.path.as_bytes()),
            parents: column(&rows, |row| self.memcg_row(parent_path(&row.path))),
            ..MemcgRow::table(self.memcgs.values())
        }
    }

    fn memcg_row(&self, path: Option<&str>) -> u32 {
        self.memcgs.keys().position(|key| Some(key.as_str()) == path).map_or(NONE_U32, count)
    }
}

/// `/a` of `/a/b`, `/` of `/a`, none of `/`.
fn parent_path(path: &str) -> Option<&str> {
    let (parent, name) = path.rsplit_once('/')?;
    (!name.is_empty()).then_some(if parent.is_empty() { "/" } else { parent })
}

fn column<R, T>(rows: &[R], value: impl FnMut(&R) -> T) -> OnceCell<Vec<T>> {
    rows.iter().map(value).collect::<Vec<T>>().into()
}

fn text<R>(rows: &[R], value: impl FnMut(&R) -> &[u8]) -> OnceCell<crate::columns::Text> {
    rows.iter().map(value).collect::<crate::columns::Text>().into()
}

fn count(rows: usize) -> u32 {
    u32::try_from(rows).expect("a test machine is small")
}
