//! The machine as each stage sees it: what senses it, what acts on it, and policies that may say anything.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::rc::Rc;

use jettison_act::{Actuator, Ended, Helpers, HookCommand, Kernel, Ledger, Task, TaskId};
use jettison_decide::Settings;
use jettison_model::{Ballot, Entry, Fault, Memcgs, Needs, ProcessId, Snapshot, Stance, Step, Target, Vote};
use jettison_sense::survey::Holder;
use jettison_sense::{Left, Memory, Now, Sense};
use jettison_tick::{Consult, Consulted, Live, Ticker};
use rustix::io::Errno;

use super::machine::{LIMIT_BYTES, MEMCG, Machine, OWN_PID, TOTAL_BYTES};

/// One machine, seen from three sides.
#[derive(Clone)]
pub(super) struct Side(pub(super) Rc<RefCell<Machine>>);

impl Side {
    /// A machine on which nothing fails by chance.
    pub(super) fn faultless(fill: impl FnOnce(&mut Machine)) -> Self {
        let mut machine = Machine::new(1);
        machine.is_faulty = false;
        fill(&mut machine);
        Self(Rc::new(RefCell::new(machine)))
    }

    /// The tick of production on it. Without a state directory it is a dry run.
    pub(super) fn ticker<P: Consult>(
        &self,
        policies: P,
        live: Live,
        state: Option<&Path>,
    ) -> Ticker<Self, P, Self> {
        let recovered = state.map(|state| Ledger::recover(state, &mut self.clone()).ledger);
        let (is_dry, ledger) = (state.is_none(), recovered.unwrap_or_else(Ledger::in_memory));
        let actuator = Actuator::new(self.clone(), OWN_PID, is_dry);
        Ticker::new(self.clone(), policies, ledger, actuator, Box::new(self.clone()), live, is_dry)
    }
}

/// The default configuration.
pub(super) fn plain() -> Live {
    Live { settings: Settings { own_pid: OWN_PID, ..Settings::default() }, ..Live::default() }
}

impl Sense for Side {
    fn sense(&mut self, _: Needs, _: Now, into: &mut Snapshot) {
        self.0.borrow_mut().sense(into);
    }

    fn glance(&mut self, needs: Needs, now: Now, into: &mut Snapshot) -> bool {
        self.sense(needs, now, into);
        self.0.borrow().is_still
    }

    fn focus(&mut self, needs: Needs, now: Now, _: &[ProcessId], into: &mut Snapshot) -> bool {
        let unknown = self.0.borrow().written.clone();
        assert!(unknown.is_empty(), "rows that are kept unread would be out of date: {unknown:?}");
        self.sense(needs, now, into);
        true
    }

    fn blame(&mut self, _: u64, _: &mut Snapshot) {}

    fn probe(&mut self) -> Option<Memory> {
        let available_bytes = self.0.borrow().available_bytes();
        Some(Memory { total_bytes: TOTAL_BYTES, available_bytes, swap_total_bytes: 0, swap_free_bytes: 0 })
    }

    fn holders(&self) -> Vec<Holder> {
        Vec::new()
    }

    fn watch_limits(&mut self, _: &Memcgs, _: impl Fn(&[u8]) -> bool) {}

    fn nearest_limit(&mut self, _: impl Fn(Left) -> bool) -> Option<Left> {
        Some(Left { limit_bytes: LIMIT_BYTES, left_bytes: self.0.borrow().left_bytes() })
    }

    fn has_newcomer(&mut self, _: &dyn Fn(&[u8]) -> bool) -> bool {
        self.0.borrow_mut().dice.below(4) == 0
    }

    fn note_adj(&mut self, id: ProcessId, adj: i16, _: &mut Snapshot) {
        let written = self.0.borrow_mut().written.remove(&id);
        assert!(written.is_none_or(|written| written == adj), "{id:?} has {written:?} and not {adj}");
    }

    fn scope_exists(&self) -> bool {
        true
    }
}

impl Kernel for Side {
    type Handle = ProcessId;

    fn boot_id(&mut self) -> String {
        "simulated".into()
    }

    fn open(&mut self, id: ProcessId) -> Result<ProcessId, Errno> {
        self.0.borrow_mut().open(id)
    }

    fn signal(&mut self, &id: &ProcessId, number: u8) -> Result<(), Errno> {
        self.0.borrow_mut().signal(id, number)
    }

    fn reap(&mut self, &id: &ProcessId) -> Result<(), Errno> {
        self.0.borrow_mut().reap(id)
    }

    fn can_kill_memcg(&self, memcg: &[u8]) -> bool {
        memcg == MEMCG && self.0.borrow().is_v2
    }

    fn kill_memcg(&mut self, _: &[u8]) -> Result<(), Errno> {
        self.0.borrow_mut().kill_memcg();
        Ok(())
    }

    fn is_gone(&mut self, &id: &ProcessId) -> bool {
        self.0.borrow_mut().is_gone(id)
    }

    fn pidfd<'a>(&self, _: &'a ProcessId) -> Option<BorrowedFd<'a>> {
        None
    }

    fn oom_score_adj(&mut self, &handle: &ProcessId, _: ProcessId) -> Result<i16, Errno> {
        self.0.borrow_mut().adj(handle)
    }

    fn set_oom_score_adj(&mut self, &handle: &ProcessId, _: ProcessId, value: i16) -> Result<(), Errno> {
        self.0.borrow_mut().set_adj(handle, value)
    }
}

impl Helpers for Side {
    fn set_hooks(&mut self, _: BTreeMap<String, HookCommand>) {}

    fn wake_up(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn start(&mut self, id: TaskId, task: Task) {
        self.0.borrow_mut().help(id, &task);
    }

    fn take_ended(&mut self) -> Vec<Ended> {
        self.0.borrow_mut().take_ended()
    }
}

/// Two policies: `keeper` protects by name when it answers at all, `wild` says anything that a ballot can
/// hold.
pub(super) struct Scripted(pub(super) Side);

impl Consult for Scripted {
    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn consult(&mut self, snapshot: &Snapshot) -> (Vec<Vote>, Vec<Consulted>) {
        let mut machine = self.0.0.borrow_mut();
        let keeper = fault(&mut machine).map_or_else(|| Ok(keeper(&mut machine, snapshot)), Err);
        let wild = fault(&mut machine).map_or_else(|| Ok(wild(&mut machine, snapshot)), Err);
        let vote = |policy: &str, answer| Vote { policy: policy.into(), weight: 1, shadow: false, answer };
        (vec![vote("keeper", keeper), vote("wild", wild)], vec![Consulted::default(); 2])
    }

    fn would_differ(&mut self, _: usize) {}
}

fn fault(machine: &mut Machine) -> Option<Fault> {
    let is_faulty = machine.is_faulty && machine.dice.one_in(6);
    let faults = [
        Fault::Trap { detail: "unreachable".into() },
        Fault::OutOfFuel { budget: 1 },
        Fault::BadBallot { entry: 0, problem: "row 4000000000".into() },
        Fault::Missing { error: "ENOENT".into() },
    ];
    let at = machine.dice.index(faults.len());
    faults.into_iter().nth(at).filter(|_| is_faulty)
}

fn keeper(machine: &mut Machine, snapshot: &Snapshot) -> Ballot {
    let mut entries = Vec::new();
    for (row, number) in (0..snapshot.processes.len()).zip(0_u32..) {
        let strength = match snapshot.processes.comms.get(row) {
            b"never" => 1000,
            b"db" => 500,
            _ => continue,
        };
        entries.push(entry(Target::Process(number), Stance::Protect(strength), Some(-300)));
        let Some(id) = snapshot.processes.id(row).filter(|_| strength == 1000) else { continue };
        let is_named = machine.named.contains(&id);
        if let Some(process) = machine.processes.get_mut(&id.pid).filter(|process| process.id == id) {
            process.is_kept |= !is_named;
        }
    }
    Ballot { entries }
}

/// Urgent about any process, init and the daemon included.
fn wild(machine: &mut Machine, snapshot: &Snapshot) -> Ballot {
    let mut entries: Vec<Entry> = Vec::new();
    for _ in 0..machine.dice.below(6) {
        let row = u32::try_from(machine.dice.index(snapshot.processes.len())).unwrap_or(0);
        let target = match machine.dice.below(4) {
            0 => Target::Tree(row),
            1 => Target::Memcg(row % 2),
            _ => Target::Process(row),
        };
        if entries.iter().any(|other| other.target == target) {
            continue;
        }
        let urgency = 1 + u16::try_from(machine.dice.below(1000)).unwrap_or(0);
        let asked = [None, Some(333), Some(666), Some(-111)][machine.dice.index(4)];
        let mut entry = entry(target, Stance::Sacrifice(urgency), asked);
        for _ in 0..machine.dice.below(3) {
            let wait_ms = u32::try_from(machine.dice.below(4_000)).unwrap_or(0);
            entry.shutdown.push(match machine.dice.below(4) {
                0 => Step::StopUnit { wait_ms },
                1 => Step::Hook { name: "drain".into(), wait_ms },
                _ => Step::Signal { number: [2, 15][machine.dice.index(2)], wait_ms },
            });
        }
        entries.push(entry);
    }
    Ballot { entries }
}

fn entry(target: Target, stance: Stance, oom_score_adj: Option<i16>) -> Entry {
    Entry { target, stance, oom_score_adj, shutdown: Vec::new(), reason: String::new() }
}
