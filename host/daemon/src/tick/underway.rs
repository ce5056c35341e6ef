//! Victims underway: named, not yet gone.

use jettison_act::TaskId;
use jettison_decide::InFlight;
use jettison_decide::escalate::{Escalation, Settings as EscalateSettings};
use jettison_model::column::row as row_of;
use jettison_model::snapshot::flags;
use jettison_model::{Cause, Order, ProcessId, Ranking, Snapshot, Target, Tier, Victim};

use crate::control::Past;

/// One unit on its way.
pub(crate) struct Underway {
    pub(super) victim: Victim,
    pub(super) escalation: Escalation,
    /// Everybody that goes: those that were named, and whom they forked since.
    pub(crate) members: Vec<ProcessId>,
    pub(super) cause: Cause,
    pub(super) named_at_ms: u64,
    /// Milliseconds since 1970.
    pub(super) named_at_wall_ms: u64,
    pub(super) available_before_bytes: u64,
    pub(super) was_killed: bool,
    /// What was done, for people, in order.
    pub(super) steps: Vec<String>,
    /// What helpers are at.
    pub(super) running: Vec<Running>,
}

/// A step that a helper is at.
pub(super) struct Running {
    pub(super) id: TaskId,
    /// Which of the escalation's.
    pub(super) step: usize,
    /// What it is, for people.
    pub(super) what: String,
}

impl Underway {
    pub(super) fn new(victim: Victim, settings: &EscalateSettings, snapshot: &Snapshot) -> Self {
        Self {
            escalation: Escalation::new(&victim, settings, snapshot.now_ms),
            members: victim.members.clone(),
            cause: snapshot.request.cause,
            named_at_ms: snapshot.now_ms,
            named_at_wall_ms: snapshot.taken_at_ms,
            available_before_bytes: snapshot.host.memory_available_bytes,
            was_killed: false,
            steps: Vec::new(),
            running: Vec::new(),
            victim,
        }
    }

    /// Which one it is: its root, and when it was named.
    #[cfg(test)]
    pub(crate) fn key(&self) -> (ProcessId, u64) {
        (self.victim.root, self.named_at_ms)
    }

    /// What it is, in rows of the snapshot in which it was named.
    #[cfg(test)]
    pub(crate) fn unit(&self) -> Target {
        self.victim.unit
    }

    /// Who is stopped, and not killed yet.
    #[cfg(test)]
    pub(crate) fn stopped(&self) -> &[ProcessId] {
        self.escalation.stopped()
    }

    /// How it goes.
    #[cfg(test)]
    pub(crate) fn steps(&self) -> &[jettison_model::Step] {
        &self.victim.shutdown
    }

    /// What the next decision must know of it.
    pub(crate) fn in_flight(&self) -> InFlight {
        InFlight {
            members: self.members.clone(),
            predicted_relief_bytes: self.victim.predicted_relief_bytes,
            is_overdue: self.escalation.is_overdue(),
        }
    }

    /// A step that has ended, if it is one of ours.
    pub(super) fn ended(&mut self, id: TaskId) -> Option<Running> {
        let at = self.running.iter().position(|running| running.id == id)?;
        Some(self.running.swap_remove(at))
    }

    /// Puts a round of orders on record. SIGKILL is repeated until all are gone, and noted once.
    pub(super) fn note_orders(&mut self, orders: &[Order], have_arrived: bool) {
        let word = orders.iter().find_map(|order| match order {
            Order::Signal { number, .. } => Some(name_of(*number)),
            Order::KillMemcg { .. } => Some("cgroup.kill".into()),
            Order::Kill { .. } => Some("SIGKILL".into()),
            Order::Stop { .. } | Order::Resume { .. } | Order::Reap { .. } => None,
        });
        let failed = if have_arrived { "" } else { " failed" };
        if let Some(word) = word.map(|word| word + failed).filter(|word| self.steps.last() != Some(word)) {
            self.steps.push(word);
        }
    }

    /// What is remembered of it once it is gone.
    pub(super) fn past(&self, took_ms: u64, measured_relief_bytes: u64) -> Past {
        let victim = &self.victim;
        Past {
            at: self.named_at_wall_ms,
            by: "jettison".into(),
            pid: victim.root.pid,
            comm: String::from_utf8_lossy(&victim.comm).into_owned(),
            cause: self.cause.as_str().into(),
            unit: victim.unit.kind().into(),
            members: self.members.len(),
            policy: victim.policy.clone(),
            reason: victim.reason.clone(),
            killed: self.was_killed,
            steps: self.steps.clone(),
            took_ms,
            predicted_relief_bytes: victim.predicted_relief_bytes,
            measured_relief_bytes,
        }
    }

    /// Takes in the members that a tree has forked, or that have entered a memcg, since the last scan.
    /// Whoever is excluded, never or protected by now stays out. Whoever is in and excluded by now, because a guard was
    /// added or somebody gave it -1000, is let off and returned: no policy, and no signal that it has had, overrides that.
    pub(super) fn rescan(&mut self, snapshot: &Snapshot, ranking: &Ranking) -> Vec<ProcessId> {
        let processes = &snapshot.processes;
        let is_excluded = |member: &mut ProcessId| {
            processes.row_of(*member).is_some_and(|row| processes.has(row, flags::EXCLUDED))
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
        // The ranking does not speak of zombies, so that nobody has asked whether they are spared.
        let may_join = |row: usize| {
            !is_spared[row] && !processes.has(row, flags::EXCLUDED) && !processes.has(row, flags::ZOMBIE)
        };
        // A child usually has a higher pid than its parent; where pids have wrapped, the next scan finds it.
        for row in 0..processes.len() {
            let belongs = match self.victim.unit {
                Target::Process(_) => false,
                Target::Tree(_) => {
                    let parent = processes.parents.get(row).copied().and_then(row_of);
                    parent.and_then(|parent| is_member.get(parent)).copied().unwrap_or(false)
                }
                Target::Memcg(_) => {
                    let memcg = processes.memcgs.get(row).copied().and_then(row_of);
                    memcg.is_some_and(|memcg| {
                        jettison_decide::eligible::is_below(
                            snapshot.memcgs.paths.get(memcg),
                            &self.victim.memcg,
                        )
                    })
                }
            };
            if belongs && !is_member[row] && may_join(row) {
                is_member[row] = true;
                self.members.extend(processes.id(row));
            }
        }
        let_off
    }
}

/// As people write it; signal(7) has the others, and those of real time have no names.
fn name_of(signal: u8) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        10 => "SIGUSR1",
        12 => "SIGUSR2",
        15 => "SIGTERM",
        28 => "SIGWINCH",
        other => return format!("signal {other}"),
    };
    name.into()
}
