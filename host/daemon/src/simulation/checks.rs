//! The invariants, reckoned from what the machine saw, and not from what the tick believes.

use std::collections::BTreeMap;

use jettison_decide::Settings;
use jettison_model::{Cause, ProcessId, Step, Target};

use super::machine::{LIMIT_BYTES, Machine, Process, TOTAL_BYTES, What};
use super::{Simulated, Totals};

const KILL: u8 = 9;
const STOP: u8 = 19;
/// SIGKILL is repeated this often, so whoever joined late has had it by then.
const KILL_AGAIN_MS: u64 = 500;

/// One victim as it was named.
struct Named {
    members: Vec<ProcessId>,
    /// No SIGKILL before this.
    kill_from_ms: u64,
    /// SIGKILL by then.
    kill_by_ms: u64,
    /// A tree that has grown is stopped before it is killed.
    stopped_at_ms: Option<u64>,
    critical_grace_ms: u64,
}

type Key = (ProcessId, u64);

/// What is remembered from tick to tick to judge the next one.
pub(super) struct Checks {
    pub(super) totals: Totals,
    settings: Settings,
    is_dry: bool,
    units: BTreeMap<Key, Named>,
    /// When victims were named since the daemon started.
    named_at_ms: Vec<u64>,
    on_its_way_bytes: u64,
}

impl Checks {
    pub(super) fn new(settings: &Settings, is_dry: bool) -> Self {
        let settings = settings.clone();
        let (units, named_at_ms) = (BTreeMap::new(), Vec::new());
        Self { totals: Totals::default(), settings, is_dry, units, named_at_ms, on_its_way_bytes: 0 }
    }

    pub(super) fn reloaded(&mut self, settings: &Settings) {
        self.settings = settings.clone();
    }

    /// What will still come back of those underway, as the tick begins.
    pub(super) fn before(&mut self, core: &Simulated) {
        let counted =
            core.underway.iter().map(crate::tick::Underway::in_flight).filter(|unit| !unit.is_overdue);
        self.on_its_way_bytes = counted.map(|unit| unit.predicted_relief_bytes).sum();
    }

    pub(super) fn after(&mut self, core: &Simulated, machine: &mut Machine, is_disk_full: bool) {
        self.totals.ticks += 1;
        let is_critical = machine.sensed_available_bytes * 100 <= TOTAL_BYTES * 3
            || machine.sensed_left_bytes * 100 <= LIMIT_BYTES * 3;
        self.one_when_one_is_enough(core, machine);
        self.enter(core, machine);
        if is_critical {
            for unit in self.units.values_mut() {
                unit.kill_from_ms = unit.kill_from_ms.min(machine.now_ms + unit.critical_grace_ms);
            }
        }
        self.calls_are_lawful(machine);
        self.deadlines_are_kept(core, machine);
        if !is_disk_full && !machine.is_disturbed {
            self.held_as_planned(core, machine);
        }
        if !is_disk_full {
            machine.processes.values_mut().for_each(|process| process.is_rewritten = false);
        }
        Self::nobody_is_forgotten(core, machine);
        machine.named = core.underway.iter().flat_map(|unit| unit.members.iter().copied()).collect();
        self.units.retain(|&key, _| core.underway.iter().any(|unit| unit.key() == key));
    }

    /// New victims: predicted relief bounds them, and so do cool-down and the number for a minute.
    fn one_when_one_is_enough(&mut self, core: &Simulated, machine: &Machine) {
        let Some(last) = &core.last else { return };
        let new: Vec<u64> = core
            .underway
            .iter()
            .filter(|unit| !self.units.contains_key(&unit.key()))
            .map(|unit| unit.in_flight().predicted_relief_bytes)
            .collect();
        let request = core.pipeline.snapshot.request;
        if new.is_empty() {
            return;
        }
        assert!(request.cause.is_armed() && !last.ranking.order.is_empty(), "victims for {request:?}");
        self.totals.victims += new.len() as u64;
        let now_ms = machine.now_ms;
        if request.cause != Cause::MemcgLimit {
            let warn = TOTAL_BYTES * 15 / 100;
            let deficit = warn.saturating_sub(machine.sensed_available_bytes).max(1);
            let without_last: u64 = self.on_its_way_bytes + new[..new.len() - 1].iter().sum::<u64>();
            assert!(without_last < deficit, "{without_last} bytes of {deficit} would have been enough");
        }
        let is_critical = match request.cause {
            Cause::MemcgLimit => machine.sensed_left_bytes * 100 <= LIMIT_BYTES * 3,
            _ => request.cause == Cause::Critical,
        };
        if !is_critical {
            let since = |&at: &u64| now_ms - at;
            let is_cool =
                self.named_at_ms.last().is_none_or(|at| since(at) >= u64::from(self.settings.cool_down_ms));
            assert!(is_cool, "a victim while cooling down");
            let in_a_minute = self.named_at_ms.iter().filter(|at| since(at) < 60_000).count();
            let most = self.settings.kills_per_minute_max as usize;
            assert!(in_a_minute + new.len() <= most, "{in_a_minute} and {} victims of {most}", new.len());
        }
        self.named_at_ms.extend(new.iter().map(|_| now_ms));
    }

    /// Takes in new units, and whoever has joined one: nobody but those whom a member has forked, or who live in the memcg.
    fn enter(&mut self, core: &Simulated, machine: &Machine) {
        let now_ms = machine.now_ms;
        for unit in &core.underway {
            self.units.entry(unit.key()).or_insert_with(|| {
                let (certain, at_most) = waits_ms(unit.steps());
                let [max_ms, grace_ms] = [self.settings.grace_max_ms, self.settings.grace_ms].map(u64::from);
                Named {
                    members: unit.members.clone(),
                    kill_from_ms: now_ms + certain.min(max_ms),
                    kill_by_ms: now_ms + (at_most + grace_ms).min(max_ms),
                    stopped_at_ms: None,
                    critical_grace_ms: u64::from(self.settings.critical_grace_ms),
                }
            });
        }
        for unit in &core.underway {
            let Some(named) = self.units.get_mut(&unit.key()) else { continue };
            for joined in unit.members.iter().filter(|member| !named.members.contains(member)) {
                let process = machine.processes.get(&joined.pid).filter(|process| process.id == *joined);
                let forked_by = process.and_then(|process| process.forked_by);
                let is_one = match unit.unit() {
                    Target::Process(_) => false,
                    Target::Tree(_) => {
                        forked_by.is_none_or(|id| unit.members.contains(&id) || named.members.contains(&id))
                    }
                    Target::Memcg(row) => process.is_none_or(|process| row == 0 || process.memcg == row),
                };
                assert!(is_one, "{joined:?} is no member of {:?}", unit.key());
            }
            named.members.clone_from(&unit.members);
        }
    }

    /// Each signal, kill and reap of this tick.
    fn calls_are_lawful(&mut self, machine: &Machine) {
        for call in &machine.calls {
            assert!(!self.is_dry, "a dry run called {call:?}");
            let of = machine.processes.get(&call.id.pid).filter(|process| process.id == call.id);
            let signal = match call.what {
                What::Adjust => {
                    self.totals.values_held += 1;
                    continue;
                }
                What::Reap { is_killed } => {
                    assert!(is_killed, "reaped before SIGKILL: {call:?}");
                    continue;
                }
                What::Signal(signal) => signal,
            };
            self.totals.signals += 1;
            assert!(call.id.pid > 4, "{call:?}");
            assert!(!machine.wronged.contains(&call.id), "signalled, but nobody may: {call:?}");
            let spared = of.filter(|process| process.is_kept && !machine.named.contains(&call.id));
            assert!(spared.is_none(), "a policy says never: {call:?}");
            let of_unit = self.units.values_mut().filter(|unit| unit.members.contains(&call.id));
            let mut from_ms = None;
            for unit in of_unit {
                if signal == STOP {
                    unit.stopped_at_ms.get_or_insert(machine.now_ms);
                }
                let is_refused = unit.members.iter().any(|member| machine.refused.contains(member));
                let unit_from_ms = if is_refused { 0 } else { unit.kill_from_ms };
                from_ms = Some(from_ms.map_or(unit_from_ms, |from: u64| from.min(unit_from_ms)));
            }
            if signal == KILL || signal == STOP {
                self.totals.kills += u64::from(signal == KILL);
                assert!(from_ms.is_some_and(|from| machine.now_ms >= from), "{call:?} before {from_ms:?}");
            }
        }
    }

    /// Whoever was named has had SIGKILL when its time is over, whatever else happens.
    fn deadlines_are_kept(&self, core: &Simulated, machine: &Machine) {
        for unit in core.underway.iter().filter(|_| !self.is_dry) {
            let Some(named) = self.units.get(&unit.key()) else { continue };
            let by_ms = named.stopped_at_ms.map_or(named.kill_by_ms, |at| at.max(named.kill_by_ms));
            if machine.now_ms < by_ms + KILL_AGAIN_MS {
                continue;
            }
            let root = unit.key().0;
            let lives = machine
                .processes
                .get(&root.pid)
                .is_some_and(|process| process.id == root && !process.is_zombie);
            let may = lives && unit.members.contains(&root);
            assert!(!may || machine.killed.contains(&root), "{root:?} outlives its deadline");
        }
    }

    /// Whoever is stopped is about to be killed.
    fn nobody_is_forgotten(core: &Simulated, machine: &Machine) {
        let is_left = |process: &&Process| process.is_stopped && !process.is_killed && !process.is_zombie;
        for process in machine.processes.values().filter(is_left) {
            let is_known = core.underway.iter().any(|unit| unit.members.contains(&process.id));
            assert!(is_known, "stopped, and nobody's victim: {:?}", process.id);
        }
    }

    fn held_as_planned(&self, core: &Simulated, machine: &Machine) {
        let Some(last) = core.last.as_ref().filter(|_| !self.is_dry) else { return };
        for process in machine.processes.values().filter(|&process| is_known(process)) {
            let hold = last.plan.holds.iter().find(|hold| hold.id == process.id);
            let wanted = hold.map_or(process.original, |hold| hold.value);
            assert_eq!(process.adj, wanted, "{:?} ({})", process.id, process.original);
        }
    }

    /// After a crash: what the last daemon wrote is put back; children that inherited are found by the first tick.
    pub(super) fn restarted(&mut self, machine: &mut Machine) {
        self.totals.crashes += 1;
        for process in machine.processes.values_mut() {
            process.is_kept = false;
            // Nobody knows any more that it was us.
            process.is_stopped = false;
            if is_known(process) && process.is_written && !process.is_rewritten {
                assert_eq!(process.adj, process.original, "not put back after a crash: {:?}", process.id);
            }
            // Only a scan that sees its parent, and knows what was held on it, could tell.
            process.is_excused |= process.adj != process.original;
        }
        machine.named.clear();
        self.units.clear();
        self.named_at_ms.clear();
    }

    /// Liveness: the pressure is over, and so is every victim.
    pub(super) fn recovered(&self, core: &Simulated, machine: &Machine) {
        if self.is_dry {
            return;
        }
        let left: Vec<Key> = core.underway.iter().map(crate::tick::Underway::key).collect();
        assert!(left.is_empty(), "still underway: {left:?}");
        let available = machine.available_bytes();
        assert!(available > TOTAL_BYTES * 8 / 100, "only {available} bytes after the last fault");
        assert!(machine.left_bytes() > LIMIT_BYTES * 8 / 100, "the memcg stays full");
        self.held_as_planned(core, machine);
    }

    pub(super) fn finished(&self, machine: &Machine) {
        let is_left = |process: &&Process| process.is_stopped && !process.is_killed && !process.is_zombie;
        let left: Vec<ProcessId> =
            machine.processes.values().filter(is_left).map(|process| process.id).collect();
        assert!(left.is_empty(), "stopped for ever: {left:?}");
        for process in machine.processes.values().filter(|&process| is_known(process)) {
            assert_eq!(process.adj, process.original, "not put back at the end: {:?}", process.id);
        }
    }
}

/// Whether what it had before us can be known.
fn is_known(process: &Process) -> bool {
    !process.is_excused && !process.is_zombie
}

/// The waits of steps: those that nothing cuts short but a refusal, and all.
fn waits_ms(steps: &[Step]) -> (u64, u64) {
    steps.iter().fold((0, 0), |(certain, all), step| match step {
        Step::Signal { wait_ms, .. } => (certain + u64::from(*wait_ms), all + u64::from(*wait_ms)),
        Step::StopUnit { wait_ms } | Step::Hook { wait_ms, .. } => (certain, all + u64::from(*wait_ms)),
    })
}
