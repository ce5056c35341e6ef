//! How one victim goes, rung by rung.
//!
//! ```text
//!                 all gone
//!        ┌──────────────────────────────┐
//!        │            all gone          ▼
//!   Graceful(step) ──deadline──▶ Killing ──▶ Over
//!     │   ▲                       │   ▲
//!     └───┘ wait is over:         └───┘ every KILL_AGAIN_MS while anybody lives:
//!           next step                   stop (tree), kill, reap
//! ```
//!
//! A graceful signal goes to the root of a process or a tree, and to every member of a memcg. The waits of all
//! steps together end at one deadline, `grace_max_ms` at the latest; once memory is critical, what remains of
//! it is cut to `critical_grace_ms`. SIGKILL always follows for whoever is left, whatever memory does meanwhile.
//!
//! The caller says who is alive each time, newly forked members included, and carries the orders out.

use alloc::vec;
use alloc::vec::Vec;

use jettison_model::{Order, ProcessId, Step, Target, Victim};

/// SIGTERM (signal(7)).
const SIGTERM: u8 = 15;
/// Members that are still there are killed and reaped again: SIGKILL is final, but a fork may have raced with it.
const KILL_AGAIN_MS: u64 = 500;
/// Whoever lives so long after SIGKILL sits in the kernel (D state); nobody counts on its memory any more.
const OVERDUE_MS: u64 = 2_000;

/// The caps of `[act]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Waited for SIGTERM where a policy gives no step that can run.
    pub grace_ms: u32,
    /// Caps the sum of a victim's waits.
    pub grace_max_ms: u32,
    /// Caps what remains of them once memory is critical.
    pub critical_grace_ms: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rung {
    /// Step `next` is due at `at_ms`; SIGKILL at the deadline.
    Graceful {
        next: usize,
        at_ms: u64,
    },
    Killing {
        since_ms: u64,
        again_ms: u64,
    },
    Over,
}

/// One victim on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalation {
    unit: Target,
    root: ProcessId,
    steps: Vec<Step>,
    critical_grace_ms: u64,
    deadline_ms: u64,
    has_signalled: bool,
    is_root_seen_gone: bool,
    is_overdue: bool,
    rung: Rung,
}

impl Escalation {
    /// Nothing is ordered before the first [`Escalation::advance`].
    ///
    /// Steps that this host cannot run yet (a unit to stop, a hook) are dropped with their waits. If none is left,
    /// SIGTERM stands in, with the host's own grace period.
    #[must_use]
    pub fn new(victim: &Victim, settings: &Settings, now_ms: u64) -> Self {
        let mut steps: Vec<Step> =
            victim.shutdown.iter().filter(|step| matches!(step, Step::Signal { .. })).cloned().collect();
        if steps.is_empty() {
            steps = vec![Step::Signal { number: SIGTERM, wait_ms: settings.grace_ms }];
        }
        let waits: u64 = steps.iter().map(|step| u64::from(wait_ms(step))).sum();
        Self {
            unit: victim.unit,
            root: victim.root,
            steps,
            critical_grace_ms: u64::from(settings.critical_grace_ms),
            deadline_ms: now_ms.saturating_add(waits.min(u64::from(settings.grace_max_ms))),
            has_signalled: false,
            is_root_seen_gone: false,
            is_overdue: false,
            rung: Rung::Graceful { next: 0, at_ms: now_ms },
        }
    }

    /// What to do now. `alive` are the members that live, those that were forked since included; the same call
    /// twice at the same time orders nothing twice.
    pub fn advance(&mut self, now_ms: u64, alive: &[ProcessId], is_critical: bool) -> Vec<Order> {
        if alive.is_empty() || self.is_over() {
            self.rung = Rung::Over;
            return Vec::new();
        }
        if is_critical {
            self.deadline_ms = self.deadline_ms.min(now_ms.saturating_add(self.critical_grace_ms));
        }
        let mut orders = Vec::new();
        if let Rung::Graceful { .. } = self.rung {
            self.graceful(now_ms, alive, &mut orders);
        }
        // The deadline may be now: an immediate end is a grace period of 0.
        if matches!(self.rung, Rung::Graceful { .. }) && now_ms >= self.deadline_ms {
            self.rung = Rung::Killing { since_ms: now_ms, again_ms: now_ms };
        }
        if let Rung::Killing { since_ms, again_ms } = self.rung {
            self.is_overdue = now_ms.saturating_sub(since_ms) >= OVERDUE_MS;
            if now_ms >= again_ms {
                self.kill(alive, &mut orders);
                self.rung = Rung::Killing { since_ms, again_ms: now_ms.saturating_add(KILL_AGAIN_MS) };
            }
        }
        orders
    }

    /// The steps that are due. Everybody is asked at least once; at the deadline there is no time left to ask again.
    fn graceful(&mut self, now_ms: u64, alive: &[ProcessId], orders: &mut Vec<Order>) {
        let is_late = now_ms >= self.deadline_ms;
        while let Rung::Graceful { next, at_ms } = self.rung {
            let is_due = now_ms >= at_ms && (next == 0 || !is_late);
            let Some(Step::Signal { number, wait_ms }) = self.steps.get(next).filter(|_| is_due) else {
                break;
            };
            let number = *number;
            let at_ms = at_ms.saturating_add(u64::from(*wait_ms));
            orders.extend(self.addressees(alive).map(|id| Order::Signal { id, number }));
            self.has_signalled = true;
            self.rung = Rung::Graceful { next: next + 1, at_ms };
        }
        // The root of a tree leaves orphans which nobody has asked yet; in a memcg everybody was asked.
        let is_rootless = !self.is_for_all() && !is_late && !alive.contains(&self.root);
        if is_rootless && !core::mem::replace(&mut self.is_root_seen_gone, true) {
            orders.extend(alive.iter().map(|&id| Order::Signal { id, number: SIGTERM }));
        }
    }

    fn addressees<'a>(&'a self, alive: &'a [ProcessId]) -> impl Iterator<Item = ProcessId> + 'a {
        alive.iter().copied().filter(|&id| self.is_for_all() || id == self.root)
    }

    /// Whether every member is asked, and not the root alone.
    fn is_for_all(&self) -> bool {
        matches!(self.unit, Target::Memcg(_))
    }

    /// All at once: a tree is stopped first, so that it cannot fork faster than we kill.
    fn kill(&self, alive: &[ProcessId], orders: &mut Vec<Order>) {
        if matches!(self.unit, Target::Tree(_)) {
            orders.extend(alive.iter().map(|&id| Order::Stop { id }));
        }
        orders.extend(alive.iter().map(|&id| Order::Kill { id }));
        orders.extend(alive.iter().map(|&id| Order::Reap { id }));
    }

    /// When [`Escalation::advance`] has something new to say, if nobody dies before; `None` once it is over.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        match self.rung {
            Rung::Graceful { next, at_ms } if next < self.steps.len() => Some(at_ms.min(self.deadline_ms)),
            Rung::Graceful { .. } => Some(self.deadline_ms),
            Rung::Killing { again_ms, .. } => Some(again_ms),
            Rung::Over => None,
        }
    }

    /// Whether every member is gone.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.rung == Rung::Over
    }

    /// Whether some member has been signalled: from then on nothing calls it off.
    #[must_use]
    pub fn has_signalled(&self) -> bool {
        self.has_signalled
    }

    /// Whether somebody lives 2 s after SIGKILL, so that its relief is not counted on any more.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        self.is_overdue
    }
}

fn wait_ms(step: &Step) -> u32 {
    match step {
        Step::Signal { wait_ms, .. } | Step::StopUnit { wait_ms } | Step::Hook { wait_ms, .. } => *wait_ms,
    }
}
