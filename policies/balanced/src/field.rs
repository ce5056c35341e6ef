//! Which processes are in question: the open ones may be given up, the kept ones have a price, the closed
//! ones are not for this policy to judge.

use jettison_sdk::{Cause, Memcg, PerProcess, Process, Snapshot};

use crate::config::Config;
use crate::terms;

/// The time that a rate of growth is of, where looks are less than a second apart: the host takes none over
/// less than the shortest.
const RATE_MS: std::ops::Range<u64> = 50..2000;

/// Where a process stands before anything is weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// May be given up.
    Open,
    /// Not to be given up before others; see [`crate::keep`].
    Kept,
    /// Exited already.
    Gone,
    /// Excluded, out of scope or, when a memcg is at its limit, not in it. Its family is not taken as one.
    Closed,
}

/// The processes in question and the memory they share.
pub(crate) struct Field<'s> {
    pub(crate) snapshot: &'s Snapshot,
    pub(crate) config: &'s Config,
    pub(crate) standings: PerProcess<Standing>,
    /// What each open one took since memory was last at ease, as far as the host knows, bytes.
    pub(crate) taken_bytes: PerProcess<u64>,
    /// The memcg that is at its limit, if that is why the policy is consulted.
    memcg: Option<Memcg<'s>>,
    /// The limit of that memcg, else all memory.
    total_bytes: u64,
    host_bytes: u64,
    host_large_bytes: u64,
    /// Whether any memcg is: on most machines none.
    has_avoided: bool,
    eased_ms_ago: Option<u64>,
}

impl<'s> Field<'s> {
    pub(crate) fn of(snapshot: &'s Snapshot, config: &'s Config) -> Self {
        let memcg = match snapshot.cause() {
            Cause::MemcgLimit => snapshot.cause_memcg(),
            _ => None,
        };
        let host_bytes = snapshot.memory_total_bytes().max(1);
        let total_bytes = memcg
            .and_then(|memcg| memcg.max_bytes().bytes())
            .map_or(host_bytes, |limit| limit.clamp(1, host_bytes));
        let standings = snapshot.per_process(|_| Standing::Closed);
        let taken_bytes = snapshot.per_process(|_| 0);
        let has_avoided = snapshot.memcgs().any(|memcg| memcg.is_oomd_avoid());
        let mut field = Self {
            snapshot,
            config,
            standings,
            taken_bytes,
            memcg,
            total_bytes,
            host_bytes,
            host_large_bytes: host_bytes / 100 * config.large_percent,
            has_avoided,
            eased_ms_ago: snapshot.eased_ms_ago(),
        };
        for p in snapshot.processes() {
            field.standings[p] = field.standing(p);
            if field.is_open(p) {
                field.taken_bytes[p] = terms::taken_bytes(p, field.measured_taken_bytes(p));
            }
        }
        field
    }

    fn standing(&self, p: Process<'_>) -> Standing {
        if p.is_zombie() && !p.is_excluded() && !p.is_out_of_scope() {
            Standing::Gone
        } else if p.is_eligible() && self.is_inside(p) {
            Standing::Open
        } else {
            Standing::Closed
        }
    }

    /// systemd's `ManagedOOMPreference=avoid` on its unit. Where a memcg is at its limit, what is said of all
    /// of it tells none of its processes from another.
    pub(crate) fn is_avoided(&self, p: Process<'_>) -> bool {
        if !self.has_avoided {
            return false;
        }
        let is_below = |memcg: &Memcg<'_>| self.memcg.is_none_or(|limited| *memcg != limited);
        let is_avoided =
            |own: Memcg<'_>| own.of_unit().take_while(is_below).any(|memcg| memcg.is_oomd_avoid());
        p.memcg().is_some_and(is_avoided)
    }

    /// Whether it shares the memory that is short.
    pub(crate) fn is_inside(&self, p: Process<'_>) -> bool {
        self.memcg.is_none_or(|memcg| p.is_in(&memcg))
    }

    /// Whether this policy may name it at all. What is outside a memcg at its limit may still be kept.
    pub(crate) fn is_in_question(&self, p: Process<'_>) -> bool {
        p.is_eligible() && !p.is_zombie()
    }

    pub(crate) fn is_open(&self, p: Process<'_>) -> bool {
        self.standings[p] == Standing::Open
    }

    /// Whether what the host as a whole lacks is the question.
    pub(crate) fn is_host(&self) -> bool {
        self.memcg.is_none()
    }

    /// The memcg that is at its limit, if that is why the policy is consulted.
    pub(crate) fn memcg(&self) -> Option<Memcg<'s>> {
        self.memcg
    }

    /// What the host measured that a process took, if that tells anything: while the host is at ease, and
    /// only a memcg is at its limit, no process has taken any.
    pub(crate) fn measured_taken_bytes(&self, p: Process<'_>) -> Option<i64> {
        p.taken_bytes().filter(|_| self.eased_ms_ago != Some(0))
    }

    /// How fast it grows. Where memory was at ease within the time that the rate is of, only what it took
    /// since then tells how it grows now: a service that has just read all it needs stands still.
    pub(crate) fn growth_bytes_per_s(&self, p: Process<'_>) -> i64 {
        let growth = terms::growth_bytes_per_s(p);
        let eased_ms_ago = self.eased_ms_ago.filter(|ms| RATE_MS.contains(ms));
        match eased_ms_ago.zip(self.measured_taken_bytes(p)) {
            Some((ms, taken)) => growth.min(taken.saturating_mul(1000) / ms.cast_signed()),
            None => growth,
        }
    }

    /// All the memory that it can take a share of.
    pub(crate) fn memory_bytes(&self, p: Process<'_>) -> u64 {
        if self.is_inside(p) { self.total_bytes } else { self.host_bytes }
    }

    /// What a large process holds of it at least.
    pub(crate) fn large_bytes(&self, p: Process<'_>) -> u64 {
        match self.memcg {
            None => self.host_large_bytes,
            Some(_) => self.memory_bytes(p) / 100 * self.config.large_percent,
        }
    }

    /// Its share of that memory, in thousandths: what the kernel's badness makes of its size, and what an
    /// `oom_score_adj` of that number adds or takes away (`oom_badness` in mm/oom_kill.c).
    pub(crate) fn share_permille(&self, p: Process<'_>) -> i16 {
        let permille = p.footprint_bytes().saturating_mul(1000) / self.memory_bytes(p);
        i16::try_from(permille.min(1000)).unwrap_or(1000)
    }
}
