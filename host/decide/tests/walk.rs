//! A random walk over the escalation: however a victim goes, it goes by the rules.

mod kit;

use jettison_decide::escalate::{Due, Escalation, Look, Settings};
use jettison_model::{Order, ProcessId, Step, Target};
use kit::{id, signal, victim};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What happens between two looks at a victim.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Wait(u64),
    Dies(Index),
    Forks,
    Fails(Index),
    Critical,
    Calm,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0_u64..800).prop_map(Happens::Wait),
        2 => any::<Index>().prop_map(Happens::Dies),
        2 => Just(Happens::Forks),
        2 => any::<Index>().prop_map(Happens::Fails),
        1 => Just(Happens::Critical),
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

/// A victim on its way, and a watch over what is ordered.
struct Walk {
    escalation: Escalation,
    settings: Settings,
    waits_ms: Vec<u64>,
    is_tree: bool,
    stopping_from_ms: Option<u64>,
    now_ms: u64,
    begun: usize,
    failed: Vec<usize>,
    critical_at_ms: Option<u64>,
    is_critical: bool,
    alive: Vec<ProcessId>,
    next_pid: u32,
    is_killing: bool,
}

impl Walk {
    fn start(unit: Target, members: u32, steps: &[Step], settings: Settings) -> Self {
        let alive: Vec<ProcessId> = (1..=members).map(id).collect();
        let victim = victim(unit, &alive, steps);
        let wait_ms = |step: &Step| match step {
            Step::Signal { wait_ms, .. } | Step::StopUnit { wait_ms } | Step::Hook { wait_ms, .. } => {
                *wait_ms
            }
        };
        Self {
            escalation: Escalation::new(&victim, &settings, 0),
            settings,
            waits_ms: steps.iter().map(|step| u64::from(wait_ms(step))).collect(),
            is_tree: matches!(unit, Target::Tree(_)),
            stopping_from_ms: None,
            now_ms: 0,
            begun: 0,
            failed: Vec::new(),
            critical_at_ms: None,
            is_critical: false,
            alive,
            next_pid: members + 1,
            is_killing: false,
        }
    }

    /// What ends grace in any case, by the words of the contract.
    fn cap_ms(&self) -> u64 {
        let critical = self.critical_at_ms.map(|at| at + u64::from(self.settings.critical_grace_ms));
        let max = u64::from(self.settings.grace_max_ms);
        critical.map_or(max, |critical| critical.min(max))
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
            Happens::Dies(who) if !self.alive.is_empty() => {
                self.alive.remove(who.index(self.alive.len()));
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
            Happens::Critical => self.is_critical = true,
            Happens::Calm => self.is_critical = false,
            Happens::Dies(_) | Happens::Forks | Happens::Fails(_) => {}
        }
    }

    /// All that is due, and how many steps are among it.
    fn due(&mut self) -> (Vec<Order>, usize) {
        let Self { escalation, alive, now_ms, is_critical, .. } = self;
        let look = Look { now_ms: *now_ms, alive, is_critical: *is_critical, enclosure: None };
        let (mut orders, mut steps) = (Vec::new(), 0);
        while let Some(due) = escalation.advance(&look) {
            match due {
                Due::Orders(more) => orders.extend(more),
                Due::Signals(more) => (orders.extend(more), steps += 1).0,
                Due::StopUnit | Due::Hook(_) => steps += 1,
            }
        }
        (orders, steps)
    }

    fn look(&mut self) -> Result<(), TestCaseError> {
        let was_over = self.escalation.is_over();
        if self.is_critical && !was_over && !self.alive.is_empty() {
            self.critical_at_ms.get_or_insert(self.now_ms);
        }
        let (orders, _) = self.due();
        if !self.is_killing && !self.escalation.is_over() {
            self.begun = (self.escalation.step() + 1).min(self.waits_ms.len());
        }
        prop_assert!(
            orders.iter().all(|order| self.alive.contains(&order.id())),
            "only the living are ordered"
        );
        let killed: Vec<ProcessId> = of_kind(&orders, |order| matches!(order, Order::Kill { .. }));
        let reaped: Vec<ProcessId> = of_kind(&orders, |order| matches!(order, Order::Reap { .. }));
        prop_assert_eq!(&killed, &reaped, "whoever is killed is reaped, and nobody else");
        prop_assert!(killed.is_empty() || killed == self.alive, "all are killed, or none");
        let may = self.now_ms >= self.grace_ends_from_ms();
        prop_assert!(killed.is_empty() || may, "SIGKILL before the grace period is over");
        if self.is_tree && orders.iter().any(|order| matches!(order, Order::Stop { .. })) {
            self.stopping_from_ms.get_or_insert(self.now_ms);
        }
        let is_stopping = self.stopping_from_ms.is_some_and(|from| self.now_ms < from + STOPPING_MS);
        if self.now_ms >= self.grace_ends_by_ms()
            && !is_stopping
            && !self.is_killing
            && !self.alive.is_empty()
            && !was_over
        {
            prop_assert!(!killed.is_empty(), "no SIGKILL although the grace period is over");
        }
        self.is_killing |= !killed.is_empty();
        prop_assert_eq!(self.escalation.is_over(), was_over || self.alive.is_empty());
        prop_assert_eq!(self.due(), (Vec::new(), 0), "the same look twice");
        let next = self.escalation.next_deadline_ms();
        prop_assert_eq!(next.is_none(), self.escalation.is_over());
        prop_assert!(next.is_none_or(|next| next > self.now_ms));
        Ok(())
    }
}

fn of_kind(orders: &[Order], is_kind: impl Fn(&Order) -> bool) -> Vec<ProcessId> {
    orders.iter().filter(|order| is_kind(order)).map(Order::id).collect()
}

proptest! {
    #[test]
    fn however_a_victim_goes_it_goes_by_the_rules(
        unit in select(vec![Target::Tree(0), Target::Memcg(0)]),
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
