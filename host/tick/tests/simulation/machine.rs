//! A machine that follows a seed: processes start, fork, leak, ignore signals and exit, and the kernel
//! refuses calls.

use std::collections::{BTreeMap, BTreeSet};

use jettison_act::TaskId;
use jettison_model::ProcessId;
use rustix::io::Errno;

use super::dice::Dice;
use super::process::{Call, Manner, Process};

pub(super) const MIB: u64 = 1 << 20;
pub(super) const TOTAL_BYTES: u64 = 1000 * MIB;
/// The memcg with a limit, a unit of the service manager's.
pub(super) const MEMCG: &[u8] = b"/a.service";
/// Its limit.
pub(super) const LIMIT_BYTES: u64 = 400 * MIB;
/// The daemon, below its supervisor (2), below init (1).
pub(super) const OWN_PID: u32 = 3;
/// Pids are few, so that they are soon used again.
const PIDS: std::ops::Range<u32> = 10..70;

pub(super) struct Machine {
    pub(super) dice: Dice,
    pub(super) now_ms: u64,
    pub(super) processes: BTreeMap<u32, Process>,
    /// The start time of the last process of each pid.
    starts: BTreeMap<u32, u64>,
    next_pid: u32,
    pub(super) calls: Vec<Call>,
    /// Values that were written since the last look at all processes, and are not known to the sensor.
    pub(super) written: BTreeMap<ProcessId, i16>,
    /// Processes that have had SIGKILL, or a try of it.
    pub(super) killed: BTreeSet<ProcessId>,
    /// Processes that were signalled against an exclusion.
    pub(super) wronged: BTreeSet<ProcessId>,
    /// Processes whose signals were refused. The tick does not wait for them.
    pub(super) refused: BTreeSet<ProcessId>,
    pub(super) reused_pids: u64,
    /// Memcgs are of v2 and can be killed as one.
    pub(super) is_v2: bool,
    /// No spared process is in the memcg.
    is_apart: bool,
    pub(super) memcg_kills: u64,
    /// What helpers are at: which task, until when, and what becomes of it.
    pub(super) tasks: Vec<(TaskId, u64, Result<(), String>)>,
    pub(super) tasks_failed: u64,
    pub(super) units_stopped: u64,
    /// Victims under way, as the last tick left them.
    pub(super) named: BTreeSet<ProcessId>,
    /// Faults happen: calls fail, processes leak and fork, policies fail.
    pub(super) is_faulty: bool,
    /// A glance says that nothing has moved.
    pub(super) is_still: bool,
    pub(super) crashes: bool,
    /// Something failed or changed since the last scan, so that what is held may differ from the plan.
    pub(super) is_disturbed: bool,
    /// The last scan.
    pub(super) sensed_available_bytes: u64,
    pub(super) sensed_left_bytes: u64,
}

impl Machine {
    pub(super) fn new(seed: u64) -> Self {
        let mut machine = Self {
            dice: Dice(seed),
            now_ms: 1_000_000,
            processes: BTreeMap::new(),
            starts: BTreeMap::new(),
            next_pid: PIDS.start,
            calls: Vec::new(),
            written: BTreeMap::new(),
            killed: BTreeSet::new(),
            wronged: BTreeSet::new(),
            refused: BTreeSet::new(),
            reused_pids: 0,
            is_v2: seed.is_multiple_of(2),
            is_apart: seed % 4 < 2,
            memcg_kills: 0,
            tasks: Vec::new(),
            tasks_failed: 0,
            units_stopped: 0,
            named: BTreeSet::new(),
            is_faulty: true,
            is_still: false,
            crashes: false,
            is_disturbed: false,
            sensed_available_bytes: TOTAL_BYTES,
            sensed_left_bytes: LIMIT_BYTES,
        };
        for (pid, parent, comm) in
            [(1, 0, b"init".as_slice()), (2, 1, b"shim"), (3, 2, b"jettison"), (4, 0, b"kthread")]
        {
            machine.add(pid, parent, comm, 5 * MIB);
        }
        machine
    }

    pub(super) fn add(
        &mut self,
        pid: u32,
        parent: u32,
        comm: &'static [u8],
        anon_bytes: u64,
    ) -> &mut Process {
        let last = self.starts.get(&pid).copied().unwrap_or(0);
        let start_time = (self.now_ms / 10).max(last + 1);
        self.reused_pids += u64::from(self.starts.insert(pid, start_time).is_some());
        let process = Process {
            id: ProcessId { pid, start_time },
            parent,
            forked_by: None,
            comm,
            memcg: 0,
            adj: 0,
            original: 0,
            anon_bytes,
            growth_bytes_per_ms: 0,
            mm: pid,
            manner: Manner::EndsWithin(0),
            is_stuck: false,
            is_zombie: false,
            is_stopped: false,
            is_killed: false,
            ends_at_ms: None,
            refuses: None,
            is_excused: false,
            is_new: true,
            is_kept: false,
            is_rewritten: false,
            is_written: false,
        };
        self.processes.entry(pid).insert_entry(process).into_mut()
    }

    fn free_pid(&mut self) -> Option<u32> {
        for _ in PIDS {
            let pid = self.next_pid;
            self.next_pid = if pid + 1 == PIDS.end { PIDS.start } else { pid + 1 };
            if !self.processes.contains_key(&pid) {
                return Some(pid);
            }
        }
        None
    }

    pub(super) fn spawn(&mut self) {
        let Some(pid) = self.free_pid() else { return };
        let (kind, memcg, manner, leaks) =
            (self.dice.below(12), self.dice.below(2), self.dice.below(4), self.dice.one_in(3));
        let (large, pace, wait_ms) =
            (self.dice.below(60) * MIB, self.dice.below(400) * 1024, self.dice.below(3_000));
        let comm: &'static [u8] = match kind {
            0 => b"sshd",
            1 => b"never",
            2 => b"db",
            3 => b"locked",
            _ => b"worker",
        };
        let (is_small, is_apart) = (comm != b"worker", self.is_apart);
        let process = self.add(pid, 1, comm, if is_small { 3 * MIB } else { large });
        process.memcg = u32::try_from(memcg).expect("0 or 1");
        if is_small && is_apart {
            process.memcg = 0;
        }
        if leaks && !is_small {
            process.growth_bytes_per_ms = pace;
        }
        if comm == b"locked" {
            (process.adj, process.original) = (-1000, -1000);
        }
        process.manner = match manner {
            0 => Manner::Deaf,
            1 => Manner::Forks,
            _ => Manner::EndsWithin(wait_ms),
        };
    }

    pub(super) fn fork(&mut self, pid: u32) {
        let Some(parent) = self.processes.get(&pid).filter(|parent| !parent.is_zombie).cloned() else {
            return;
        };
        let Some(pid) = self.free_pid() else { return };
        let shares = self.dice.one_in(4);
        let child = self.add(pid, parent.id.pid, parent.comm, parent.anon_bytes / 2);
        let id = child.id;
        *child = Process {
            id,
            parent: parent.id.pid,
            forked_by: Some(parent.id),
            mm: if shares { parent.mm } else { pid },
            anon_bytes: if shares { parent.anon_bytes } else { parent.anon_bytes / 2 },
            growth_bytes_per_ms: parent.growth_bytes_per_ms / 2,
            ends_at_ms: None,
            is_new: true,
            is_kept: false,
            is_written: false,
            is_killed: false,
            is_stopped: false,
            refuses: None,
            ..parent
        };
        self.is_disturbed = true;
    }

    /// It is a zombie for a while, or gone at once; its children are init's.
    pub(super) fn end(&mut self, pid: u32) {
        for child in self.processes.values_mut().filter(|child| child.parent == pid) {
            child.parent = 1;
            child.is_excused |= child.is_new && child.adj != child.original;
        }
        self.excuse_descendants();
        if self.dice.one_in(2) {
            self.processes.remove(&pid);
        } else if let Some(process) = self.processes.get_mut(&pid) {
            (process.is_zombie, process.anon_bytes, process.growth_bytes_per_ms) = (true, 0, 0);
        }
        self.is_disturbed = true;
    }

    /// The children of an excused process are excused, too, until a scan has seen them.
    fn excuse_descendants(&mut self) {
        loop {
            let excused = |process: &Process| {
                let parent = self.processes.get(&process.parent);
                let is_heir = process.is_new && process.adj != process.original && !process.is_excused;
                is_heir && parent.is_some_and(|parent| parent.is_excused)
            };
            let found: Vec<u32> = self
                .processes
                .values()
                .filter(|&process| excused(process))
                .map(|process| process.id.pid)
                .collect();
            if found.is_empty() {
                break;
            }
            for pid in found {
                self.processes.entry(pid).and_modify(|process| process.is_excused = true);
            }
        }
    }

    pub(super) fn any_pid(&mut self) -> Option<u32> {
        let pids: Vec<u32> = self.processes.range(PIDS.start..).map(|(&pid, _)| pid).collect();
        let at = usize::try_from(self.dice.below(u64::try_from(pids.len().max(1)).ok()?)).ok()?;
        pids.get(at).copied()
    }

    /// Something happens somewhere.
    fn happening(&mut self) {
        match self.dice.below(8) {
            0..=2 => self.spawn(),
            3 => {
                if let Some(pid) = self.any_pid() {
                    self.fork(pid);
                }
            }
            4 => {
                if let Some(pid) = self.any_pid() {
                    self.end(pid);
                }
            }
            5 => {
                if let Some(process) = self.any_pid().and_then(|pid| self.processes.get_mut(&pid)) {
                    process.is_stuck = !process.is_stuck;
                }
            }
            6 => {
                let errno = [Errno::PERM, Errno::SRCH, Errno::ACCESS][self.dice.index(3)];
                if let Some(process) = self.any_pid().and_then(|pid| self.processes.get_mut(&pid)) {
                    process.refuses = process.refuses.is_none().then_some(errno);
                    process.is_excused = true;
                }
            }
            _ => {
                // Another program writes a value; no policy asks for one that 7 divides.
                let stopped =
                    self.processes.values().find(|process| process.is_stopped).map(|one| one.id.pid);
                let value = if self.dice.one_in(20) || stopped.is_some() {
                    -1000
                } else {
                    7 * i16::try_from(self.dice.below(100)).unwrap_or(0)
                };
                let any = self.any_pid();
                if let Some(process) = stopped.or(any).and_then(|pid| self.processes.get_mut(&pid)) {
                    (process.adj, process.original) = (value, value);
                    (process.is_written, process.is_rewritten) = (false, true);
                }
            }
        }
    }

    /// Time passes.
    pub(super) fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        let now_ms = self.now_ms;
        for process in self.processes.values_mut().filter(|process| !process.is_stopped) {
            process.anon_bytes += process.growth_bytes_per_ms * ms;
        }
        let over = |process: &Process| process.ends_at_ms.is_some_and(|at| at <= now_ms) && !process.is_stuck;
        let ended: Vec<u32> =
            self.processes.values().filter(|&process| over(process)).map(|process| process.id.pid).collect();
        for pid in ended {
            self.end(pid);
        }
        if self.is_faulty {
            for _ in 0..1 + self.dice.below(2) {
                self.happening();
            }
        }
        // Parents wait for their zombies, sooner or later.
        if self.dice.one_in(2) {
            self.processes.retain(|_, process| !process.is_zombie);
        }
        self.kernel_kills();
    }

    /// The kernel's own killer, where we came too late.
    fn kernel_kills(&mut self) {
        loop {
            let is_memcg_full = self.left_bytes() == 0;
            if self.available_bytes() > 0 && !is_memcg_full {
                return;
            }
            let inside = |process: &&Process| !is_memcg_full || process.memcg == 1;
            let largest = self
                .processes
                .range(PIDS.start..)
                .map(|(_, process)| process)
                .filter(inside)
                .filter(|process| process.anon_bytes > 0)
                .max_by_key(|process| process.anon_bytes)
                .map(|process| process.id.pid);
            let Some(pid) = largest else { return };
            self.end(pid);
        }
    }

    fn used_bytes(&self, counts: impl Fn(&Process) -> bool) -> u64 {
        let mut of_mm = BTreeMap::new();
        for process in self.processes.values().filter(|&process| counts(process)) {
            let largest = of_mm.entry(process.mm).or_insert(0);
            *largest = process.anon_bytes.max(*largest);
        }
        of_mm.values().sum()
    }

    pub(super) fn available_bytes(&self) -> u64 {
        TOTAL_BYTES.saturating_sub(self.used_bytes(|_| true))
    }

    /// Below the limit of [`MEMCG`].
    pub(super) fn left_bytes(&self) -> u64 {
        LIMIT_BYTES.saturating_sub(self.used_bytes(|process| process.memcg == 1))
    }

    /// Faults stop: what was refused or stuck is not any more, and no process takes more memory.
    pub(super) fn calm(&mut self) {
        self.is_faulty = false;
        for process in self.processes.values_mut() {
            (process.growth_bytes_per_ms, process.is_stuck, process.refuses) = (0, false, None);
            if process.is_killed {
                process.ends_at_ms = Some(self.now_ms);
            }
            if process.manner == Manner::Forks {
                process.manner = Manner::Deaf;
            }
        }
    }

    /// Whether no signal may reach it, whatever the policies say.
    pub(super) fn is_forbidden(&self, process: &Process) -> bool {
        process.id.pid <= 4 || process.comm == b"sshd" || process.original == -1000
    }
}
