//! What a decision remembers for the next one.

use alloc::string::String;
use alloc::vec::Vec;

use jettison_model::column::row as row_of;
use jettison_model::{Cause, Plan, ProcessId, Snapshot, Victim};

/// A victim under way: named, and not gone yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// The processes that go.
    pub members: Vec<ProcessId>,
    /// What its end should give back.
    pub predicted_relief_bytes: u64,
    /// It should be gone by now and is not (a task in D state): its relief is no longer counted on.
    pub is_overdue: bool,
    /// It is protected and shuts down, and memory will be at its end before it is done. What is cheaper may
    /// go meanwhile.
    pub comes_late: bool,
}

/// What one policy last said of one process, as far as it stays in force when the policy faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The process.
    pub id: ProcessId,
    /// Its protection; 0 if the policy gave it up and only its held value stays.
    pub strength: u16,
    /// The value it asked for.
    pub oom_score_adj: Option<i16>,
    /// The root of the service that it was protected with.
    pub service: Option<ProcessId>,
}

/// The protections and held values of a policy's last good ballot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastGood {
    /// The policy's configured name.
    pub policy: String,
    /// By row of the snapshot it was about.
    pub kept: Vec<Kept>,
}

/// A memcg whose victims gave back less than half of what was predicted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distrust {
    /// Its path.
    pub memcg: Vec<u8>,
    /// How often in a row.
    pub failures: u32,
    /// The most that was predicted of any of them. It says nothing of what is far larger.
    pub predicted_bytes: u64,
    /// When it last happened, by the boot clock.
    pub since_ms: u64,
}

/// What the end of a victim gave back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relief {
    /// What was predicted.
    pub predicted_bytes: u64,
    /// By how much more was available once it was gone.
    pub measured_bytes: u64,
    /// What others took meanwhile, at the rate at which available memory fell.
    pub taken_meanwhile_bytes: u64,
}

impl Relief {
    /// Whether what was predicted did not come. `None` where that cannot be told from what others took
    /// meanwhile: of a flock that grows, each one that ends makes room for the rest.
    fn has_failed(self) -> Option<bool> {
        let least = self.predicted_bytes / 2;
        let has_come = self.measured_bytes >= least;
        let may_have_come = self.measured_bytes.saturating_add(self.taken_meanwhile_bytes) >= least;
        (has_come || !may_have_come).then_some(!has_come)
    }
}

/// What a decision remembers for the next one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// When victims were named in the last minute that were no parts of services, by the boot clock.
    pub named_at_ms: Vec<u64>,
    /// When a part of a service was last named.
    pub part_named_at_ms: Option<u64>,
    /// When a victim was last named for want of the host's own memory, or the scope's.
    pub host_named_at_ms: Option<u64>,
    /// Per policy, in the order of the configuration.
    pub last_good: Vec<LastGood>,
    /// Processes that the kernel let us send no signal to.
    pub refused: Vec<ProcessId>,
    /// Parts of services that went through all their steps and are still there.
    pub unanswered: Vec<ProcessId>,
    /// Memcgs whose relief did not come.
    pub distrust: Vec<Distrust>,
    /// Memcgs at their limit for which no victim was named, by path, and when. [`State::HOST`] is the host.
    pub passed_memcgs: Vec<(Vec<u8>, u64)>,
}

/// For so long a victim counts towards `kills_per_minute_max`.
const MINUTE_MS: u64 = 60_000;
/// A memcg is distrusted for so long after its last failure.
const DISTRUST_MS: u64 = 600_000;
/// The most memcgs that are distrusted at a time; the oldest is forgotten first.
const DISTRUST_MAX: usize = 64;
/// A memcg without a victim comes after others for so long.
const PASSED_MS: u64 = 10_000;
/// The most of them that are remembered; the oldest is forgotten first.
const PASSED_MAX: usize = 256;
/// Each failure halves what is trusted, no further than to a sixteenth.
const HALVINGS_MAX: u32 = 4;
/// What is larger by more than this is no longer alike: a session that gave nothing back says nothing of the
/// whole database.
const ALIKE: u64 = 4;

impl State {
    /// The path of no memcg: the host, or the scope, as a domain that had no victim.
    pub const HOST: &'static [u8] = b"";

    /// Enters the victims of a plan that is being carried out, and was made for this cause.
    pub fn note(&mut self, plan: &Plan, cause: Cause, now_ms: u64) {
        let is_part = |victim: &&Victim| victim.service.is_some();
        let parts = plan.victims.iter().filter(is_part).count();
        if parts > 0 {
            self.part_named_at_ms = Some(now_ms);
        }
        self.named_at_ms.extend((parts..plan.victims.len()).map(|_| now_ms));
        if cause != Cause::MemcgLimit && !plan.victims.is_empty() {
            self.host_named_at_ms = Some(now_ms);
        }
    }

    /// When a victim was last named, within a minute.
    #[must_use]
    pub fn last_named_ms(&self) -> Option<u64> {
        self.named_at_ms.last().copied().max(self.part_named_at_ms)
    }

    /// Forgets what was named more than a minute ago, distrust that is older than ten, and memcgs without a
    /// victim after ten seconds.
    pub fn forget_before(&mut self, now_ms: u64) {
        let is_of_late = |at: &u64| now_ms.saturating_sub(*at) < MINUTE_MS;
        self.named_at_ms.retain(is_of_late);
        self.part_named_at_ms = self.part_named_at_ms.filter(is_of_late);
        self.host_named_at_ms = self.host_named_at_ms.filter(is_of_late);
        self.distrust.retain(|memcg| now_ms.saturating_sub(memcg.since_ms) < DISTRUST_MS);
        self.passed_memcgs.retain(|&(_, at)| now_ms.saturating_sub(at) < PASSED_MS);
    }

    /// Remembers that no victim was named for a memcg at its limit: others come first for a while.
    pub fn pass_memcg(&mut self, memcg: &[u8], now_ms: u64) {
        self.passed_memcgs.retain(|(path, _)| path != memcg);
        if self.passed_memcgs.len() == PASSED_MAX {
            self.passed_memcgs.remove(0);
        }
        self.passed_memcgs.push((memcg.to_vec(), now_ms));
    }

    /// Whether no victim was named for this memcg of late.
    #[must_use]
    pub fn has_passed(&self, memcg: &[u8]) -> bool {
        self.passed_memcgs.iter().any(|(path, _)| path == memcg)
    }

    /// Forgets the policies that are no longer configured; their holds go with them.
    pub fn keep_policies(&mut self, is_configured: impl Fn(&str) -> bool) {
        self.last_good.retain(|good| is_configured(&good.policy));
    }

    /// Learns what the end of a victim in a memcg gave back. Relief that does not come lowers what its like
    /// are trusted to give; relief that comes restores it.
    pub fn learn(&mut self, memcg: &[u8], relief: Relief, now_ms: u64) {
        let Some(has_failed) = relief.has_failed() else { return };
        let known = self.distrust.iter().position(|other| other.memcg == memcg);
        match (known, has_failed) {
            (Some(at), true) => {
                let known = &mut self.distrust[at];
                (known.failures, known.since_ms) = (known.failures.saturating_add(1), now_ms);
                known.predicted_bytes = known.predicted_bytes.max(relief.predicted_bytes);
            }
            (Some(at), false) => {
                self.distrust.remove(at);
            }
            (None, true) => {
                if self.distrust.len() == DISTRUST_MAX {
                    self.distrust.remove(0);
                }
                let Relief { predicted_bytes, .. } = relief;
                let memcg = memcg.to_vec();
                self.distrust.push(Distrust { memcg, failures: 1, predicted_bytes, since_ms: now_ms });
            }
            (None, false) => {}
        }
    }

    /// What of a predicted relief is trusted to come.
    pub(crate) fn trusted(&self, snapshot: &Snapshot, row: u32, predicted_bytes: u64) -> u64 {
        if self.distrust.is_empty() {
            return predicted_bytes;
        }
        let memcg = snapshot.processes.memcgs.get(row as usize).copied().and_then(row_of);
        let path = memcg.map_or(&[][..], |memcg| snapshot.memcgs.paths.get(memcg));
        let is_alike = |other: &&Distrust| predicted_bytes / ALIKE <= other.predicted_bytes;
        let known = self.distrust.iter().find(|other| other.memcg == path).filter(is_alike);
        known.map_or(predicted_bytes, |known| predicted_bytes >> known.failures.min(HALVINGS_MAX))
    }

    /// A victim that was named then has had no signal: it counts neither for `cool_down_ms` nor for
    /// `kills_per_minute_max`.
    pub fn withdraw(&mut self, named_at_ms: u64) {
        if let Some(at) = self.named_at_ms.iter().rposition(|&at_ms| at_ms == named_at_ms) {
            self.named_at_ms.remove(at);
        }
        self.host_named_at_ms = self.host_named_at_ms.filter(|&at_ms| at_ms != named_at_ms);
    }

    /// Enters processes that the kernel let us send no signal to: they are excluded from now on.
    pub fn refuse(&mut self, members: &[ProcessId]) {
        enter(&mut self.refused, members);
    }

    /// Enters parts of a service that did not answer: they are no victims again, but for the whole of it.
    pub fn give_up(&mut self, members: &[ProcessId]) {
        enter(&mut self.unanswered, members);
    }

    /// Forgets the refused and unanswered processes that are gone.
    pub fn keep_living(&mut self, snapshot: &Snapshot) {
        let lives = |id: &ProcessId| snapshot.processes.row_of(*id).is_some();
        self.refused.retain(lives);
        self.unanswered.retain(lives);
    }

    /// Whether it went through all its steps before, and is still there.
    pub(crate) fn has_not_answered(&self, id: ProcessId) -> bool {
        self.unanswered.binary_search(&id).is_ok()
    }
}

/// Both lists are searched, so they are kept in order.
fn enter(list: &mut Vec<ProcessId>, members: &[ProcessId]) {
    list.extend(members);
    list.sort_unstable();
    list.dedup();
}
