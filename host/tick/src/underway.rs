//! A victim under way: named, and not gone yet.
//!
//! ```text
//!                   named ─▶ under way ─▶ gone ─▶ Past
//!                              │  ▲
//!                    rescan ───┘  └─── every tick: members join, or are let off
//! ```
//!
//! - **Named**: the plan of an armed tick has it. Its members are those of the plan.
//! - **Under way**: its [`Escalation`] goes from step to step, and from SIGTERM to SIGKILL; the states and
//!   transitions of that are drawn in `jettison_decide::escalate`. Each tick takes in the processes that have
//!   joined the tree or memcg since, and lets off those that are excluded by now.
//! - **Gone**: no member is alive; or the kernel refuses every signal (the processes are excluded then); or
//!   it is a part of a service that did not answer its steps (it is passed over from then on). It leaves
//!   the list, its handles are closed, and `jettison history` remembers it.
//!
//! Nothing else ends it: when memory is no longer short, a victim under way goes all the same.

use jettison_act::TaskId;
use jettison_decide::eligible::is_below;
use jettison_decide::escalate::{Escalation, Settings as EscalateSettings};
use jettison_decide::{EXIT_MS, End, InFlight, fall_bytes_per_s};
use jettison_model::column::row as row_of;
use jettison_model::snapshot::flags;
use jettison_model::{Cause, Command, ProcessId, Ranking, Snapshot, Step, Tier, Unit, Victim, signal};

use crate::history::{By, Past, Place};

/// So long after a victim was asked, what memory has done since says more than the trend.
const ASKED_MS: core::ops::RangeInclusive<u64> = 200..=2_000;

/// One victim under way.
#[derive(Debug)]
pub struct Underway {
    pub(crate) victim: Victim,
    pub(crate) escalation: Escalation,
    /// All processes that go: those that were named, and those that have joined since.
    pub(crate) members: Vec<ProcessId>,
    /// The root's effective user.
    uid: Option<u32>,
    cause: Cause,
    named_at_ms: u64,
    /// Milliseconds since 1970.
    named_at_wall_ms: u64,
    available_before_bytes: u64,
    fell_bytes_per_s: u64,
    was_killed: bool,
    /// As it was ranked last.
    pub(crate) is_protected: bool,
    /// Where its root lived when it was named; for a memcg, that one.
    place: Place,
    /// The kernel refused every signal.
    pub(crate) is_refused: bool,
    /// What was done, for people, in order.
    steps: Vec<String>,
    /// Steps that helpers are at.
    running: Vec<Running>,
}

/// A step that a helper is at.
#[derive(Debug)]
pub(crate) struct Running {
    id: TaskId,
    /// Which of the escalation's.
    pub(crate) step: usize,
    /// What it is, for people.
    pub(crate) what: String,
}

impl Underway {
    pub(crate) fn new(victim: Victim, settings: &EscalateSettings, snapshot: &Snapshot) -> Self {
        Self {
            escalation: Escalation::new(&victim, settings, snapshot.now_ms),
            members: victim.members.clone(),
            uid: snapshot.processes.row_of(victim.root).and_then(|row| snapshot.processes.uid(row)),
            cause: snapshot.request.cause,
            named_at_ms: snapshot.now_ms,
            named_at_wall_ms: snapshot.taken_at_ms,
            available_before_bytes: snapshot.host.memory_available_bytes,
            fell_bytes_per_s: fall_bytes_per_s(snapshot),
            was_killed: false,
            is_protected: false,
            place: place_of(&victim, snapshot),
            is_refused: false,
            steps: Vec::new(),
            running: Vec::new(),
            victim,
        }
    }

    /// Which one it is: its root, and when it was named.
    #[must_use]
    pub fn key(&self) -> (ProcessId, u64) {
        (self.victim.root, self.named_at_ms)
    }

    /// As it was named.
    #[must_use]
    pub fn victim(&self) -> &Victim {
        &self.victim
    }

    /// All processes that go: those that were named, and those that have joined since.
    #[must_use]
    pub fn members(&self) -> &[ProcessId] {
        &self.members
    }

    /// Members that have had SIGSTOP, and not SIGKILL.
    #[must_use]
    pub fn stopped(&self) -> &[ProcessId] {
        self.escalation.stopped()
    }

    /// How it goes.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.victim.shutdown
    }

    /// What was done, for people, in order.
    #[must_use]
    pub fn done(&self) -> &[String] {
        &self.steps
    }

    /// For so long it has been under way.
    #[must_use]
    pub fn age_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.named_at_ms)
    }

    /// What the next decision must know of it.
    #[must_use]
    pub fn in_flight(&self) -> InFlight {
        InFlight {
            members: self.members.clone(),
            predicted_relief_bytes: self.victim.predicted_relief_bytes,
            is_overdue: self.escalation.is_overdue(),
            comes_late: self.is_protected && self.escalation.is_hurried(),
        }
    }

    /// A helper has begun a step.
    pub(crate) fn begin(&mut self, id: TaskId, what: String) {
        self.steps.push(what.clone());
        self.running.push(Running { id, step: self.escalation.step(), what });
    }

    /// The step of a task that has ended, if it is one of this victim's.
    pub(crate) fn ended(&mut self, id: TaskId) -> Option<Running> {
        let at = self.running.iter().position(|running| running.id == id)?;
        Some(self.running.swap_remove(at))
    }

    /// A step came to nothing.
    pub(crate) fn note_failed(&mut self, what: &str, why: &str) {
        self.steps.push(format!("{what} failed: {why}"));
    }

    /// Puts a round of commands on record. SIGKILL is repeated until all are gone, and noted once.
    pub(crate) fn note_commands(&mut self, commands: &[Command], have_arrived: bool) {
        self.was_killed |= commands.iter().any(|command| matches!(command, Command::Kill { .. }));
        let word = commands.iter().find_map(|command| match command {
            Command::Signal { number, .. } => Some(signal_name(*number)),
            Command::KillMemcg { .. } => Some("cgroup.kill".into()),
            Command::Kill { .. } => Some("SIGKILL".into()),
            Command::Stop { .. } | Command::Resume { .. } | Command::Reap { .. } => None,
        });
        let failed = if have_arrived { "" } else { " failed" };
        if let Some(word) = word.map(|word| word + failed).filter(|word| self.steps.last() != Some(word)) {
            self.steps.push(word);
        }
    }

    /// Milliseconds until memory runs out at the rate at which it has fallen since the victim was named; 0
    /// where that says nothing.
    ///
    /// The trend goes one to two seconds back. A database that was filling until it was asked, and shuts down
    /// now, would have the rest of its grace cut by what it did before.
    pub(crate) fn time_left_ms(&self, snapshot: &Snapshot, end: End<'_>) -> u64 {
        let ms = snapshot.now_ms.saturating_sub(self.named_at_ms);
        let is_of_memcg = [self.cause, snapshot.request.cause].contains(&Cause::MemcgLimit);
        if is_of_memcg || !ASKED_MS.contains(&ms) {
            return 0;
        }
        let available_bytes = snapshot.host.memory_available_bytes;
        match self.available_before_bytes.saturating_sub(available_bytes) {
            0 => u64::MAX,
            fallen_bytes => {
                let end_bytes = end.of(snapshot.host.memory_total_bytes);
                let left_bytes = available_bytes.saturating_sub(end_bytes);
                (left_bytes.saturating_mul(ms) / fallen_bytes).saturating_sub(EXIT_MS)
            }
        }
    }

    /// The memcg that it was in when it was named. Bytes.
    pub(crate) fn memcg(&self) -> &[u8] {
        &self.place.memcg
    }

    /// How fast available memory fell when it was named.
    pub(crate) fn fell_bytes_per_s(&self) -> u64 {
        self.fell_bytes_per_s
    }

    /// What is remembered of it once it is gone.
    pub(crate) fn past(&self, now_ms: u64, available_bytes: u64) -> Past {
        let victim = &self.victim;
        Past {
            at_ms: self.named_at_wall_ms,
            by: By::Jettison,
            pid: victim.root.pid,
            start_time: victim.root.start_time,
            comm: String::from_utf8_lossy(&victim.comm).into_owned(),
            uid: self.uid,
            place: self.place.clone(),
            cause: self.cause,
            target: victim.unit.kind(),
            members: self.members.len(),
            policy: victim.policy.clone(),
            reason: victim.reason.clone(),
            was_killed: self.was_killed && !self.is_refused,
            is_refused: self.is_refused,
            is_unanswered: self.escalation.is_unanswered(),
            steps: self.steps.clone(),
            took_ms: now_ms.saturating_sub(self.named_at_ms),
            predicted_relief_bytes: victim.predicted_relief_bytes,
            measured_relief_bytes: available_bytes.saturating_sub(self.available_before_bytes),
        }
    }

    /// Takes in the processes that a tree has forked, or that have entered a memcg, since the last scan.
    /// Those that are excluded, never or protected by now stay out.
    ///
    /// Members that are excluded by now, because of a new guard or an `oom_score_adj` of -1000, are let off
    /// and returned: no policy overrides an exclusion, and no signal that was sent before. A zombie
    /// stays a member: the kernel has taken it out of its cgroup, and thereby out of the scope.
    pub(crate) fn rescan(&mut self, snapshot: &Snapshot, ranking: &Ranking) -> Vec<ProcessId> {
        let processes = &snapshot.processes;
        let is_excluded = |member: &mut ProcessId| {
            let is_excluded = |row| processes.has(row, flags::EXCLUDED) && !processes.has(row, flags::ZOMBIE);
            processes.row_of(*member).is_some_and(is_excluded)
        };
        let let_off = self.members.extract_if(.., is_excluded).collect();
        let mut is_spared = vec![false; processes.len()];
        for ranked in &ranking.order {
            if let Some(spared) = is_spared.get_mut(ranked.row as usize) {
                *spared = matches!(ranked.tier, Tier::Never | Tier::Protected(_));
            }
        }
        let mut is_member = vec![false; processes.len()];
        for member in &self.members {
            if let Some(slot) = processes.row_of(*member).and_then(|row| is_member.get_mut(row)) {
                *slot = true;
            }
        }
        // The ranking leaves zombies out, so it does not tell whether they are spared.
        let may_join = |row: usize| {
            !is_spared[row] && !processes.has(row, flags::EXCLUDED) && !processes.has(row, flags::ZOMBIE)
        };
        // A child usually has a higher pid than its parent; where pids have wrapped, the next scan finds it.
        for row in 0..processes.len() {
            if self.belongs(snapshot, row, &is_member) && !is_member[row] && may_join(row) {
                is_member[row] = true;
                self.members.extend(processes.id(row));
            }
        }
        let_off
    }

    /// Whether a process is a child of a member, or in the victim's memcg.
    fn belongs(&self, snapshot: &Snapshot, row: usize, is_member: &[bool]) -> bool {
        let processes = &snapshot.processes;
        match &self.victim.unit {
            Unit::Process => false,
            Unit::Tree => {
                let parent = processes.parents.get(row).copied().and_then(row_of);
                parent.and_then(|parent| is_member.get(parent)).copied().unwrap_or(false)
            }
            Unit::Memcg(path) => {
                let memcg = processes.memcgs.get(row).copied().and_then(row_of);
                memcg.is_some_and(|memcg| is_below(snapshot.memcgs.paths.get(memcg), path))
            }
        }
    }
}

fn place_of(victim: &Victim, snapshot: &Snapshot) -> Place {
    let row = snapshot.processes.row_of(victim.root);
    let place = row.map(|row| Place::of(snapshot, row)).unwrap_or_default();
    match &victim.unit {
        Unit::Memcg(path) => Place { memcg: path.clone(), ..place },
        Unit::Process | Unit::Tree => place,
    }
}

fn signal_name(number: u8) -> String {
    signal::name(number).map_or_else(|| format!("signal {number}"), Into::into)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jettison_model::Addressees;

    use super::*;

    const SETTINGS: EscalateSettings =
        EscalateSettings { grace_ms: 5_000, grace_max_ms: 60_000, critical_grace_ms: 500 };

    /// A victim of one process.
    fn victim() -> Victim {
        let root = ProcessId { pid: 10, start_time: 7 };
        Victim {
            unit: Unit::Process,
            root,
            addressees: Addressees::These(vec![root]),
            comm: Vec::new(),
            members: vec![root],
            predicted_relief_bytes: 1 << 20,
            shutdown: vec![Step::Signal { number: signal::SIGTERM, wait_ms: 5_000 }],
            policy: String::new(),
            reason: String::new(),
            service: None,
        }
    }

    /// Excluded since it was named, and how many members are left of it.
    fn members_left(bits: u32) -> usize {
        let mut snapshot = Snapshot::default();
        let table = &mut snapshot.processes;
        (table.pids, table.start_times) = (Arc::new(vec![10]), Arc::new(vec![7]));
        table.flags = Arc::new(vec![flags::EXCLUDED | bits]);
        let mut underway = Underway::new(victim(), &SETTINGS, &snapshot);
        let let_off = underway.rescan(&snapshot, &Ranking::default());
        assert_eq!(let_off.len() + underway.members.len(), 1);
        underway.members.len()
    }

    #[test]
    fn what_is_excluded_by_now_is_let_off_but_not_a_zombie() {
        assert_eq!(members_left(flags::OUT_OF_SCOPE), 0);
        assert_eq!(members_left(flags::OUT_OF_SCOPE | flags::ZOMBIE), 1);
    }

    #[test]
    fn what_memory_does_once_it_is_asked_counts_and_not_what_it_did_before() {
        let at = |now_ms: u64, available: u64, cause| {
            let mut snapshot = Snapshot { now_ms, ..Snapshot::default() };
            (snapshot.host.memory_available_bytes, snapshot.request.cause) = (available, cause);
            snapshot
        };
        let underway = Underway::new(victim(), &SETTINGS, &at(1_000, 500, Cause::Pressure));
        let settings = jettison_decide::Settings::default();
        let end = End::Early(&settings.thresholds);
        let left = |now_ms, available, cause| underway.time_left_ms(&at(now_ms, available, cause), end);
        assert_eq!(left(1_199, 500, Cause::Pressure), 0, "too early to say");
        assert_eq!(left(1_500, 400, Cause::Pressure), 1_750, "100 in half a second, less what an end takes");
        assert_eq!(left(1_500, 500, Cause::Pressure), u64::MAX, "it falls no more");
        assert_eq!(left(3_001, 500, Cause::Pressure), 0, "the trend knows by then");
        assert_eq!(left(1_500, 500, Cause::MemcgLimit), 0, "that is of the host");
        let mut large = at(1_500, 400, Cause::Pressure);
        large.host.memory_total_bytes = 20_000;
        assert_eq!(underway.time_left_ms(&large, end), 250, "the last 300 are of no use");
    }
}
