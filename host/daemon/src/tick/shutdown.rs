//! Victims underway, moved on: signals go to the actuator, hooks and units to the helpers, and all of it on record.

use jettison_act::{Actuator, Helpers, Kernel, Task, TaskId};
use jettison_decide::escalate::{Due, Look};
use jettison_decide::{enclosure, is_critical_for, stoppable};
use jettison_model::{Order, Outcome, ProcessId};
use tracing::info;

use super::underway::{Running, Underway};
use super::{Core, facts, log, remember};
use crate::pipeline::{Consult, Decision, Sense};

impl<S: Sense, P: Consult, K: Kernel> Core<S, P, K> {
    /// Moves every victim underway up by what is due, and takes leave of those that are gone.
    pub(super) fn escalate(&mut self, decision: &Decision) {
        self.note_ended();
        let mut underway = std::mem::take(&mut self.underway);
        underway.retain_mut(|unit| {
            self.move_on(unit, decision);
            let is_over = unit.escalation.is_over();
            if is_over {
                self.take_leave(unit);
            }
            !is_over
        });
        self.underway = underway;
    }

    /// What has become of the steps that helpers take, and of notifications.
    fn note_ended(&mut self) {
        let now_ms = self.pipeline.snapshot.now_ms;
        for ended in self.helpers.take_ended() {
            let underway = self.underway.iter_mut();
            let found = underway.filter_map(|unit| Some((unit.ended(ended.id)?, unit))).next();
            let pid = found.as_ref().map(|(_, unit)| unit.victim.root.pid);
            log::ended(pid, &ended);
            let (Some((running, unit)), Err(why)) = (found, ended.result) else { continue };
            unit.steps.push(format!("{} failed: {why}", running.what));
            unit.escalation.fail(running.step, now_ms);
        }
    }

    fn move_on(&mut self, unit: &mut Underway, decision: &Decision) {
        let Self { actuator, pipeline, helpers, tasks, .. } = self;
        let snapshot = &pipeline.snapshot;
        for member in unit.rescan(snapshot, &decision.ranking) {
            info!(pid = member.pid, "is a victim no more: it is excluded by now");
            if unit.escalation.stopped().contains(&member) {
                carry_out(actuator, unit, &[Order::Resume { id: member }]);
            }
            actuator.forget(member);
        }
        // Whom this very tick has named was just seen; to look at hundreds again would only hold up the first signal.
        let alive = match unit.escalation.has_begun() {
            true => actuator.alive(&unit.members),
            false => unit.members.clone(),
        };
        let look = Look {
            now_ms: snapshot.now_ms,
            alive: &alive,
            is_critical: is_critical_for(snapshot, &unit.members, &pipeline.settings),
            enclosure: enclosure(snapshot, &unit.victim, &alive).filter(|path| actuator.can_kill_memcg(path)),
        };
        while let Some(due) = unit.escalation.advance(&look) {
            let task = match due {
                Due::Orders(orders) => {
                    carry_out(actuator, unit, &orders);
                    continue;
                }
                Due::Signals(orders) => {
                    if !carry_out(actuator, unit, &orders) {
                        unit.escalation.fail(unit.escalation.step(), look.now_ms);
                    }
                    continue;
                }
                Due::Hook(name) => Ok(Task::Hook { name, facts: facts::of(snapshot, unit) }),
                Due::StopUnit => {
                    stoppable(snapshot, &decision.ranking, &alive).map(|unit| Task::StopUnit { unit })
                }
            };
            match task {
                Ok(task) => start(helpers.as_mut(), tasks, unit, task),
                Err(why) => {
                    info!(pid = unit.victim.root.pid, why, "the step stop-unit is skipped");
                    unit.steps.push(format!("stop-unit failed: {why}"));
                    unit.escalation.fail(unit.escalation.step(), look.now_ms);
                }
            }
        }
    }

    /// Nobody will kill those who are stopped for it: they go on.
    pub(super) fn resume(&mut self) {
        for unit in &mut self.underway {
            let resume = |&id: &ProcessId| Order::Resume { id };
            let orders: Vec<Order> = unit.escalation.stopped().iter().map(resume).collect();
            carry_out(&mut self.actuator, unit, &orders);
        }
    }

    fn take_leave(&mut self, unit: &Underway) {
        let snapshot = &self.pipeline.snapshot;
        let available = self.pipeline.sensor.probe().map_or(0, |memory| memory.available_bytes);
        let relief = available.saturating_sub(unit.available_before_bytes);
        let took_ms = snapshot.now_ms.saturating_sub(unit.named_at_ms);
        log::gone(&unit.victim, took_ms, relief, unit.was_killed);
        remember(&mut self.history, unit.past(took_ms, relief));
        unit.members.iter().for_each(|&member| self.actuator.forget(member));
    }
}

/// Returns whether any of them has reached somebody, or come too late for him.
fn carry_out<K: Kernel>(actuator: &mut Actuator<K>, unit: &mut Underway, orders: &[Order]) -> bool {
    let mut has_arrived = false;
    for order in orders {
        unit.was_killed |= matches!(order, Order::Kill { .. });
        let outcome = actuator.execute(order).outcome;
        log::order(order, outcome);
        has_arrived |= matches!(outcome, Outcome::Done | Outcome::Gone);
    }
    unit.note_orders(orders, has_arrived);
    has_arrived
}

fn start(helpers: &mut dyn Helpers, tasks: &mut u64, unit: &mut Underway, task: Task) {
    let what = match &task {
        Task::Hook { name, .. } => format!("hook {name}"),
        Task::StopUnit { unit } => format!("stop-unit {unit}"),
    };
    info!(pid = unit.victim.root.pid, "{what}");
    *tasks += 1;
    let id = TaskId(*tasks);
    unit.steps.push(what.clone());
    unit.running.push(Running { id, step: unit.escalation.step(), what });
    helpers.start(id, task);
}
