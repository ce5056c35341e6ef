//! The invariants, checked against what the machine saw, not against what the tick believes.

use std::collections::BTreeMap;

use jettison_decide::{InFlight, Settings};
use jettison_model::signal::{SIGKILL, SIGSTOP};
use jettison_model::{Cause, ProcessId, Step, Unit};
use jettison_tick::{Past, Underway};

use super::machine::{LIMIT_BYTES, Machine, TOTAL_BYTES};
use super::process::{Process, What};
use super::{Simulated, Totals};

/// SIGKILL is repeated this often, so processes that joined late have had it by then.
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
    /// When the root became a member again, having left the victim for a while.
    back_at_ms: u64,
}

type Key = (ProcessId, u64);

/// What is remembered from tick to tick to judge the next one.
pub(super) struct Checks {
    pub(super) totals: Totals,
    settings: Settings,
    is_dry: bool,
    named: BTreeMap<Key, Named>,
    /// When victims were named since the daemon started.
    named_at_ms: Vec<u64>,
    on_its_way_bytes: u64,
}

impl Checks {
    pub(super) fn new(settings: &Settings, is_dry: bool) -> Self {
        let settings = settings.clone();
        let (named, named_at_ms) = (BTreeMap::new(), Vec::new());
        Self { totals: Totals::default(), settings, is_dry, named, named_at_ms, on_its_way_bytes: 0 }
    }

    pub(super) fn reloaded(&mut self, settings: &Settings) {
        self.settings = settings.clone();
    }

    /// What the victims under way will still give back, as the tick begins.
    pub(super) fn before(&mut self, ticker: &Simulated) {
        let is_counted = |victim: &InFlight| !victim.is_overdue && !victim.comes_late;
        let counted = ticker.underway().iter().map(Underway::in_flight).filter(is_counted);
        self.on_its_way_bytes = counted.map(|victim| victim.predicted_relief_bytes).sum();
    }

    pub(super) fn after(&mut self, ticker: &Simulated, machine: &mut Machine, is_disk_full: bool) {
        self.totals.ticks += 1;
        let is_critical = machine.sensed_available_bytes * 100 <= TOTAL_BYTES * 3
            || machine.sensed_left_bytes * 100 <= LIMIT_BYTES * 3;
        self.one_when_one_is_enough(ticker, machine);
        self.enter(ticker, machine);
        if is_critical {
            for named in self.named.values_mut() {
                named.kill_from_ms = named.kill_from_ms.min(machine.now_ms + named.critical_grace_ms);
            }
        }
        self.calls_are_lawful(machine);
        self.deadlines_are_kept(ticker, machine);
        if !is_disk_full && !machine.is_disturbed {
            self.held_as_planned(ticker, machine);
        }
        if !is_disk_full {
            machine.processes.values_mut().for_each(|process| process.is_rewritten = false);
        }
        Self::no_stopped_process_is_forgotten(ticker, machine);
        machine.named =
            ticker.underway().iter().flat_map(|victim| victim.members().iter().copied()).collect();
        self.named.retain(|&key, _| ticker.underway().iter().any(|victim| victim.key() == key));
    }

    /// New victims: predicted relief bounds them, and so do cool-down and the number for a minute.
    fn one_when_one_is_enough(&mut self, ticker: &Simulated, machine: &Machine) {
        let Some(last) = ticker.last() else { return };
        let new: Vec<u64> = ticker
            .underway()
            .iter()
            .filter(|victim| !self.named.contains_key(&victim.key()))
            .map(|victim| victim.in_flight().predicted_relief_bytes)
            .collect();
        let request = ticker.pipeline().snapshot().request;
        if new.is_empty() {
            return;
        }
        assert!(request.cause.is_armed() && !last.ranking.order.is_empty(), "victims for {request:?}");
        self.totals.victims += new.len() as u64;
        let now_ms = machine.now_ms;
        if request.cause != Cause::MemcgLimit {
            let warn = TOTAL_BYTES * 15 / 100;
            let deficit = warn.saturating_sub(machine.sensed_available_bytes).max(1);
            // Relief that did not come is trusted less, down to a sixteenth.
            let trusted =
                |bytes: &u64| if has_distrust(ticker, machine.now_ms) { bytes >> 4 } else { *bytes };
            let without_last = self.on_its_way_bytes + new[..new.len() - 1].iter().map(trusted).sum::<u64>();
            assert!(without_last < deficit, "{without_last} bytes of {deficit} would have been enough");
        }
        let is_critical = match request.cause {
            Cause::MemcgLimit => machine.sensed_left_bytes * 100 <= LIMIT_BYTES * 3,
            _ => request.cause == Cause::Critical,
        };
        // One that had no signal counts for neither.
        let is_refused = |at: u64| ticker.history().any(|past| past.is_refused && past.at_ms == at);
        self.named_at_ms.retain(|&at| !is_refused(at));
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

    /// Takes in new victims, and processes that have joined one. Only children of members and processes of
    /// the memcg may.
    fn enter(&mut self, ticker: &Simulated, machine: &Machine) {
        let now_ms = machine.now_ms;
        for victim in ticker.underway() {
            self.named.entry(victim.key()).or_insert_with(|| {
                let (certain, at_most) = waits_ms(victim.steps());
                let [max_ms, grace_ms] = [self.settings.grace_max_ms, self.settings.grace_ms].map(u64::from);
                Named {
                    members: victim.members().to_vec(),
                    kill_from_ms: now_ms + certain.min(max_ms),
                    kill_by_ms: now_ms + (at_most + grace_ms).min(max_ms),
                    stopped_at_ms: None,
                    critical_grace_ms: u64::from(self.settings.critical_grace_ms),
                    back_at_ms: now_ms,
                }
            });
        }
        for victim in ticker.underway() {
            let Some(named) = self.named.get_mut(&victim.key()) else { continue };
            for joined in victim.members().iter().filter(|member| !named.members.contains(member)) {
                let process = machine.processes.get(&joined.pid).filter(|process| process.id == *joined);
                let forked_by = process.and_then(|process| process.forked_by);
                let is_one = match &victim.victim().unit {
                    Unit::Process => false,
                    Unit::Tree => forked_by
                        .is_none_or(|id| victim.members().contains(&id) || named.members.contains(&id)),
                    Unit::Memcg(path) => path == b"/" || process.is_none_or(|process| process.memcg == 1),
                };
                assert!(is_one, "{joined:?} is no member of {:?}", victim.key());
                if *joined == victim.key().0 {
                    named.back_at_ms = now_ms;
                }
            }
            victim.members().clone_into(&mut named.members);
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
            assert!(!machine.wronged.contains(&call.id), "signalled against an exclusion: {call:?}");
            let spared = of.filter(|process| process.is_kept && !machine.named.contains(&call.id));
            assert!(spared.is_none(), "a policy says never: {call:?}");
            let of_victim = self.named.values_mut().filter(|named| named.members.contains(&call.id));
            let mut from_ms = None;
            for named in of_victim {
                if signal == SIGSTOP {
                    named.stopped_at_ms.get_or_insert(machine.now_ms);
                }
                let is_refused = named.members.iter().any(|member| machine.refused.contains(member));
                let kill_from_ms = if is_refused { 0 } else { named.kill_from_ms };
                from_ms = Some(from_ms.map_or(kill_from_ms, |from: u64| from.min(kill_from_ms)));
            }
            if signal == SIGKILL || signal == SIGSTOP {
                self.totals.kills += u64::from(signal == SIGKILL);
                assert!(from_ms.is_some_and(|from| machine.now_ms >= from), "{call:?} before {from_ms:?}");
            }
        }
    }

    /// Every victim has had SIGKILL when its time is over, whatever else happens.
    fn deadlines_are_kept(&self, ticker: &Simulated, machine: &Machine) {
        for victim in ticker.underway().iter().filter(|_| !self.is_dry) {
            let Some(named) = self.named.get(&victim.key()) else { continue };
            let by_ms = named.stopped_at_ms.unwrap_or(0).max(named.kill_by_ms).max(named.back_at_ms);
            if machine.now_ms < by_ms + KILL_AGAIN_MS {
                continue;
            }
            let root = victim.key().0;
            let lives = machine
                .processes
                .get(&root.pid)
                .is_some_and(|process| process.id == root && !process.is_zombie);
            let may = lives && victim.members().contains(&root);
            assert!(!may || machine.killed.contains(&root), "{root:?} outlives its deadline");
        }
    }

    /// A stopped process is about to be killed.
    fn no_stopped_process_is_forgotten(ticker: &Simulated, machine: &Machine) {
        let is_left = |process: &&Process| process.is_stopped && !process.is_killed && !process.is_zombie;
        for process in machine.processes.values().filter(is_left) {
            let is_known = ticker.underway().iter().any(|victim| victim.members().contains(&process.id));
            assert!(is_known, "stopped, and no victim: {:?}", process.id);
        }
    }

    fn held_as_planned(&self, ticker: &Simulated, machine: &Machine) {
        let Some(last) = ticker.last().filter(|_| !self.is_dry) else { return };
        for process in machine.processes.values().filter(|&process| is_known(process)) {
            let hold = last.plan.holds.iter().find(|hold| hold.id == process.id);
            let wanted = hold.map_or(process.original, |hold| hold.value);
            assert_eq!(process.adj, wanted, "{:?} ({})", process.id, process.original);
        }
    }

    /// After a crash: what the last daemon wrote is put back; children that inherited are found by the first
    /// tick.
    pub(super) fn restarted(&mut self, machine: &mut Machine) {
        self.totals.crashes += 1;
        for process in machine.processes.values_mut() {
            process.is_kept = false;
            // The new daemon does not know that the old one stopped it.
            process.is_stopped = false;
            if is_known(process) && process.is_written && !process.is_rewritten {
                assert_eq!(process.adj, process.original, "not put back after a crash: {:?}", process.id);
            }
            // Only a scan that sees its parent, and knows what was held on it, could tell.
            process.is_excused |= process.adj != process.original;
        }
        machine.named.clear();
        self.named.clear();
        self.named_at_ms.clear();
    }

    /// Liveness: the pressure is over, and so is every victim.
    pub(super) fn recovered(&self, ticker: &Simulated, machine: &Machine) {
        if self.is_dry {
            return;
        }
        let left: Vec<Key> = ticker.underway().iter().map(Underway::key).collect();
        assert!(left.is_empty(), "still underway: {left:?}");
        let available = machine.available_bytes();
        assert!(available > TOTAL_BYTES * 8 / 100, "only {available} bytes after the last fault");
        assert!(machine.left_bytes() > LIMIT_BYTES * 8 / 100, "the memcg stays full");
        self.held_as_planned(ticker, machine);
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

/// Whether a victim of the last ten minutes gave back less than half of what was predicted.
fn has_distrust(ticker: &Simulated, now_ms: u64) -> bool {
    let has_failed = |past: &Past| {
        let is_recent = past.at_ms + past.took_ms + 600_000 > now_ms;
        is_recent && past.measured_relief_bytes < past.predicted_relief_bytes / 2
    };
    ticker.history().any(has_failed)
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
