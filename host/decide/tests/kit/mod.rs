//! Machines and ballots in a line or two. Rows count from 0 in the order of the text; the pid of row `r` is
//! `10 + r`.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod any;

use std::sync::Arc;

use jettison_decide::{InFlight, Settings, State, exclusions, plan};
use jettison_model::{
    Addressees, Ballot, Cause, Entry, Fault, Plan, ProcessId, Ranked, Ranking, Snapshot, Stance, Step,
    Target, Tier, Unit, Victim, Vote, column,
};

pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const FIRST_PID: u32 = 10;

/// The process of a pid, unless the test says when it started.
pub(crate) fn id(pid: u32) -> ProcessId {
    ProcessId { pid, start_time: u64::from(pid) * 100 }
}

/// One process to be: `process(300).child_of(0).inside(1)`.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) anon_bytes: u64,
    pub(crate) shmem_bytes: u64,
    pub(crate) swap_bytes: u64,
    pub(crate) parent: u32,
    pub(crate) memcg: u32,
    pub(crate) adj: i16,
    pub(crate) comm: String,
    pub(crate) flags: u32,
    pub(crate) start_time: Option<u64>,
}

pub(crate) fn process(anon_mib: u64) -> Process {
    Process {
        anon_bytes: anon_mib * MIB,
        shmem_bytes: 0,
        swap_bytes: 0,
        parent: column::NONE_U32,
        memcg: column::NONE_U32,
        adj: 0,
        comm: "worker".into(),
        flags: 0,
        start_time: None,
    }
}

impl Process {
    pub(crate) fn child_of(self, parent: u32) -> Self {
        Self { parent, ..self }
    }
    pub(crate) fn inside(self, memcg: u32) -> Self {
        Self { memcg, ..self }
    }
    pub(crate) fn shmem(self, mib: u64) -> Self {
        Self { shmem_bytes: mib * MIB, ..self }
    }
    pub(crate) fn swapped(self, mib: u64) -> Self {
        Self { swap_bytes: mib * MIB, ..self }
    }
    pub(crate) fn adj(self, adj: i16) -> Self {
        Self { adj, ..self }
    }
    pub(crate) fn named(self, comm: &str) -> Self {
        Self { comm: comm.into(), ..self }
    }
    pub(crate) fn flagged(self, flags: u32) -> Self {
        Self { flags, ..self }
    }
    pub(crate) fn started(self, ticks: u64) -> Self {
        Self { start_time: Some(ticks), ..self }
    }
}

/// A machine of 1000 MiB at pressure, which needs 1 MiB: one victim is enough. Memcgs are given by path,
/// ascending; the unit of a memcg is the last part of its path.
pub(crate) fn machine(memcgs: &[&str], processes: &[Process]) -> Snapshot {
    let mut snapshot = Snapshot { now_ms: 1_000_000, ..Snapshot::default() };
    snapshot.host.memory_total_bytes = 1000 * MIB;
    snapshot.request.cause = Cause::Pressure;
    needs(&mut snapshot, MIB);
    fill_processes(&mut snapshot, processes);
    fill_memcgs(&mut snapshot, memcgs);
    snapshot
}

fn fill_processes(snapshot: &mut Snapshot, processes: &[Process]) {
    fn each<T>(processes: &[Process], value: impl Fn(&Process) -> T) -> Arc<Vec<T>> {
        Arc::new(processes.iter().map(value).collect())
    }
    let table = &mut snapshot.processes;
    table.pids = Arc::new((FIRST_PID..).take(processes.len()).collect());
    let start = |(pid, process): (&u32, &Process)| process.start_time.unwrap_or(id(*pid).start_time);
    table.start_times = Arc::new(table.pids.iter().zip(processes).map(start).collect());
    table.comms = processes.iter().map(|process| process.comm.as_bytes()).collect();
    table.parents = each(processes, |process| process.parent);
    table.memcgs = each(processes, |process| process.memcg);
    table.flags = each(processes, |process| process.flags);
    table.uids = each(processes, |_| 1000);
    table.rss_anon_bytes = each(processes, |process| process.anon_bytes);
    table.rss_file_bytes = each(processes, |_| 0);
    table.rss_shmem_bytes = each(processes, |process| process.shmem_bytes);
    table.swap_bytes = each(processes, |process| process.swap_bytes);
    table.page_table_bytes = each(processes, |_| 0);
    table.oom_score_adjs = each(processes, |process| process.adj);
    table.oom_score_adjs_now = table.oom_score_adjs.clone();
}

fn fill_memcgs(snapshot: &mut Snapshot, paths: &[&str]) {
    let parent = |path: &&str| {
        let above = path.rsplit_once('/').map(|(above, _)| if above.is_empty() { "/" } else { above })?;
        let row = paths.iter().position(|other| other == &above && other != path)?;
        u32::try_from(row).ok()
    };
    let table = &mut snapshot.memcgs;
    table.paths = paths.iter().map(|path| path.as_bytes()).collect();
    table.units = paths.iter().filter_map(|path| path.rsplit('/').next()).map(str::as_bytes).collect();
    table.parents = Arc::new(paths.iter().map(|path| parent(path).unwrap_or(column::NONE_U32)).collect());
    for bytes in [&mut table.max_bytes, &mut table.current_bytes, &mut table.reclaimable_bytes] {
        *bytes = Arc::new(vec![column::UNKNOWN_U64; paths.len()]);
    }
}

fn needs(snapshot: &mut Snapshot, bytes: u64) {
    let request = &mut snapshot.request;
    (request.deficit_bytes, request.need_bytes, request.scale_bytes) = (bytes, bytes, bytes);
}

/// The same machine, needing so much.
pub(crate) fn missing(mut snapshot: Snapshot, deficit_mib: u64) -> Snapshot {
    needs(&mut snapshot, deficit_mib * MIB);
    snapshot
}

/// The same machine, in a tick for another cause.
pub(crate) fn because(cause: Cause, mut snapshot: Snapshot) -> Snapshot {
    snapshot.request.cause = cause;
    snapshot
}

/// The tick of a memcg at its own limit, of which so much is left.
pub(crate) fn limited(snapshot: &mut Snapshot, memcg: u32, limit_mib: u64, left_mib: u64) {
    let row = memcg as usize;
    (snapshot.request.cause, snapshot.request.cause_memcg) = (Cause::MemcgLimit, memcg);
    Arc::make_mut(&mut snapshot.memcgs.max_bytes)[row] = limit_mib * MIB;
    Arc::make_mut(&mut snapshot.memcgs.current_bytes)[row] = (limit_mib - left_mib) * MIB;
}

pub(crate) fn protect(target: Target, strength: u16) -> Entry {
    entry(target, Stance::Protect(strength))
}

pub(crate) fn sacrifice(target: Target, urgency: u16) -> Entry {
    entry(target, Stance::Sacrifice(urgency))
}

fn entry(target: Target, stance: Stance) -> Entry {
    let reason = format!("{} {}", target.kind(), target.row());
    Entry { target, stance, oom_score_adj: None, shutdown: Vec::new(), reason }
}

/// What an entry may say besides.
pub(crate) trait Saying {
    fn asking(self, oom_score_adj: i16) -> Self;
    fn going(self, shutdown: &[Step]) -> Self;
}

impl Saying for Entry {
    fn asking(self, oom_score_adj: i16) -> Self {
        Self { oom_score_adj: Some(oom_score_adj), ..self }
    }
    fn going(self, shutdown: &[Step]) -> Self {
        Self { shutdown: shutdown.to_vec(), ..self }
    }
}

pub(crate) fn signal(number: u8, wait_ms: u32) -> Step {
    Step::Signal { number, wait_ms }
}

pub(crate) fn vote(policy: &str, weight: u32, entries: &[Entry]) -> Vote {
    let answer = Ok(Ballot { entries: entries.to_vec() });
    Vote { policy: policy.into(), weight, shadow: false, answer }
}

pub(crate) fn faulted(policy: &str) -> Vote {
    let answer = Err(Fault::OutOfFuel { budget: 1 });
    Vote { policy: policy.into(), weight: 1, shadow: false, answer }
}

/// A unit that goes by these steps; its first member is its root.
pub(crate) fn victim(unit: Unit, members: &[ProcessId], shutdown: &[Step]) -> Victim {
    Victim {
        root: members[0],
        addressees: match unit {
            Unit::Memcg(_) => Addressees::All,
            Unit::Process | Unit::Tree => Addressees::These(vec![members[0]]),
        },
        unit,
        comm: b"victim".to_vec(),
        members: members.to_vec(),
        predicted_relief_bytes: 0,
        shutdown: shutdown.to_vec(),
        policy: "p".into(),
        reason: String::new(),
        service: None,
    }
}

/// A decision, and the machine that it is about.
pub(crate) struct Decided {
    pub(crate) snapshot: Snapshot,
    pub(crate) plan: Plan,
    pub(crate) ranking: Ranking,
    pub(crate) state: State,
}

pub(crate) fn decide(snapshot: &Snapshot, votes: &[Vote]) -> Decided {
    decide_with(snapshot, votes, State::default(), &Settings::default())
}

pub(crate) fn decide_with(snapshot: &Snapshot, votes: &[Vote], state: State, settings: &Settings) -> Decided {
    decide_beside(snapshot, votes, &[], state, settings)
}

/// With victims under way.
pub(crate) fn decide_beside(
    snapshot: &Snapshot,
    votes: &[Vote],
    in_flight: &[InFlight],
    state: State,
    settings: &Settings,
) -> Decided {
    let excluded = exclusions(snapshot, settings, &state.refused);
    let (plan, ranking, state) = plan(snapshot, excluded, votes, in_flight, state, settings);
    Decided { snapshot: snapshot.clone(), plan, ranking, state }
}

pub(crate) fn with_settings(snapshot: &Snapshot, votes: &[Vote], settings: &Settings) -> Decided {
    decide_with(snapshot, votes, State::default(), settings)
}

impl Decided {
    /// The rows, first to go first.
    pub(crate) fn order(&self) -> Vec<u32> {
        self.ranking.order.iter().map(|ranked| ranked.row).collect()
    }

    pub(crate) fn ranked(&self, row: u32) -> &Ranked {
        self.ranking.order.iter().find(|ranked| ranked.row == row).expect("the row is ranked")
    }

    pub(crate) fn tier(&self, row: u32) -> Tier {
        self.ranked(row).tier
    }

    pub(crate) fn relief_mib(&self, row: u32) -> u64 {
        self.ranked(row).relief_bytes / MIB
    }

    /// The value that the plan holds on a row, if any.
    pub(crate) fn held(&self, row: u32) -> Option<i16> {
        let id = self.snapshot.processes.id(row as usize)?;
        self.plan.holds.iter().find(|hold| hold.id == id).map(|hold| hold.value)
    }

    /// The rows of each victim, root first.
    pub(crate) fn victims(&self) -> Vec<Vec<u32>> {
        self.plan.victims.iter().map(|victim| self.members(victim)).collect()
    }

    pub(crate) fn members(&self, victim: &Victim) -> Vec<u32> {
        victim.members.iter().map(|member| member.pid - FIRST_PID).collect()
    }

    /// The only victim.
    pub(crate) fn victim(&self) -> &Victim {
        let [victim] = self.plan.victims.as_slice() else { panic!("one victim, not {:?}", self.victims()) };
        victim
    }
}
