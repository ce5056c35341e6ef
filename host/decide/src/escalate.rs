//! How one victim goes, rung by rung.
//!
//! ```text
//!                              all gone, or the kernel refuses
//!        ┌──────────────────────────┬────────────────────────┐
//!        │                          │         all gone       ▼
//!   Graceful(step) ──deadline──▶ Stopping ──▶ Killing ──▶  Over
//!     │   ▲                       │   ▲        │   ▲
//!     └───┘ its wait is over,     └───┘        └───┘ every KILL_AGAIN_MS while a member lives:
//!           or it failed:         members            kill, reap
//!           next step             that joined since
//! ```
//!
//! *Graceful to Graceful.* A step's wait is over, or the step failed: the next one is begun. A graceful
//! signal goes to the root of a process or a tree, and to every member of a memcg. A step that fails, at once
//! or later, takes its wait with it; if all have failed, SIGTERM and the host's own grace period stand in.
//!
//! *Graceful to Stopping or Killing.* The deadline: all waits together, `grace_max_ms` at the latest. Where
//! memory runs out before that, at the rate at which it falls now, the deadline is that moment, but
//! `critical_grace_ms` after it first came so near at the earliest. When memory stops falling, the victim has
//! its full grace again. A tree that forks is stopped before it is killed: the orphan of a parent that was
//! killed a moment too early would escape.
//!
//! *Stopping to Killing.* An observation finds no new member, or `STOPPING_MS` has passed. Where a memcg
//! holds nothing but members, the kernel kills it as one, and nothing has to be stopped.
//!
//! *Graceful to Over.* A part of a service never gets SIGKILL: at a deadline it is asked by its next step,
//! and after the last one it is given up on. The next decision takes another victim, in the end the service
//! as a whole.
//!
//! *Killing to Over.* All are gone. SIGKILL always follows a grace period, whatever memory does meanwhile.
//!
//! The caller says which members are alive each time, newly forked ones included, and runs the commands.

use alloc::string::String;
use alloc::vec::Vec;

use jettison_model::signal::SIGTERM;
use jettison_model::{Addressees, Command, ProcessId, Step, Unit, Victim};

/// Members that are still there are killed and reaped again: a fork may have raced with SIGKILL.
const KILL_AGAIN_MS: u64 = 500;
/// A process that lives so long after SIGKILL is in the kernel (D state): its memory no longer counts.
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
    /// The least that is left of them when memory is about to be exhausted.
    pub critical_grace_ms: u32,
}

/// A victim as the last scan found it.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// When, by the boot clock.
    pub now_ms: u64,
    /// The members that live, those that were forked since they were named included.
    pub alive: &'a [ProcessId],
    /// How long they may take to end before memory runs out ([`crate::time_left_ms`]); `None` if nothing
    /// hurries them.
    pub time_left_ms: Option<u64>,
    /// The memcg that can be killed as one: it holds members and nothing else. Bytes.
    pub enclosure: Option<&'a [u8]>,
}

/// What is due now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// A step: signals for the actuator. It fails if none arrives.
    Signals(Vec<Command>),
    /// A step: have the service manager stop the victim's unit.
    StopUnit,
    /// A step: run this hook.
    Hook(String),
    /// No step: what the actuator has to do in any case.
    Commands(Vec<Command>),
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
    is_of_service: bool,
    is_unanswered: bool,
    steps: Vec<Step>,
    failed: usize,
    /// Where all steps of the policy have failed.
    fallback: Option<Step>,
    critical_grace_ms: u64,
    /// Grace ends by then, whatever the steps' waits are.
    cap_ms: u64,
    /// When memory was first about to run out before the end of the grace period.
    hurried_since_ms: Option<u64>,
    /// Grace ends by then, as memory falls now.
    hurry_ms: Option<u64>,
    /// Who was there when it was named, in command: a tree that has grown since has to be stopped.
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
            is_tree: victim.unit == Unit::Tree,
            is_of_service: victim.service.is_some(),
            is_unanswered: false,
            steps: victim.shutdown.clone(),
            failed: 0,
            fallback: Some(Step::Signal { number: SIGTERM, wait_ms: settings.grace_ms }),
            critical_grace_ms: u64::from(settings.critical_grace_ms),
            cap_ms: now_ms.saturating_add(u64::from(settings.grace_max_ms)),
            hurried_since_ms: None,
            hurry_ms: None,
            named,
            is_growing: false,
            are_orphans_asked: false,
            is_overdue: false,
            rung: Rung::Graceful { next: 0, at_ms: now_ms },
        }
    }

    /// The next thing to do now; `None` once all is done. To be called until then: the same observation asks
    /// for nothing twice.
    pub fn advance(&mut self, seen: &Observation<'_>) -> Option<Due> {
        if seen.alive.is_empty() || self.is_over() {
            self.rung = Rung::Over;
            return None;
        }
        self.hurry(seen);
        if self.is_tree && !self.is_growing {
            self.is_growing = seen.alive.iter().any(|member| self.named.binary_search(member).is_err());
        }
        match &self.rung {
            Rung::Graceful { .. } => self.graceful(seen).or_else(|| self.end_of_grace(seen)),
            Rung::Stopping { .. } => self.stop(seen).or_else(|| self.kill(seen)),
            Rung::Killing { .. } => self.kill(seen),
            Rung::Over => None,
        }
    }

    /// Cuts the grace period as far as the time until exhaustion demands.
    fn hurry(&mut self, seen: &Observation<'_>) {
        self.hurry_ms = None;
        let Some(left) = seen.time_left_ms else { return };
        let runs_out_ms = seen.now_ms.saturating_add(left);
        if runs_out_ms < self.grace_ends_ms() {
            let since = *self.hurried_since_ms.get_or_insert(seen.now_ms);
            self.hurry_ms = Some(runs_out_ms.max(since.saturating_add(self.critical_grace_ms)));
        }
    }

    /// The host was suspended: no process could answer in that time, so nothing of it counts as waited.
    pub fn has_slept(&mut self, ms: u64) {
        let later = |at_ms: &mut u64| *at_ms = at_ms.saturating_add(ms);
        match &mut self.rung {
            Rung::Graceful { at_ms, .. } => later(at_ms),
            Rung::Stopping { since_ms, last_ms, .. } => [since_ms, last_ms].into_iter().for_each(later),
            Rung::Killing { since_ms, again_ms } => [since_ms, again_ms].into_iter().for_each(later),
            Rung::Over => {}
        }
        later(&mut self.cap_ms);
        self.hurried_since_ms.iter_mut().chain(&mut self.hurry_ms).for_each(later);
    }

    /// The kernel refuses to deliver any signal to it: nothing more can be done.
    pub fn refuse(&mut self) {
        self.rung = Rung::Over;
    }

    /// A step of the grace period, in the order in which they were begun, has failed: it could not be run, or
    /// came to nothing. What is left of its wait is not waited for.
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

    /// The next step, if it is due. Every victim is asked at least once; at the deadline there is no time
    /// left to ask again.
    fn graceful(&mut self, seen: &Observation<'_>) -> Option<Due> {
        let is_late = seen.now_ms >= self.grace_ends_ms();
        // What gets no SIGKILL is asked by its next step instead.
        let is_pressed = is_late && self.is_of_service;
        while let Rung::Graceful { next, at_ms } = &mut self.rung {
            let is_due = is_pressed || (seen.now_ms >= *at_ms && (*next == self.failed || !is_late));
            let Some(step) = self.steps.get(*next).filter(|_| is_due) else { break };
            *next += 1;
            if is_pressed {
                *at_ms = seen.now_ms.min(*at_ms);
                self.hurried_since_ms = Some(seen.now_ms);
            }
            *at_ms = at_ms.saturating_add(u64::from(step.wait_ms()));
            match step {
                Step::Signal { number, .. } => {
                    let commands = self.signals(*number, seen.alive);
                    if !commands.is_empty() {
                        return Some(Due::Signals(commands));
                    }
                }
                Step::StopUnit { .. } => return Some(Due::StopUnit),
                Step::Hook { name, .. } => return Some(Due::Hook(name.clone())),
            }
        }
        let Addressees::These(addressees) = &self.addressees else { return None };
        // They leave orphans that have had no signal yet.
        let has_orphans = !addressees.iter().any(|id| seen.alive.contains(id));
        if !has_orphans || is_late || core::mem::replace(&mut self.are_orphans_asked, true) {
            return None;
        }
        let ask = |&id: &ProcessId| Command::Signal { id, number: SIGTERM };
        Some(Due::Commands(seen.alive.iter().map(ask).collect()))
    }

    fn signals(&self, number: u8, alive: &[ProcessId]) -> Vec<Command> {
        let is_asked = |id: &&ProcessId| match &self.addressees {
            Addressees::All => true,
            Addressees::These(addressees) => addressees.contains(id),
        };
        alive.iter().filter(is_asked).map(|&id| Command::Signal { id, number }).collect()
    }

    /// The deadline may be now: an immediate end is a grace period of 0.
    fn end_of_grace(&mut self, seen: &Observation<'_>) -> Option<Due> {
        if seen.now_ms < self.grace_ends_ms() {
            return None;
        }
        if self.is_of_service {
            self.is_unanswered = true;
            self.rung = Rung::Over;
            return None;
        }
        let now_ms = seen.now_ms;
        self.rung = if self.is_growing && seen.enclosure.is_none() {
            Rung::Stopping { since_ms: now_ms, last_ms: now_ms, stopped: Vec::new() }
        } else {
            Rung::Killing { since_ms: now_ms, again_ms: now_ms }
        };
        self.stop(seen).or_else(|| self.kill(seen))
    }

    /// Stops the members that are not stopped yet. Once a later observation finds no new one, all parents
    /// have been still for so long that every member is known: then they are killed.
    fn stop(&mut self, seen: &Observation<'_>) -> Option<Due> {
        let now_ms = seen.now_ms;
        let Rung::Stopping { since_ms, last_ms, stopped } = &mut self.rung else { return None };
        let is_new = |id: &&ProcessId| stopped.binary_search(id).is_err();
        let new: Vec<ProcessId> = seen.alive.iter().filter(is_new).copied().collect();
        let has_time = now_ms.saturating_sub(*since_ms) < STOPPING_MS;
        if has_time && !new.is_empty() && seen.enclosure.is_none() {
            stopped.extend(&new);
            stopped.sort_unstable();
            *last_ms = now_ms;
            return Some(Due::Commands(new.into_iter().map(|id| Command::Stop { id }).collect()));
        }
        if now_ms > *last_ms || !has_time || seen.enclosure.is_some() {
            self.rung = Rung::Killing { since_ms: now_ms, again_ms: now_ms };
        }
        None
    }

    /// All at once. A tree is stopped first all the same: an observation does not show what is being forked.
    fn kill(&mut self, seen: &Observation<'_>) -> Option<Due> {
        let Rung::Killing { since_ms, again_ms } = &mut self.rung else { return None };
        self.is_overdue = seen.now_ms.saturating_sub(*since_ms) >= OVERDUE_MS;
        if seen.now_ms < *again_ms {
            return None;
        }
        *again_ms = seen.now_ms.saturating_add(KILL_AGAIN_MS);
        let each = |command: fn(ProcessId) -> Command| seen.alive.iter().map(move |&id| command(id));
        let mut commands = Vec::new();
        match seen.enclosure {
            Some(memcg) => commands.push(Command::KillMemcg { id: self.root, memcg: memcg.into() }),
            None if self.is_tree => commands.extend(each(|id| Command::Stop { id })),
            None => {}
        }
        commands.extend(each(|id| Command::Kill { id }));
        commands.extend(each(|id| Command::Reap { id }));
        Some(Due::Commands(commands))
    }

    /// When grace is over, by what is known now.
    fn grace_ends_ms(&self) -> u64 {
        let Rung::Graceful { next, at_ms } = self.rung else { return self.cap_ms };
        let waits = self.steps.iter().skip(next).map(|step| u64::from(step.wait_ms()));
        let ends_ms = waits.fold(at_ms, u64::saturating_add).min(self.cap_ms);
        self.hurry_ms.map_or(ends_ms, |hurry_ms| hurry_ms.min(ends_ms))
    }

    /// When [`Escalation::advance`] has something new to say, if no member dies before; `None` at the end.
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

    /// The members that are stopped and not killed yet. If they are let off, they must be continued.
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

    /// Whether it is given up on: a part of a service that went through all its steps and is still there.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        self.is_unanswered
    }

    /// Whether a step has been begun: from then on nothing calls it off.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        !matches!(self.rung, Rung::Graceful { next: 0, .. })
    }

    /// Whether memory is about to run out before its grace period is over.
    #[must_use]
    pub fn is_hurried(&self) -> bool {
        matches!(self.rung, Rung::Graceful { .. }) && self.hurry_ms.is_some()
    }

    /// Whether a member lives 2 s after SIGKILL, so that its relief is not counted on any more.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        self.is_overdue
    }
}
