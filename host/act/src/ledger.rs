//! What we hold, and what was there before.
//!
//! ```text
//!   sensed value ──originals──▶ the value before us ──(tally, plan)──▶ Hold ──reconcile──▶ oom_score_adj
//! ```
//!
//! Only differences are written. A value that is not ours any more, because another program wrote one since,
//! becomes the original. A child inherits the value of its parent (fork(2)), hence a value of ours; its
//! original is that of its parent.

use std::collections::BTreeMap;
use std::path::Path;

use jettison_model::column::{UNKNOWN_S16, row, set};
use jettison_model::{Hold, Outcome, ProcessId, Snapshot};
use rustix::io::Errno;

use crate::actuator::Actuator;
use crate::journal::{Journal, JournalError, Line};
use crate::kernel::{Kernel, outcome};

/// A process may have inherited a value that was written up to this long after its start: start times come in
/// steps of 10 ms, and a scan takes time.
const INHERITED_WITHIN_MS: u64 = 1_000;
/// Generations that may fork between two scans with their pids in falling order.
const GENERATIONS_MAX: usize = 8;

/// What came of holding a value, or of putting one back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldReport {
    /// The process.
    pub id: ProcessId,
    /// The value that it should have.
    pub wanted: i16,
    /// What came of it.
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    original: i16,
    /// What the kernel holds because of us.
    value: i16,
    /// What we asked for; something else than `value` if the kernel refused.
    wanted: i16,
    since_ms: u64,
    /// Not found by the last scan, which does not mean that it is gone.
    is_missing: bool,
}

/// What a daemon before us left behind.
#[derive(Debug)]
pub struct Recovered {
    /// To go on with.
    pub ledger: Ledger,
    /// What was put back.
    pub restored: Vec<HoldReport>,
    /// Why its journal could not be read. Nothing could be put back then.
    pub problem: Option<JournalError>,
}

/// The values that we hold.
#[derive(Debug, Default)]
pub struct Ledger {
    held: BTreeMap<ProcessId, Held>,
    /// Values that we, or a daemon before us, have put back or replaced since the last scan. A process that
    /// was forked before that may have inherited one, and no scan has seen it yet.
    former: BTreeMap<ProcessId, Held>,
    journal: Option<Journal>,
    /// The journal names a process whose value is not ours any more.
    is_journal_stale: bool,
    now_ms: u64,
    /// What the kernel was found to hold, or was given, when values were last reconciled.
    seen: Vec<(ProcessId, i16)>,
}

impl Ledger {
    /// One without a journal, for a dry run: nothing is written, so nothing has to be put back.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// Puts back what a daemon before us left behind in this state directory, and keeps the journal there
    /// from now on.
    pub fn recover<K: Kernel>(state_dir: &Path, kernel: &mut K) -> Recovered {
        let journal = Journal::new(state_dir, kernel.boot_id());
        let (lines, problem) = match journal.load() {
            Ok(lines) => (lines, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let mut ledger = Self { journal: Some(journal), ..Self::default() };
        let mut restored = Vec::new();
        for line in lines {
            let Line { original, value, until_then, since_ms, .. } = line;
            let held = Held { original, value, wanted: value, since_ms, is_missing: false };
            ledger.former.insert(line.id(), held);
            let is_ours = |now| {
                is_between(now, original, value)
                    || until_then.is_some_and(|then| is_between(now, original, then))
            };
            match put_back(kernel, line.id(), original, is_ours) {
                Ok(Back { is_put: true, .. }) => {
                    restored.push(HoldReport { id: line.id(), wanted: original, outcome: Outcome::Done })
                }
                Ok(Back { is_put: false, .. }) | Err(Errno::SRCH | Errno::NOENT) => {}
                Err(errno) => {
                    restored.push(HoldReport {
                        id: line.id(),
                        wanted: original,
                        outcome: outcome(Err(errno)),
                    });
                }
            }
        }
        let problem = problem.or_else(|| ledger.store().err());
        Recovered { ledger, restored, problem }
    }

    /// What is held now, by pid.
    pub fn held(&self) -> impl Iterator<Item = Hold> {
        self.held.iter().map(|(&id, held)| Hold { id, original: held.original, value: held.value })
    }

    /// What the kernel holds of each process whose value was looked at or written when values were last
    /// reconciled, after what a snapshot has of it.
    #[must_use]
    pub fn seen(&self) -> &[(ProcessId, i16)] {
        &self.seen
    }

    /// Puts into the column `oom_score_adjs` what each process had before us.
    pub fn originals(&mut self, snapshot: &mut Snapshot) {
        self.now_ms = snapshot.now_ms;
        if self.held.is_empty() && self.former.is_empty() {
            return;
        }
        self.adopt(snapshot);
        self.former.clear();
        let processes = &mut snapshot.processes;
        let mut theirs = Vec::new();
        for (&id, held) in &mut self.held {
            let now =
                processes.row_of(id).and_then(|row| Some((row, *processes.oom_score_adjs_now.get(row)?)));
            held.is_missing = now.is_none();
            match now {
                Some((row, now)) if now == held.value || now == UNKNOWN_S16 => {
                    set(&mut processes.oom_score_adjs, row, held.original);
                }
                Some(_) => theirs.push(id),
                None => {}
            }
        }
        self.is_journal_stale |= !theirs.is_empty();
        theirs.iter().for_each(|id| _ = self.held.remove(id));
    }

    /// Enters the children that were forked with a value of ours.
    fn adopt(&mut self, snapshot: &Snapshot) {
        let processes = &snapshot.processes;
        for _ in 0..GENERATIONS_MAX {
            let mut adopted = Vec::new();
            for (at, &parent) in processes.parents.iter().enumerate() {
                let Some(parent) = row(parent).and_then(|parent| processes.id(parent)) else { continue };
                let started_ms =
                    processes.ages_ms.get(at).map_or(0, |age| snapshot.now_ms.saturating_sub(*age));
                let is_left = |held: &&Held| {
                    held.value != held.original
                        && processes.oom_score_adjs_now.get(at) == Some(&held.value)
                        && started_ms + INHERITED_WITHIN_MS >= held.since_ms
                };
                let mut of_parent = self.held.get(&parent).into_iter().chain(self.former.get(&parent));
                let id = processes.id(at).filter(|id| !self.held.contains_key(id));
                if let (Some(id), Some(held)) = (id, of_parent.find(is_left)) {
                    adopted.push((id, Held { wanted: held.value, ..*held }));
                }
            }
            if adopted.is_empty() {
                break;
            }
            self.held.extend(adopted);
        }
    }

    /// Holds these values and lets all others go. Reports what was tried; what was refused before is not
    /// tried again.
    ///
    /// New values are written only once their originals are in the journal. If the journal cannot be written,
    /// values are let go but none is taken.
    pub fn reconcile<K: Kernel>(&mut self, holds: &[Hold], actuator: &mut Actuator<K>) -> Vec<HoldReport> {
        self.seen.clear();
        let Some(kernel) = actuator.holding() else { return Vec::new() };
        self.forget_the_dead(kernel);
        if self.is_journal_stale {
            // Else the next daemon would overwrite a value that is not ours. If it fails, the next tick tries
            // again.
            self.is_journal_stale = self.store().is_err();
        }
        let mut reports = self.let_go(holds, kernel);
        let before = self.held.clone();
        let changed: Vec<ProcessId> =
            holds.iter().filter(|hold| self.enter(hold)).map(|hold| hold.id).collect();
        if changed.is_empty() {
            return reports;
        }
        if let Err(error) = self.store() {
            let refused = changed.iter().filter_map(|id| {
                let outcome = Outcome::Failed(error.errno());
                Some(HoldReport { id: *id, wanted: self.held.get(id)?.wanted, outcome })
            });
            reports.extend(refused);
            self.held = before;
            return reports;
        }
        reports.extend(changed.into_iter().filter_map(|id| self.hold(id, kernel)));
        reports
    }

    /// Puts everything back.
    pub fn restore_all<K: Kernel>(&mut self, actuator: &mut Actuator<K>) -> Vec<HoldReport> {
        let Some(kernel) = actuator.holding() else { return Vec::new() };
        let reports = self.let_go(&[], kernel);
        // A line may be left of a process that is gone, or whose value another program has written since.
        if let Err(error) = self.store() {
            self.is_journal_stale = true;
            tracing::warn!(%error, "the journal of held values is out of date");
        }
        reports
    }

    fn forget_the_dead<K: Kernel>(&mut self, kernel: &mut K) {
        self.held.retain(|&id, held| {
            !held.is_missing || !matches!(kernel.open(id), Err(Errno::SRCH | Errno::NOENT))
        });
    }

    /// Puts back the values that are not in `holds` any more.
    fn let_go<K: Kernel>(&mut self, holds: &[Hold], kernel: &mut K) -> Vec<HoldReport> {
        let mut reports = Vec::new();
        let is_wanted = |id: &ProcessId| holds.binary_search_by_key(id, |hold| hold.id).is_ok();
        let free: Vec<(ProcessId, Held)> =
            self.held.iter().filter(|(id, _)| !is_wanted(id)).map(|(&id, &held)| (id, held)).collect();
        if free.is_empty() {
            return reports;
        }
        for (id, held) in free {
            let result = put_back(kernel, id, held.original, |now| now == held.value);
            // What is refused now is refused later, too, so it is only reported.
            self.held.remove(&id);
            self.former.insert(id, held);
            self.seen.extend(result.iter().map(|back| (id, back.now)));
            if !matches!(result, Ok(Back { is_put: false, .. })) {
                let outcome = outcome(result.map(|_| ()));
                reports.push(HoldReport { id, wanted: held.original, outcome });
            }
        }
        // The old one names values that are back already. That is harmless until another program writes one.
        if let Err(error) = self.store() {
            self.is_journal_stale = true;
            tracing::warn!(%error, "the journal of held values is out of date");
        }
        reports
    }

    /// Enters what is asked for. Returns whether that is new.
    fn enter(&mut self, hold: &Hold) -> bool {
        let since_ms = self.now_ms;
        let fresh = Held {
            original: hold.original,
            value: hold.original,
            wanted: hold.original,
            since_ms,
            is_missing: false,
        };
        let held = self.held.entry(hold.id).or_insert(fresh);
        let is_new = held.wanted != hold.value;
        held.wanted = hold.value;
        is_new
    }

    fn hold<K: Kernel>(&mut self, id: ProcessId, kernel: &mut K) -> Option<HoldReport> {
        let held = self.held.get_mut(&id)?;
        let result = kernel
            .open(id)
            .and_then(|process| lowest_permitted(kernel, &process, id, held.value, held.wanted));
        let wanted = held.wanted;
        let outcome = match result {
            Ok(value) => {
                self.former.insert(id, *held);
                (held.value, held.since_ms) = (value, self.now_ms);
                self.seen.push((id, value));
                if value == wanted { Outcome::Done } else { Outcome::Capped(value) }
            }
            Err(errno) => outcome(Err(errno)),
        };
        if outcome == Outcome::Gone {
            self.held.remove(&id);
        }
        Some(HoldReport { id, wanted, outcome })
    }

    fn store(&self) -> Result<(), JournalError> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let line = |(id, held): (&ProcessId, &Held)| Line {
            pid: id.pid,
            start_time: id.start_time,
            original: held.original,
            value: held.wanted,
            until_then: (held.value != held.wanted && held.value != held.original).then_some(held.value),
            since_ms: held.since_ms,
        };
        journal.store(self.held.iter().map(line).collect())
    }
}

/// What the kernel may hold of a value that it was asked for: it, or something on the way to it.
fn is_between(now: i16, original: i16, value: i16) -> bool {
    (original.min(value)..=original.max(value)).contains(&now)
}

/// What became of a value that was to be put back.
struct Back {
    /// It was ours, and the original is written.
    is_put: bool,
    /// What is there by now: the original, or another program's.
    now: i16,
}

/// Writes the original if the value is ours.
fn put_back<K: Kernel>(
    kernel: &mut K,
    id: ProcessId,
    original: i16,
    is_ours: impl Fn(i16) -> bool,
) -> Result<Back, Errno> {
    let process = kernel.open(id)?;
    let now = kernel.oom_score_adj(&process, id)?;
    if now == original || !is_ours(now) {
        return Ok(Back { is_put: false, now });
    }
    kernel.set_oom_score_adj(&process, id, original)?;
    Ok(Back { is_put: true, now: original })
}

/// Writes `wanted`. Where that is below what the kernel permits us, finds the lowest value that it does
/// permit, which no file tells (`oom_score_adj_min` in fs/proc/base.c), and leaves that.
fn lowest_permitted<K: Kernel>(
    kernel: &mut K,
    process: &K::Handle,
    id: ProcessId,
    now: i16,
    wanted: i16,
) -> Result<i16, Errno> {
    match kernel.set_oom_score_adj(process, id, wanted) {
        Ok(()) => return Ok(wanted),
        Err(Errno::ACCESS) if wanted < now => {}
        Err(errno) => return Err(errno),
    }
    // Writing what is there already tells a bound from a process that is not ours to write at all.
    kernel.set_oom_score_adj(process, id, now)?;
    let (mut refused, mut permitted) = (wanted, now);
    while permitted - refused > 1 {
        let middle = refused.midpoint(permitted);
        match kernel.set_oom_score_adj(process, id, middle) {
            Ok(()) => permitted = middle,
            Err(Errno::ACCESS) => refused = middle,
            Err(errno) => return Err(errno),
        }
    }
    Ok(permitted)
}
