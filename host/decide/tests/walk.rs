//! A random walk over the escalation: however a victim goes, it goes by the rules.

mod kit;

use jettison_decide::escalate::{Escalation, Settings};
use jettison_model::{Order, ProcessId, Target};
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
    Critical,
    Calm,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0_u64..800).prop_map(Happens::Wait),
        2 => any::<Index>().prop_map(Happens::Dies),
        2 => Just(Happens::Forks),
        1 => Just(Happens::Critical),
        1 => Just(Happens::Calm),
    ]
}

/// A victim on its way, and a watch over what is ordered.
struct Walk {
    escalation: Escalation,
    settings: Settings,
    waits_ms: u64,
    now_ms: u64,
    critical_at_ms: Option<u64>,
    is_critical: bool,
    alive: Vec<ProcessId>,
    next_pid: u32,
    is_killing: bool,
}

impl Walk {
    fn start(unit: Target, members: u32, waits: &[u32], settings: Settings) -> Self {
        let alive: Vec<ProcessId> = (1..=members).map(id).collect();
        let steps: Vec<_> = waits.iter().map(|&wait_ms| signal(15, wait_ms)).collect();
        let victim = victim(unit, &alive, &steps);
        Self {
            escalation: Escalation::new(&victim, &settings, 0),
            settings,
            waits_ms: waits.iter().map(|&wait_ms| u64::from(wait_ms)).sum(),
            now_ms: 0,
            critical_at_ms: None,
            is_critical: false,
            alive,
            next_pid: members + 1,
            is_killing: false,
        }
    }

    /// When grace ends, by the words of the contract.
    fn grace_ends_ms(&self) -> u64 {
        let capped = self.waits_ms.min(u64::from(self.settings.grace_max_ms));
        let critical = self.critical_at_ms.map(|at| at + u64::from(self.settings.critical_grace_ms));
        critical.map_or(capped, |critical| critical.min(capped))
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
            Happens::Critical => self.is_critical = true,
            Happens::Calm => self.is_critical = false,
            Happens::Dies(_) | Happens::Forks => {}
        }
    }

    fn look(&mut self) -> Result<(), TestCaseError> {
        let was_over = self.escalation.is_over();
        if self.is_critical && !was_over && !self.alive.is_empty() {
            self.critical_at_ms.get_or_insert(self.now_ms);
        }
        let orders = self.escalation.advance(self.now_ms, &self.alive, self.is_critical);
        prop_assert!(
            orders.iter().all(|order| self.alive.contains(&order.id())),
            "only the living are ordered"
        );
        let killed: Vec<ProcessId> = of_kind(&orders, |order| matches!(order, Order::Kill { .. }));
        let reaped: Vec<ProcessId> = of_kind(&orders, |order| matches!(order, Order::Reap { .. }));
        prop_assert_eq!(&killed, &reaped, "whoever is killed is reaped, and nobody else");
        prop_assert!(killed.is_empty() || killed == self.alive, "all are killed, or none");
        let is_due = self.now_ms >= self.grace_ends_ms();
        prop_assert!(killed.is_empty() || is_due, "SIGKILL before the grace period is over");
        if is_due && !self.is_killing && !self.alive.is_empty() && !was_over {
            prop_assert!(!killed.is_empty(), "no SIGKILL although the grace period is over");
            self.is_killing = true;
        }
        prop_assert_eq!(self.escalation.is_over(), was_over || self.alive.is_empty());
        let again = self.escalation.advance(self.now_ms, &self.alive, self.is_critical);
        prop_assert_eq!(again, [], "the same look twice");
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
        waits in vec(0_u32..1_500, 1..4),
        (grace_max_ms, critical_grace_ms) in (0_u32..3_000, 0_u32..700),
        story in vec(happens(), 0..40),
    ) {
        let settings = Settings { grace_ms: 1_000, grace_max_ms, critical_grace_ms };
        let mut walk = Walk::start(unit, members, &waits, settings);
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
