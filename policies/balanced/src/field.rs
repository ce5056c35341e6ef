//! Who is in question: the open ones may be given up, the settled and the avoided ones are to be kept, the closed ones are not
//! ours to judge.

use jettison_sdk::{Cause, Memcg, PerProcess, Process, Snapshot};

use crate::config::Config;

const MIB: i64 = 1 << 20;

/// Where a process stands before anything is weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// May be given up.
    Open,
    /// Old, steady and large: kept.
    Settled,
    /// An administrator wants others to go first: kept, but given up before the settled.
    Avoided,
    /// Exited already; in nobody's way.
    Gone,
    /// Excluded, out of scope or, when a memcg is at its limit, not in it. Its family is not taken as one.
    Closed,
}

/// The processes in question and the memory they share.
pub(crate) struct Field<'s> {
    pub(crate) snapshot: &'s Snapshot,
    pub(crate) config: &'s Config,
    pub(crate) standings: PerProcess<Standing>,
    /// The memcg that is at its limit, if that is why we are asked.
    memcg: Option<Memcg<'s>>,
    /// The limit of that memcg, else all memory.
    total_bytes: u64,
    host_bytes: u64,
    /// Whether any memcg is: on most machines none, and nobody need look.
    has_avoided: bool,
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
        let has_avoided = snapshot.memcgs().any(|memcg| memcg.is_oomd_avoid());
        let mut field = Self { snapshot, config, standings, memcg, total_bytes, host_bytes, has_avoided };
        for p in snapshot.processes() {
            field.standings[p] = field.standing(p);
        }
        field
    }

    fn standing(&self, p: Process<'_>) -> Standing {
        if p.is_zombie() && !p.is_excluded() && !p.is_out_of_scope() {
            Standing::Gone
        } else if !p.is_eligible() {
            Standing::Closed
        } else if self.is_settled(p) {
            Standing::Settled
        } else if self.is_avoided(p) {
            Standing::Avoided
        } else if self.is_inside(p) {
            Standing::Open
        } else {
            Standing::Closed
        }
    }

    /// systemd's `ManagedOOMPreference=avoid` on its unit. Where a memcg is at its limit, what is said of all of it tells none of
    /// its processes from another.
    fn is_avoided(&self, p: Process<'_>) -> bool {
        let is_below = |memcg: &Memcg<'_>| self.memcg.is_none_or(|limited| *memcg != limited);
        self.has_avoided
            && p.memcg()
                .is_some_and(|own| own.of_unit().take_while(is_below).any(|memcg| memcg.is_oomd_avoid()))
    }

    /// Old, steady and large. Whoever raised its own `oom_score_adj` asked not to be kept.
    fn is_settled(&self, p: Process<'_>) -> bool {
        let config = self.config;
        if config.is_young(p.age_ms()) || p.oom_score_adj().is_some_and(|adj| adj > 0) {
            return false;
        }
        let footprint = p.footprint_bytes();
        let steady = i64::try_from(footprint / 1000 * config.steady_permille_per_s).unwrap_or(i64::MAX);
        footprint >= self.memory_bytes(p) / 100 * config.large_percent
            && p.growth_bytes_per_s().is_some_and(|growth| growth <= steady.max(MIB))
    }

    /// Whether it shares the memory that is short.
    pub(crate) fn is_inside(&self, p: Process<'_>) -> bool {
        self.memcg.is_none_or(|memcg| p.is_in(&memcg))
    }

    pub(crate) fn is_open(&self, p: Process<'_>) -> bool {
        self.standings[p] == Standing::Open
    }

    pub(crate) fn settled(&self) -> impl Iterator<Item = Process<'s>> {
        self.standing_as(Standing::Settled)
    }

    pub(crate) fn avoided(&self) -> impl Iterator<Item = Process<'s>> {
        self.standing_as(Standing::Avoided)
    }

    fn standing_as(&self, standing: Standing) -> impl Iterator<Item = Process<'s>> {
        self.snapshot.processes().filter(move |&p| self.standings[p] == standing)
    }

    /// All the memory that it can take a share of.
    fn memory_bytes(&self, p: Process<'_>) -> u64 {
        if self.is_inside(p) { self.total_bytes } else { self.host_bytes }
    }

    /// Its share of that memory, in thousandths: what the kernel's badness makes of its size, and what an
    /// `oom_score_adj` of that number adds or takes away (`oom_badness` in mm/oom_kill.c).
    pub(crate) fn share_permille(&self, p: Process<'_>) -> i16 {
        let permille = p.footprint_bytes().saturating_mul(1000) / self.memory_bytes(p);
        i16::try_from(permille.min(1000)).unwrap_or(1000)
    }
}
