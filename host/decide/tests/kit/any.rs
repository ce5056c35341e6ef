//! Any machine, with any ballots: small numbers, so that ties, nests and overlaps are common.

use std::collections::BTreeMap;

use jettison_decide::{InFlight, Reach, Rule, Settings, State};
use jettison_model::snapshot::flags;
use jettison_model::{Cause, Entry, Fault, Snapshot, Stance, Target, Vote, column};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{Decided, FIRST_PID, MIB, Process, decide_beside, id, limited, machine, missing, process, vote};

const MEMCGS: [&str; 5] = ["/", "/a", "/a/b", "/a/b/c", "/d"];

pub(crate) fn a_process() -> impl Strategy<Value = Process> {
    let bytes = (0_u64..6, 0_u64..3, 0_u64..2);
    let adj = select(vec![0, 0, 0, 300, -500, -1000]);
    let bits = select(vec![0, 0, 0, 0, flags::KERNEL_THREAD, flags::ZOMBIE, flags::OUT_OF_SCOPE]);
    let comm = select(vec!["worker", "worker", "sshd"]);
    (bytes, adj, bits, comm, 0_u32..6).prop_map(|((anon, shmem, swap), adj, bits, comm, memcg)| {
        let place = if memcg < 5 { memcg } else { column::NONE_U32 };
        process(anon).shmem(shmem).swapped(swap).adj(adj).flagged(bits).named(comm).inside(place)
    })
}

/// A forest: parents come before their children.
pub(crate) fn processes() -> impl Strategy<Value = Vec<Process>> {
    vec((a_process(), any::<Index>()), 1..14).prop_map(|rows| {
        let with_parent = |(row, (process, parent)): (usize, (Process, Index))| match parent.index(row + 1) {
            parent if parent < row => process.child_of(u32::try_from(parent).unwrap()),
            _ => process,
        };
        rows.into_iter().enumerate().map(with_parent).collect()
    })
}

pub(crate) fn a_target(rows: u32) -> impl Strategy<Value = Target> {
    prop_oneof![
        (0..rows).prop_map(Target::Process),
        (0..rows).prop_map(Target::Tree),
        (0..5_u32).prop_map(Target::Memcg),
    ]
}

pub(crate) fn a_stance() -> impl Strategy<Value = Stance> {
    let strength = || select(vec![1, 2, 500, 1000]);
    prop_oneof![strength().prop_map(Stance::Protect), strength().prop_map(Stance::Sacrifice)]
}

/// Entries with no duplicates, as the border lets them in.
pub(crate) fn entries(rows: u32) -> impl Strategy<Value = Vec<Entry>> {
    let entry = (a_target(rows), a_stance(), proptest::option::of(-999_i16..=1000));
    vec(entry, 0..6).prop_map(|entries| {
        let by_target: BTreeMap<Target, _> = entries.into_iter().map(|entry| (entry.0, entry)).collect();
        let entry = |(target, stance, oom_score_adj)| Entry {
            target,
            stance,
            oom_score_adj,
            shutdown: Vec::new(),
            reason: format!("{target:?}"),
        };
        by_target.into_values().map(entry).collect()
    })
}

pub(crate) fn votes(rows: u32) -> impl Strategy<Value = Vec<Vote>> {
    let one = (entries(rows), 1_u32..4, 0_u32..8);
    vec(one, 0..4).prop_map(|votes| {
        let vote = |(number, (entries, weight, fate)): (usize, (Vec<Entry>, u32, u32))| {
            let good = vote(&format!("policy-{number}"), weight, &entries);
            match fate {
                0 => Vote { answer: Err(Fault::OutOfFuel { budget: 1 }), ..good },
                1 => Vote { shadow: true, ..good },
                _ => good,
            }
        };
        votes.into_iter().enumerate().map(vote).collect()
    })
}

/// A machine, and what one policy says of it.
pub(crate) fn a_ballot() -> impl Strategy<Value = (Snapshot, Vec<Entry>)> {
    processes().prop_flat_map(|processes| {
        let rows = u32::try_from(processes.len()).unwrap();
        (Just(a_snapshot(&processes, (Cause::Routine, 0))), entries(rows))
    })
}

/// Everything that a decision depends on.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) snapshot: Snapshot,
    pub(crate) votes: Vec<Vote>,
    pub(crate) in_flight: Vec<InFlight>,
    pub(crate) state: State,
    pub(crate) settings: Settings,
}

impl Case {
    pub(crate) fn decide(&self) -> Decided {
        decide_beside(&self.snapshot, &self.votes, &self.in_flight, self.state.clone(), &self.settings)
    }

    /// The tick after one in which the policies said this: of those that fault now it is remembered.
    pub(crate) fn after(mut self, before: &[Vote]) -> Self {
        let Self { snapshot, in_flight, settings, .. } = &self;
        self.state = decide_beside(snapshot, before, in_flight, self.state.clone(), settings).state;
        self
    }
}

pub(crate) fn a_snapshot(processes: &[Process], (cause, deficit_mib): (Cause, u64)) -> Snapshot {
    let mut snapshot = missing(machine(&MEMCGS, processes), deficit_mib);
    snapshot.request.cause = cause;
    if cause == Cause::MemcgLimit {
        limited(&mut snapshot, 1, 100, 5);
    }
    snapshot
}

pub(crate) fn a_request() -> impl Strategy<Value = (Cause, u64)> {
    let cause = [Cause::Pressure, Cause::Pressure, Cause::Critical, Cause::MemcgLimit, Cause::Routine];
    (select(cause.to_vec()), 0_u64..40)
}

pub(crate) fn settings() -> impl Strategy<Value = Settings> {
    let reach = select(vec![Reach::Sacrifice, Reach::Unranked, Reach::Protected]);
    (reach, 1_u32..5).prop_map(|(reach, kills_per_minute_max)| Settings {
        reach,
        kills_per_minute_max,
        never: vec![Rule { comm: Some("sshd".into()), ..Rule::default() }],
        own_pid: FIRST_PID,
        ..Settings::default()
    })
}

pub(crate) fn state_of(processes: usize) -> impl Strategy<Value = (Vec<InFlight>, State)> {
    let dying = vec((0..processes, 0_u64..5, any::<bool>(), any::<bool>()), 0..2);
    let named = vec(select(vec![930_000_u64, 950_000, 998_000]), 0..2);
    (dying, named).prop_map(|(dying, mut named_at_ms)| {
        named_at_ms.sort_unstable();
        let victim = |(row, mib, is_overdue, comes_late)| InFlight {
            members: vec![id(FIRST_PID + u32::try_from(row).unwrap())],
            predicted_relief_bytes: mib * MIB,
            is_overdue,
            comes_late,
        };
        let in_flight = dying.into_iter().map(victim).collect();
        (in_flight, State { named_at_ms, ..State::default() })
    })
}

pub(crate) fn a_case() -> impl Strategy<Value = Case> {
    processes().prop_flat_map(|processes| {
        let rows = u32::try_from(processes.len()).unwrap();
        let said = (votes(rows), votes(rows), state_of(processes.len()));
        (said, settings(), a_request()).prop_map(
            move |((votes, before, (in_flight, state)), settings, request)| {
                let snapshot = a_snapshot(&processes, request);
                Case { snapshot, votes, in_flight, state, settings }.after(&before)
            },
        )
    })
}

/// The same processes under other pids, the targets with them: `place[row]` is where a row goes.
pub(crate) fn renumbered(processes: &[Process], votes: &[Vote], place: &[u32]) -> (Vec<Process>, Vec<Vote>) {
    let moved = |row: u32| place.get(row as usize).copied().unwrap_or(row);
    let start = |row: u32| u64::from(row + FIRST_PID) * 100;
    let mut rows: Vec<(u32, Process)> = (0..)
        .zip(processes)
        .map(|(row, process)| {
            (moved(row), process.clone().child_of(moved(process.parent)).started(start(row)))
        })
        .collect();
    rows.sort_by_key(|&(row, _)| row);
    let target = |target| match target {
        Target::Process(row) => Target::Process(moved(row)),
        Target::Tree(row) => Target::Tree(moved(row)),
        Target::Memcg(row) => Target::Memcg(row),
    };
    let mut votes = votes.to_vec();
    for entry in votes.iter_mut().filter_map(|vote| vote.answer.as_mut().ok()).flat_map(|b| &mut b.entries) {
        entry.target = target(entry.target);
    }
    (rows.into_iter().map(|(_, process)| process).collect(), votes)
}

pub(crate) fn a_renumbering() -> impl Strategy<Value = (Vec<Process>, Vec<Vote>, Vec<u32>)> {
    processes().prop_flat_map(|processes| {
        let rows = u32::try_from(processes.len()).unwrap();
        (Just(processes), votes(rows), Just((0..rows).collect::<Vec<_>>()).prop_shuffle())
    })
}
