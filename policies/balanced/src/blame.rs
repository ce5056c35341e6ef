//! Who took it: what each process took since memory was last at ease, and how much all of them did.

use jettison_sdk::{Memcg, PerMemcg, PerProcess, Process};

use crate::families::Families;
use crate::field::{Field, Standing};
use crate::terms::{Terms, WARMING_MS, leaked_bytes};
use crate::units::{Units, Usual};

/// A process of an open unit is to blame if it has at least this part of all blame.
const GUILTY: u64 = 8;
/// One that is kept for what depends on it must have at least this part.
const GUILTY_ALTHOUGH_KEPT: u64 = 4;
/// A process is under suspicion if it has at least this part of what the one with most blame has: many that
/// leak alike have less than an eighth each.
const SUSPECT: u64 = 8;
/// The head of a unit is to blame itself if it has at least this part of what its unit has, and of what the
/// one with most blame has.
const HEAD_ITSELF: u64 = 2;
/// No process took the memory if this part of what available memory has lost is in none.
const IN_NO_PROCESS: u64 = 2;
/// There is blame at all if it explains at least this part of what is missing below the warn level.
const EXPLAINS: u64 = 16;

/// What each process is to blame for.
pub(crate) struct Blame {
    /// By process, on its own.
    pub(crate) terms: PerProcess<Terms>,
    /// What all of a unit is to blame for, by its topmost memcg.
    of_units: PerMemcg<u64>,
    /// An eighth and a quarter of what all processes in question are to blame for together, and of what none
    /// is: the least for which one is given up.
    least: u64,
    least_although_kept: u64,
    /// What the one with most is to blame for.
    most: u64,
    /// Of the memory that is missing.
    pub(crate) taken_bytes: u64,
    /// Whether it explains what is missing.
    pub(crate) is_known: bool,
    /// No process that is in question explains most of what is missing.
    pub(crate) is_by_no_process: bool,
    /// If so: no process at all has most of it, not those either that are guarded or warm up.
    pub(crate) is_in_no_process: bool,
}

impl Blame {
    pub(crate) fn of<'s>(field: &Field<'s>, units: &Units<'s>, families: &Families) -> Self {
        let blame = Self::by(&field.taken_bytes, field, units, families);
        if blame.is_known || blame.is_by_no_process {
            return blame;
        }
        // Little was taken since memory was at ease: then what has leaked since it started is to blame.
        let leaked = field.snapshot.per_process(|p| if field.is_open(p) { leaked_bytes(p) } else { 0 });
        if field.snapshot.processes().all(|p| leaked[p] <= field.taken_bytes[p]) {
            return blame;
        }
        let taken = field.snapshot.per_process(|p| field.taken_bytes[p].max(leaked[p]));
        Self::by(&taken, field, units, families)
    }

    /// Where each process took so much.
    fn by<'s>(taken: &PerProcess<u64>, field: &Field<'s>, units: &Units<'s>, families: &Families) -> Self {
        let snapshot = field.snapshot;
        let is_open = |p: Process<'s>| field.standings[p] == Standing::Open;
        let usual = Usual::of(snapshot, units, taken);
        let terms = snapshot.per_process(|p| match is_open(p) {
            true => {
                let shmem = families.shmem_of_its_own(p, field);
                let warms_up = p.age_ms() < WARMING_MS;
                let unusual = if warms_up { usual.unusual(units.top(p), taken[p]) } else { taken[p] };
                match may_be_to_blame(p, unusual) {
                    true => Terms::of(p, shmem, unusual, field.growth_bytes_per_s(p), field.config),
                    false => Terms::holding(p, shmem),
                }
            }
            false => Terms::default(),
        });
        let (mut total, mut taken_bytes, mut most) = (0_u64, 0_u64, 0_u64);
        let mut of_units = snapshot.per_memcg(|_| 0_u64);
        for p in snapshot.processes().filter(|&p| terms[p].blame > 0) {
            let terms = &terms[p];
            if let Some(top) = units.top(p) {
                of_units[top] = of_units[top].saturating_add(terms.blame);
            }
            total = total.saturating_add(terms.blame);
            taken_bytes = taken_bytes.saturating_add(terms.taken_bytes);
            most = most.max(terms.blame);
        }
        let by_none = match field.memcg() {
            None => snapshot.taken_by_nobody_bytes().unwrap_or(0),
            Some(memcg) => unexplained_bytes(memcg, field),
        };
        Self {
            is_known: total >= (snapshot.deficit_bytes() / EXPLAINS).max(1),
            is_by_no_process: by_none > taken_bytes,
            is_in_no_process: !field.is_host()
                || by_none > snapshot.taken_bytes().unwrap_or(0) / IN_NO_PROCESS,
            terms,
            of_units,
            least: total.saturating_add(by_none) / GUILTY,
            least_although_kept: total.saturating_add(by_none) / GUILTY_ALTHOUGH_KEPT,
            most,
            taken_bytes: taken_bytes.saturating_add(by_none),
        }
    }

    /// The terms of one process, whole. Those of [`Blame::terms`] leave out what only matters where no
    /// process is to blame.
    pub(crate) fn of_one(&self, p: Process<'_>, field: &Field<'_>) -> Terms {
        let known = self.terms[p];
        if self.is_known {
            return known;
        }
        let shmem = known.bytes.saturating_sub(p.anon_and_swap_bytes());
        Terms::of(p, shmem, known.taken_bytes, field.growth_bytes_per_s(p), field.config)
    }

    /// Whether so much blame is enough to be given up.
    pub(crate) fn is_guilty(&self, terms: &Terms) -> bool {
        self.is_known && terms.blame >= self.least
    }

    /// Whether so much is enough to be given up after the guilty. The guilty are under suspicion, too.
    pub(crate) fn is_suspect(&self, terms: &Terms) -> bool {
        self.is_known && terms.blame >= (self.most / SUSPECT).max(1)
    }

    /// Whether the head of a unit took the memory itself, and not what it has started.
    pub(crate) fn is_of_the_head(&self, head: Process<'_>, unit: Memcg<'_>) -> bool {
        let own = self.terms[head].blame;
        self.is_known && own >= (self.of_units[unit].max(self.most) / HEAD_ITSELF).max(1)
    }

    /// Whether so much is enough to be given up although much depends on it. What its `oom_score_adj` takes
    /// off counts, but for a pod's.
    pub(crate) fn is_guilty_although_kept(&self, terms: &Terms) -> bool {
        self.is_known && terms.guilt() >= self.least_although_kept
    }

    /// The terms of several processes together. What they share is counted once, with the one that maps most
    /// of it.
    pub(crate) fn together<'s>(
        &self,
        mut members: impl Iterator<Item = Process<'s>>,
        field: &Field<'s>,
    ) -> Terms {
        let Some(mut most) = members.next() else { return Terms::default() };
        let others = members.fold(Terms::default(), |sum, p| {
            let is_most = p.rss_shmem_bytes() > most.rss_shmem_bytes();
            let other = if is_most { std::mem::replace(&mut most, p) } else { p };
            sum.and(&self.of_one(other, field))
        });
        let shmem = most.rss_shmem_bytes().unwrap_or(0);
        let (taken, growth) = (self.terms[most].taken_bytes, field.growth_bytes_per_s(most));
        others.and(&Terms::of(most, shmem, taken, growth, field.config))
    }
}

/// What a memcg is charged for beyond its page cache and what its processes hold, if that is most of it:
/// files in a tmpfs stay when processes end.
fn unexplained_bytes(memcg: Memcg<'_>, field: &Field<'_>) -> u64 {
    let Some(current) = memcg.current_bytes() else { return 0 };
    let inside = || field.snapshot.processes().filter(|&p| field.is_inside(p));
    let private = inside().map(|p| p.footprint_bytes().saturating_sub(p.rss_shmem_bytes().unwrap_or(0)));
    let shared = inside().filter_map(|p| p.rss_shmem_bytes()).max().unwrap_or(0);
    let cache = memcg.file_bytes().unwrap_or(0).saturating_sub(memcg.shmem_bytes().unwrap_or(0));
    let explained = private.fold(shared.saturating_add(cache), u64::saturating_add);
    Some(current.saturating_sub(explained)).filter(|&bytes| bytes > current / 2).unwrap_or(0)
}

/// Whether it took any memory, or grows. Most processes of a machine do neither.
fn may_be_to_blame(p: Process<'_>, taken_bytes: u64) -> bool {
    let grows = |rate: Option<i64>| rate.is_some_and(|rate| rate > 0);
    taken_bytes > 0 || p.growth_bytes_per_s().is_none_or(|rate| rate > 0) || grows(p.growth_1h_bytes_per_s())
}
