//! The victims under way: signals go to the actuator, hooks and stops of service units to the helpers.
//!
//! What each victim does next is decided by its [`Escalation`](jettison_decide::escalate::Escalation); this
//! file carries it out. Its states are drawn there, those of a victim in `underway.rs`.

use jettison_act::{Actuator, Ended, Kernel, Task};
use jettison_decide::escalate::{Due, Observation, Settings as EscalateSettings};
use jettison_decide::{End, InFlight, Settings, Thresholds, enclosure, stoppable, time_left_ms};
use jettison_model::{Command, Outcome, Plan, ProcessId, Ranking, Snapshot, Tier};
use tracing::info;

use crate::tasks::{Moment, Tasks, what};
use crate::underway::Underway;
use crate::{facts, log};

/// All victims under way.
#[derive(Debug)]
pub(crate) struct Shutdowns {
    underway: Vec<Underway>,
    caps: EscalateSettings,
}

/// What the present tick knows.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) ranking: &'a Ranking,
    pub(crate) thresholds: &'a Thresholds,
}

impl Shutdowns {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { underway: Vec::new(), caps: caps(settings) }
    }

    /// Holds for victims that are named from now on.
    pub(crate) fn configure(&mut self, settings: &Settings) {
        self.caps = caps(settings);
    }

    pub(crate) fn caps(&self) -> EscalateSettings {
        self.caps
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.underway.is_empty()
    }

    pub(crate) fn underway(&self) -> &[Underway] {
        &self.underway
    }

    pub(crate) fn in_flight(&self) -> Vec<InFlight> {
        self.underway.iter().map(Underway::in_flight).collect()
    }

    /// The host was suspended for so long.
    pub(crate) fn have_slept(&mut self, ms: u64) {
        self.underway.iter_mut().for_each(|victim| victim.escalation.has_slept(ms));
    }

    /// When one of them has something to do next.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        self.underway.iter().filter_map(|victim| victim.escalation.next_deadline_ms()).min()
    }

    /// Takes over the victims of a plan.
    pub(crate) fn begin(&mut self, plan: &Plan, snapshot: &Snapshot) {
        for victim in &plan.victims {
            log::victim(snapshot, victim, false);
            self.underway.push(Underway::new(victim.clone(), &self.caps, snapshot));
        }
    }

    /// Carries out what is due for each. Returns those that are gone.
    pub(crate) fn advance<K: Kernel>(
        &mut self,
        scene: Scene<'_>,
        ended: &[Ended],
        actuator: &mut Actuator<K>,
        tasks: &mut Tasks,
    ) -> Vec<Underway> {
        self.note_ended(scene.snapshot.now_ms, ended);
        for victim in &mut self.underway {
            advance(victim, scene, actuator, tasks);
        }
        let gone: Vec<Underway> =
            self.underway.extract_if(.., |victim| victim.escalation.is_over()).collect();
        for member in gone.iter().flat_map(Underway::members) {
            actuator.forget(*member);
        }
        gone
    }

    /// Takes in the tasks that have ended. One that failed ends its step.
    fn note_ended(&mut self, now_ms: u64, ended: &[Ended]) {
        for ended in ended {
            let underway = self.underway.iter_mut();
            let found = underway.filter_map(|victim| Some((victim.ended(ended.id)?, victim))).next();
            let (Some((running, victim)), Err(why)) = (found, &ended.result) else { continue };
            victim.note_failed(&running.what, why);
            victim.escalation.fail(running.step, now_ms);
        }
    }

    /// Lets every stopped process go on: once the daemon has ended, nothing would kill it.
    pub(crate) fn resume<K: Kernel>(&mut self, actuator: &mut Actuator<K>) {
        for victim in &mut self.underway {
            let resume = |&id: &ProcessId| Command::Resume { id };
            let commands: Vec<Command> = victim.stopped().iter().map(resume).collect();
            carry_out(actuator, victim, &commands);
        }
    }
}

fn caps(settings: &Settings) -> EscalateSettings {
    EscalateSettings {
        grace_ms: settings.grace_ms,
        grace_max_ms: settings.grace_max_ms,
        critical_grace_ms: settings.critical_grace_ms,
    }
}

/// Whether it is one of those that go last.
fn is_protected(victim: &Underway, ranking: &Ranking) -> bool {
    let root = victim.victim.root;
    let ranked = ranking.order.iter().find(|ranked| ranked.id == root);
    ranked.is_some_and(|ranked| matches!(ranked.tier, Tier::Protected(_)))
}

fn advance<K: Kernel>(
    victim: &mut Underway,
    scene: Scene<'_>,
    actuator: &mut Actuator<K>,
    tasks: &mut Tasks,
) {
    let Scene { snapshot, ranking, thresholds } = scene;
    for member in victim.rescan(snapshot, ranking) {
        info!(pid = member.pid, "is a victim no more: it is excluded by now");
        if victim.stopped().contains(&member) {
            carry_out(actuator, victim, &[Command::Resume { id: member }]);
        }
        actuator.forget(member);
    }
    let is_new = !victim.escalation.has_begun();
    // The members of a victim that this tick has named were just seen. Checking hundreds would delay the
    // first signal.
    let alive = if is_new { victim.members.clone() } else { actuator.alive(&victim.members) };
    victim.is_protected = is_protected(victim, ranking);
    let end = if victim.is_protected { End::Late } else { End::Early(thresholds) };
    let whole = enclosure(snapshot, &victim.victim, &alive);
    let seen = Observation {
        now_ms: snapshot.now_ms,
        alive: &alive,
        time_left_ms: time_left_ms(snapshot, &victim.members, end)
            .map(|left| left.max(victim.time_left_ms(snapshot, end))),
        enclosure: whole.filter(|path| actuator.can_kill_memcg(path)),
    };
    while let Some(due) = victim.escalation.advance(&seen) {
        let task = match due {
            Due::Commands(commands) => {
                carry_out(actuator, victim, &commands);
                continue;
            }
            Due::Signals(commands) => {
                if carry_out(actuator, victim, &commands) == Delivery::Failed {
                    victim.escalation.fail(victim.escalation.step(), seen.now_ms);
                }
                continue;
            }
            Due::Hook(name) => {
                let facts = facts::of_victim(snapshot, &victim.victim, victim.members.len());
                Ok(Task::Hook { name, facts })
            }
            Due::StopUnit => {
                stoppable(snapshot, ranking, &alive).map(|service_unit| Task::StopUnit { service_unit })
            }
        };
        match task {
            Ok(task) => start(tasks, victim, task, snapshot),
            Err(why) => {
                info!(pid = victim.victim.root.pid, why, "the step stop-unit is skipped");
                victim.note_failed("stop-unit", why);
                victim.escalation.fail(victim.escalation.step(), seen.now_ms);
            }
        }
    }
    if let Some(memcg) = whole.filter(|_| is_new) {
        // It goes whole. Programs that want to be told have until its grace is over.
        tasks.start(Task::Prekill { memcg: memcg.into() }, Moment::of(snapshot));
    }
}

/// What came of a round of commands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Delivery {
    /// A signal was delivered, or its target had already exited.
    Arrived,
    /// None was.
    Failed,
    /// The kernel refused every signal (EPERM): the victim is given up.
    Refused,
}

fn carry_out<K: Kernel>(actuator: &mut Actuator<K>, victim: &mut Underway, commands: &[Command]) -> Delivery {
    let mut has_arrived = false;
    let mut is_refused = !commands.is_empty();
    for command in commands {
        let outcome = actuator.execute(command).outcome;
        log::command(command, outcome);
        has_arrived |= matches!(outcome, Outcome::Done | Outcome::Gone);
        is_refused &= outcome == Outcome::Refused || matches!(command, Command::Reap { .. });
    }
    victim.note_commands(commands, has_arrived);
    if is_refused && !has_arrived {
        victim.is_refused = true;
        victim.escalation.refuse();
        return Delivery::Refused;
    }
    if has_arrived { Delivery::Arrived } else { Delivery::Failed }
}

fn start(tasks: &mut Tasks, victim: &mut Underway, task: Task, snapshot: &Snapshot) {
    let what = what(&task);
    info!(pid = victim.victim.root.pid, "{what}");
    let id = tasks.start(task, Moment::of(snapshot));
    victim.begin(id, what);
}
