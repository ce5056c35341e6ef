//! A random walk over the escalation: however a victim goes, it goes by the rules.

mod kit;

use jettison_decide::escalate::{Due, Escalation, Observation, Settings};
use jettison_model::{Command, ProcessId, Step, Unit};
use kit::{id, signal, victim};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What happens between two observations of a victim.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Wait(u64),
    Dies(Index),
    Forks,
    Fails(Index),
    /// Memory falls, and lasts for so long.
    Falls(u64),
    Calm,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0_u64..800).prop_map(Happens::Wait),
        2 => any::<Index>().prop_map(Happens::Dies),
        2 => Just(Happens::Forks),
        2 => any::<Index>().prop_map(Happens::Fails),
        1 => prop_oneof![Just(0_u64), 0_u64..2_000].prop_map(Happens::Falls),
        1 => Just(Happens::Calm),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    (0_u8..4, 0_u32..1_500).prop_map(|(kind, wait_ms)| match kind {
        0 => Step::StopUnit { wait_ms },
        1 => Step::Hook { name: "drain".into(), wait_ms },
        _ => signal(15, wait_ms),
    })
}

/// A tree that grows may be stopped for so long before it is killed.
const STOPPING_MS: u64 = 250;

/// A victim under way, and a watch over what is commanded.
struct Walk {
    escalation: Escalation,
    settings: Settings,
    waits_ms: Vec<u64>,
    is_tree: bool,
    stopping_from_ms: Option<u64>,
    now_ms: u64,
    begun: usize,
    failed: Vec<usize>,
    time_left_ms: Option<u64>,
    /// When memory was first seen to fall, and when it was first seen at its end.
    falls_from_ms: Option<u64>,
    ends_from_ms: Option<u64>,
    alive: Vec<ProcessId>,
    next_pid: u32,
    is_killing: bool,
}

impl Walk {
    fn start(unit: Unit, members: u32, steps: &[Step], settings: Settings) -> Self {
        let alive: Vec<ProcessId> = (1..=members).map(id).collect();
        let is_tree = unit == Unit::Tree;
        let victim = victim(unit, &alive, steps);
        Self {
            escalation: Escalation::new(&victim, &settings, 0),
            settings,
            waits_ms: steps.iter().map(|step| u64::from(step.wait_ms())).collect(),
            is_tree,
            stopping_from_ms: None,
            now_ms: 0,
            begun: 0,
            failed: Vec::new(),
            time_left_ms: None,
            falls_from_ms: None,
            ends_from_ms: None,
            alive,
            next_pid: members + 1,
            is_killing: false,
        }
    }

    fn cap_ms(&self) -> u64 {
        u64::from(self.settings.grace_max_ms)
    }

    /// Whether memory is at its end, and the least grace after an earlier moment is over.
    fn is_cut(&self, from_ms: Option<u64>) -> bool {
        let is_over = |from: u64| self.now_ms >= from + u64::from(self.settings.critical_grace_ms);
        self.time_left_ms == Some(0) && from_ms.is_some_and(is_over)
    }

    /// When grace ends at the latest: after all waits, and the host's own if every step may have failed.
    fn grace_ends_by_ms(&self) -> u64 {
        let waits: u64 = self.waits_ms.iter().sum();
        let has_failed = self.failed.len() >= self.waits_ms.len();
        let fallback =
            if has_failed { self.now_ms.max(waits) + u64::from(self.settings.grace_ms) } else { waits };
        fallback.min(self.cap_ms())
    }

    /// When it ends at the earliest: steps that failed are not waited for.
    fn grace_ends_from_ms(&self) -> u64 {
        let held = (0..self.waits_ms.len()).filter(|step| !self.failed.contains(step));
        held.map(|step| self.waits_ms[step]).sum::<u64>().min(self.cap_ms())
    }

    fn happens(&mut self, what: Happens) {
        match what {
            Happens::Wait(ms) => self.now_ms += ms,
            Happens::Dies(which) if !self.alive.is_empty() => {
                self.alive.remove(which.index(self.alive.len()));
            }
            Happens::Forks if !self.alive.is_empty() => {
                self.alive.push(id(self.next_pid));
                self.next_pid += 1;
            }
            Happens::Fails(which) if self.begun > 0 => {
                let step = which.index(self.begun);
                if !self.failed.contains(&step) && !self.escalation.is_over() {
                    self.escalation.fail(step, self.now_ms);
                    self.failed.push(step);
                }
            }
            Happens::Falls(left_ms) => self.time_left_ms = Some(left_ms),
            Happens::Calm => self.time_left_ms = None,
            Happens::Dies(_) | Happens::Forks | Happens::Fails(_) => {}
        }
    }

    /// All that is due, and how many steps are among it.
    fn due(&mut self) -> (Vec<Command>, usize) {
        let Self { escalation, alive, now_ms, time_left_ms, .. } = self;
        let seen = Observation { now_ms: *now_ms, alive, time_left_ms: *time_left_ms, enclosure: None };
        let (mut commands, mut steps) = (Vec::new(), 0);
        while let Some(due) = escalation.advance(&seen) {
            match due {
                Due::Commands(more) => commands.extend(more),
                Due::Signals(more) => (commands.extend(more), steps += 1).0,
                Due::StopUnit | Due::Hook(_) => steps += 1,
            }
        }
        (commands, steps)
    }

    fn look(&mut self) -> Result<(), TestCaseError> {
        let was_over = self.escalation.is_over();
        if let Some(left_ms) = self.time_left_ms.filter(|_| !was_over && !self.alive.is_empty()) {
            self.falls_from_ms.get_or_insert(self.now_ms);
            if left_ms == 0 {
                self.ends_from_ms.get_or_insert(self.now_ms);
            }
        }
        let (commands, _) = self.due();
        if !self.is_killing && !self.escalation.is_over() {
            self.begun = (self.escalation.step() + 1).min(self.waits_ms.len());
        }
        prop_assert!(
            commands.iter().all(|command| self.alive.contains(&command.id())),
            "only living members get a command"
        );
        let killed: Vec<ProcessId> = of_kind(&commands, |command| matches!(command, Command::Kill { .. }));
        let reaped: Vec<ProcessId> = of_kind(&commands, |command| matches!(command, Command::Reap { .. }));
        prop_assert_eq!(&killed, &reaped, "what is killed is reaped, and nothing else");
        prop_assert!(killed.is_empty() || killed == self.alive, "all are killed, or none");
        let is_over = self.now_ms >= self.grace_ends_from_ms() || self.is_cut(self.falls_from_ms);
        // What is stopped when its grace is over is killed, even if memory stops falling in between.
        let may = self.is_killing || self.stopping_from_ms.is_some() || is_over;
        let has_stopped = commands.iter().any(|command| matches!(command, Command::Stop { .. }));
        let is_harmless = killed.is_empty() && !has_stopped;
        prop_assert!(is_harmless || may, "SIGSTOP or SIGKILL before the grace period is over");
        if self.is_tree && has_stopped {
            self.stopping_from_ms.get_or_insert(self.now_ms);
        }
        let is_stopping = self.stopping_from_ms.is_some_and(|from| self.now_ms < from + STOPPING_MS);
        if (self.now_ms >= self.grace_ends_by_ms() || self.is_cut(self.ends_from_ms))
            && !is_stopping
            && !self.is_killing
            && !self.alive.is_empty()
            && !was_over
        {
            prop_assert!(!killed.is_empty(), "no SIGKILL although the grace period is over");
        }
        self.is_killing |= !killed.is_empty();
        prop_assert_eq!(self.escalation.is_over(), was_over || self.alive.is_empty());
        prop_assert_eq!(self.due(), (Vec::new(), 0), "the same observation twice");
        let next = self.escalation.next_deadline_ms();
        prop_assert_eq!(next.is_none(), self.escalation.is_over());
        prop_assert!(next.is_none_or(|next| next > self.now_ms));
        Ok(())
    }
}

fn of_kind(commands: &[Command], is_kind: impl Fn(&Command) -> bool) -> Vec<ProcessId> {
    commands.iter().filter(|command| is_kind(command)).map(Command::id).collect()
}

proptest! {
    #[test]
    fn however_a_victim_goes_it_goes_by_the_rules(
        unit in select(vec![Unit::Tree, Unit::Memcg(Vec::new())]),
        members in 1_u32..4,
        steps in vec(step(), 1..4),
        (grace_max_ms, critical_grace_ms) in (0_u32..3_000, 0_u32..700),
        story in vec(happens(), 0..40),
    ) {
        let settings = Settings { grace_ms: 1_000, grace_max_ms, critical_grace_ms };
        let mut walk = Walk::start(unit, members, &steps, settings);
        walk.look()?;
        for what in story {
            walk.happens(what);
            walk.look()?;
        }
        while let Some(next) = walk.escalation.next_deadline_ms().filter(|_| !walk.is_killing) {
            walk.now_ms = next;
            walk.look()?;
        }
        walk.alive.clear();
        walk.look()?;
        prop_assert!(walk.escalation.is_over());
    }
}
