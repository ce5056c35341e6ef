//! A machine as it is meant: pieces included, copies made, what was not said derived.

use std::collections::{BTreeMap, BTreeSet};

/// A machine short of memory, and what should be taken there. Sizes are MiB.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// The file's name without its ending.
    pub name: String,
    /// One line.
    pub summary: String,
    /// What should go, and why.
    pub why: String,
    /// The public report behind it, or `made up: ...`.
    pub report: String,
    /// Memory.
    pub total: f64,
    /// Of it, available.
    pub available: f64,
    /// Swap.
    pub swap_total: f64,
    /// Of it, free.
    pub swap_free: f64,
    /// PSI of memory, full, avg10, hundredths of a percent.
    pub full: u32,
    /// Taken since memory was at ease, and held by no process.
    pub taken_by_nobody: f64,
    /// How long ago memory was last at ease, seconds.
    pub eased_s: f64,
    /// How long the daemon has run, seconds.
    pub watched_s: f64,
    /// The first that is taken is one of these.
    pub right: BTreeSet<String>,
    /// None of these is taken.
    pub never: BTreeSet<String>,
    /// These may be taken after the first.
    pub tolerated: BTreeSet<String>,
    /// Taking none is right.
    pub may_be_none: bool,
    /// By path; all ancestors are there.
    pub memcgs: BTreeMap<String, Memcg>,
    /// In ascending order of pid.
    pub processes: Vec<Process>,
}

/// What a machine says of a memcg.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memcg {
    /// `memory.max`.
    pub max: Option<f64>,
    /// `memory.high`.
    pub high: Option<f64>,
    /// `memory.low`.
    pub low: Option<f64>,
    /// What it is charged for, if that is more than its processes.
    pub current: Option<f64>,
    /// What the unit has held in quiet times.
    pub usual: Option<f64>,
}

/// A process.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    /// Its pid.
    pub pid: u32,
    /// The pid of its parent; 0 for pid 1.
    pub parent: u32,
    /// Its name.
    pub comm: String,
    /// What the verdict is about.
    pub label: String,
    /// Its command line, words divided by NUL.
    pub cmd: String,
    /// The path of its memcg.
    pub memcg: String,
    /// Anonymous memory.
    pub anon: f64,
    /// Shared memory.
    pub shm: f64,
    /// Whether no other process maps that shared memory.
    pub memfd: bool,
    /// Swapped out.
    pub swap: f64,
    /// Mapped files.
    pub file: f64,
    /// Seconds since it started.
    pub age_s: f64,
    /// Growth over the last second, MiB/s.
    pub grow: f64,
    /// Growth over the last hour, MiB/s.
    pub hour: Option<f64>,
    /// What it holds beyond what it held when memory was last at ease.
    pub taken: f64,
    /// Children per second.
    pub births: f64,
    /// Its `oom_score_adj`.
    pub adj: i16,
    /// The user that it belongs to.
    pub uid: u32,
    /// How many threads it has.
    pub threads: u32,
}

impl Process {
    /// Anonymous, swapped and shared memory.
    #[must_use]
    pub fn held(&self) -> f64 {
        self.anon + self.swap + self.shm
    }

    /// What the kernel counts: resident memory, swap and page tables.
    #[must_use]
    pub fn kernel_points(&self) -> f64 {
        self.held() + self.file + self.page_tables()
    }

    /// One page of them for some 400 pages.
    #[must_use]
    pub fn page_tables(&self) -> f64 {
        self.anon / 400.0
    }
}

/// Whether a label, or the part of it before the colon, is in a set.
#[must_use]
pub fn hit(label: &str, set: &BTreeSet<String>) -> bool {
    set.iter().any(|name| is_called(label, name))
}

/// Whether a label, or the part of it before the colon, is this name.
#[must_use]
pub fn is_called(label: &str, name: &str) -> bool {
    label == name || label.split_once(':').is_some_and(|(head, _)| head == name)
}

/// Whether a memcg is another one, or below it.
fn is_below(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Machine {
    /// Whether the daemon has seen memory at ease.
    #[must_use]
    pub fn is_ease_known(&self) -> bool {
        self.watched_s > self.eased_s
    }

    /// What the daemon knows of what a process took: all of it if it is newer than the daemon.
    #[must_use]
    pub fn known_taken(&self, process: &Process) -> Option<f64> {
        (self.is_ease_known() || process.age_s < self.watched_s).then_some(process.taken)
    }

    /// The processes in a memcg and below it.
    pub fn members(&self, path: &str) -> impl Iterator<Item = &Process> {
        self.processes.iter().filter(move |process| is_below(&process.memcg, path))
    }

    /// What a memcg is charged for.
    #[must_use]
    pub fn current(&self, path: &str) -> f64 {
        let below = self.memcgs.iter().filter(|(other, _)| is_below(other, path));
        let said: f64 = below
            .filter_map(|(other, memcg)| Some((memcg.current? - self.of_processes(other)).max(0.0)))
            .sum();
        self.of_processes(path) + said
    }

    fn of_processes(&self, path: &str) -> f64 {
        let own: f64 = self.members(path).map(|process| process.anon + process.file).sum();
        own + self.shmem(path)
    }

    /// Shared memory of a memcg: what its processes share counts once, a memfd for each.
    #[must_use]
    pub fn shmem(&self, path: &str) -> f64 {
        let of = |memfd| {
            self.members(path).filter(move |process| process.memfd == memfd).map(|process| process.shm)
        };
        of(true).sum::<f64>() + of(false).fold(0.0, f64::max)
    }

    /// What a unit has held in quiet times: as the machine says, else what it holds, if all of it is old and
    /// steady and the daemon has seen it for a day.
    #[must_use]
    pub fn usual(&self, path: &str) -> Option<f64> {
        const DAY_S: f64 = 86_400.0;
        if let Some(usual) = self.memcgs.get(path).and_then(|memcg| memcg.usual) {
            return Some(usual);
        }
        let is_service = path.ends_with(".service") && self.members(path).next().is_some();
        let is_steady = self.members(path).all(|process| process.age_s >= DAY_S && process.grow < 0.1);
        (is_service && is_steady && self.watched_s >= DAY_S)
            .then(|| self.members(path).map(|process| process.anon + process.shm + process.file).sum())
    }
}
