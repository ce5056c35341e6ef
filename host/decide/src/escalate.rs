//! How one victim goes, rung by rung.
//!
//! ```text
//!                              all gone
//!        ┌──────────────────────────┬────────────────────────┐
//!        │                          │         all gone       ▼
//!   Graceful(step) ──deadline──▶ Stopping ──▶ Killing ──▶  Over
//!     │   ▲                       │   ▲        │   ▲
//!     └───┘ its wait is over,     └───┘        └───┘ every KILL_AGAIN_MS while anybody lives:
//!           or it failed:         whoever             kill, reap
//!           next step             joined since
//! ```
//!
//! A graceful signal goes to the root of a process or a tree, and to every member of a memcg. The waits of all
//! steps together end at one deadline, `grace_max_ms` at the latest; once memory is critical, what remains of
//! it is cut to `critical_grace_ms`. A step that fails, at once or later, takes its wait with it; if all have, SIGTERM
//! and the host's own grace period stand in. SIGKILL always follows for whoever is left, whatever memory does meanwhile.
//!
//! A tree that forks is stopped before it is killed, so that nobody escapes as the orphan of a parent that we killed a
//! moment too early. Where a memcg holds nobody else, the kernel kills it as one, and nothing has to be stopped.
//!
//! The caller says who is alive each time, newly forked members included, and carries the orders out.

use alloc::string::String;
use alloc::vec::Vec;

use jettison_model::{Addressees, Order, ProcessId, Step, Target, Victim};

/// SIGTERM (signal(7)).
const SIGTERM: u8 = 15;
/// Members that are still there are killed and reaped again: SIGKILL is final, but a fork may have raced with it.
const KILL_AGAIN_MS: u64 = 500;
/// Whoever lives so long after SIGKILL sits in the kernel (D state); nobody counts on its memory any more.
const OVERDUE_MS: u64 = 2_000;
/// A tree that still grows after so long of being stopped is killed as it is.
const STOPPING_MS: u64 = 250;

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

/// A victim as the last scan found it.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// When, by the boot clock.
    pub now_ms: u64,
    /// The members that live, those that were forked since they were named included.
    pub alive: &'a [ProcessId],
    /// Whether they have no time left.
    pub is_critical: bool,
    /// The memcg that can be killed as one: it holds members, and nobody else. Bytes.
    pub enclosure: Option<&'a [u8]>,
}

/// What is due now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// A step: signals for the actuator. It fails if none arrives.
    Signals(Vec<Order>),
    /// A step: have the service manager stop the victim's unit.
    StopUnit,
    /// A step: run this hook.
    Hook(String),
    /// No step: what the actuator has to do in any case.
    Orders(Vec<Order>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rung {
    /// Step `next` is due at `at_ms`; behind the last one SIGKILL is.
    Graceful {
        next: usize,
        at_ms: u64,
    },
    Stopping {
        since_ms: u64,
        last_ms: u64,
        stopped: Vec<ProcessId>,
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
    root: ProcessId,
    addressees: Addressees,
    is_tree: bool,
    steps: Vec<Step>,
    failed: usize,
    /// Where all steps of the policy have failed.
    fallback: Option<Step>,
    critical_grace_ms: u64,
    /// Grace ends by then, whatever the steps' waits are.
    cap_ms: u64,
    /// Who was there when it was named, in order: a tree that has grown since has to be stopped.
    named: Vec<ProcessId>,
    is_growing: bool,
    are_orphans_asked: bool,
    is_overdue: bool,
    rung: Rung,
}

impl Escalation {
    /// Nothing is due before the first [`Escalation::advance`].
    #[must_use]
    pub fn new(victim: &Victim, settings: &Settings, now_ms: u64) -> Self {
        let mut named = victim.members.clone();
        named.sort_unstable();
        Self {
            root: victim.root,
            addressees: victim.addressees.clone(),
            is_tree: matches!(victim.unit, Target::Tree(_)),
            steps: victim.shutdown.clone(),
            failed: 0,
            fallback: Some(Step::Signal { number: SIGTERM, wait_ms: settings.grace_ms }),
            critical_grace_ms: u64::from(settings.critical_grace_ms),
            cap_ms: now_ms.saturating_add(u64::from(settings.grace_max_ms)),
            named,
            is_growing: false,
            are_orphans_asked: false,
            is_overdue: false,
            rung: Rung::Graceful { next: 0, at_ms: now_ms },
        }
    }

    /// The next thing to do now; `None` once all is done. To be called until then: the same look asks for nothing twice.
    pub fn advance(&mut self, look: &Look<'_>) -> Option<Due> {
        if look.alive.is_empty() || self.is_over() {
            self.rung = Rung::Over;
            return None;
        }
        if look.is_critical {
            self.cap_ms = self.cap_ms.min(look.now_ms.saturating_add(self.critical_grace_ms));
        }
        if self.is_tree && !self.is_growing {
            self.is_growing = look.alive.iter().any(|member| self.named.binary_search(member).is_err());
        }
        match &self.rung {
            Rung::Graceful { .. } => self.graceful(look).or_else(|| self.end_of_grace(look)),
            Rung::Stopping { .. } => self.stop(look).or_else(|| self.kill(look)),
            Rung::Killing { .. } => self.kill(look),
            Rung::Over => None,
        }
    }

    /// A step of the grace period, in the order in which they were begun, has failed: it could not be run, or came to
    /// nothing. What is left of its wait is not waited for.
    pub fn fail(&mut self, step: usize, now_ms: u64) {
        let Rung::Graceful { next, at_ms } = &mut self.rung else { return };
        self.failed += 1;
        if step + 1 == *next {
            *at_ms = now_ms.min(*at_ms);
        }
        if self.failed == self.steps.len() {
            self.steps.extend(self.fallback.take());
        }
    }

    /// The next step, if it is due. Everybody is asked at least once; at the deadline there is no time left to ask again.
    fn graceful(&mut self, look: &Look<'_>) -> Option<Due> {
        let is_late = look.now_ms >= self.grace_ends_ms();
        while let Rung::Graceful { next, at_ms } = &mut self.rung {
            let is_due = look.now_ms >= *at_ms && (*next == self.failed || !is_late);
            let Some(step) = self.steps.get(*next).filter(|_| is_due) else { break };
            *next += 1;
            *at_ms = at_ms.saturating_add(u64::from(wait_ms(step)));
            match step {
                Step::Signal { number, .. } => {
                    let orders = self.signals(*number, look.alive);
                    if !orders.is_empty() {
                        return Some(Due::Signals(orders));
                    }
                }
                Step::StopUnit { .. } => return Some(Due::StopUnit),
                Step::Hook { name, .. } => return Some(Due::Hook(name.clone())),
            }
        }
        let Addressees::These(addressees) = &self.addressees else { return None };
        // They leave orphans whom nobody has asked yet.
        let has_orphans = !addressees.iter().any(|id| look.alive.contains(id));
        if !has_orphans || is_late || core::mem::replace(&mut self.are_orphans_asked, true) {
            return None;
        }
        let ask = |&id: &ProcessId| Order::Signal { id, number: SIGTERM };
        Some(Due::Orders(look.alive.iter().map(ask).collect()))
    }

    fn signals(&self, number: u8, alive: &[ProcessId]) -> Vec<Order> {
        let is_asked = |id: &&ProcessId| match &self.addressees {
            Addressees::Everybody => true,
            Addressees::These(addressees) => addressees.contains(id),
        };
        alive.iter().filter(is_asked).map(|&id| Order::Signal { id, number }).collect()
    }

    /// The deadline may be now: an immediate end is a grace period of 0.
    fn end_of_grace(&mut self, look: &Look<'_>) -> Option<Due> {
        if look.now_ms < self.grace_ends_ms() {
            return None;
        }
        let now_ms = look.now_ms;
        self.rung = if self.is_growing && look.enclosure.is_none() {
            Rung::Stopping { since_ms: now_ms, last_ms: now_ms, stopped: Vec::new() }
        } else {
            Rung::Killing { since_ms: now_ms, again_ms: now_ms }
        };
        self.stop(look).or_else(|| self.kill(look))
    }

    /// Stops whoever is not stopped yet. Once a later look finds nobody new, all parents have been still for so long
    /// that everybody is known: then they are killed.
    fn stop(&mut self, look: &Look<'_>) -> Option<Due> {
        let now_ms = look.now_ms;
        let Rung::Stopping { since_ms, last_ms, stopped } = &mut self.rung else { return None };
        let is_new = |id: &&ProcessId| stopped.binary_search(id).is_err();
        let new: Vec<ProcessId> = look.alive.iter().filter(is_new).copied().collect();
        let has_time = now_ms.saturating_sub(*since_ms) < STOPPING_MS;
        if has_time && !new.is_empty() && look.enclosure.is_none() {
            stopped.extend(&new);
            stopped.sort_unstable();
            *last_ms = now_ms;
            return Some(Due::Orders(new.into_iter().map(|id| Order::Stop { id }).collect()));
        }
        if now_ms > *last_ms || !has_time || look.enclosure.is_some() {
            self.rung = Rung::Killing { since_ms: now_ms, again_ms: now_ms };
        }
        None
    }

    /// All at once. A tree is stopped first all the same, since a look cannot see who is being forked.
    fn kill(&mut self, look: &Look<'_>) -> Option<Due> {
        let Rung::Killing { since_ms, again_ms } = &mut self.rung else { return None };
        self.is_overdue = look.now_ms.saturating_sub(*since_ms) >= OVERDUE_MS;
        if look.now_ms < *again_ms {
            return None;
        }
        *again_ms = look.now_ms.saturating_add(KILL_AGAIN_MS);
        let each = |order: fn(ProcessId) -> Order| look.alive.iter().map(move |&id| order(id));
        let mut orders = Vec::new();
        match look.enclosure {
            Some(memcg) => orders.push(Order::KillMemcg { id: self.root, memcg: memcg.into() }),
            None if self.is_tree => orders.extend(each(|id| Order::Stop { id })),
            None => {}
        }
        orders.extend(each(|id| Order::Kill { id }));
        orders.extend(each(|id| Order::Reap { id }));
        Some(Due::Orders(orders))
    }

    /// When grace is over, by what is known now.
    fn grace_ends_ms(&self) -> u64 {
        let Rung::Graceful { next, at_ms } = self.rung else { return self.cap_ms };
        let waits = self.steps.iter().skip(next).map(|step| u64::from(wait_ms(step)));
        waits.fold(at_ms, u64::saturating_add).min(self.cap_ms)
    }

    /// When [`Escalation::advance`] has something new to say, if nobody dies before; `None` once it is over.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        match self.rung {
            Rung::Graceful { next, at_ms } if next < self.steps.len() => {
                Some(at_ms.min(self.grace_ends_ms()))
            }
            Rung::Graceful { .. } => Some(self.grace_ends_ms()),
            Rung::Stopping { last_ms, .. } => Some(last_ms.saturating_add(1)),
            Rung::Killing { again_ms, .. } => Some(again_ms),
            Rung::Over => None,
        }
    }

    /// The step that was begun last, counted from 0.
    #[must_use]
    pub fn step(&self) -> usize {
        match self.rung {
            Rung::Graceful { next, .. } => next.saturating_sub(1),
            Rung::Stopping { .. } | Rung::Killing { .. } | Rung::Over => self.steps.len(),
        }
    }

    /// Who is stopped and not killed yet: whoever lets them off has to let them go on.
    #[must_use]
    pub fn stopped(&self) -> &[ProcessId] {
        match &self.rung {
            Rung::Stopping { stopped, .. } => stopped,
            Rung::Graceful { .. } | Rung::Killing { .. } | Rung::Over => &[],
        }
    }

    /// Whether every member is gone.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.rung == Rung::Over
    }

    /// Whether a step has been begun: from then on nothing calls it off.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        !matches!(self.rung, Rung::Graceful { next: 0, .. })
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
