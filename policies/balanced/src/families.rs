//! What a process and its descendants come to, for every process in one pass.

use jettison_sdk::{PerProcess, Process};

use crate::field::{Field, Standing};

/// What is below a process, itself included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Family {
    /// Anonymous memory and swap of the open ones.
    pub(crate) bytes: u64,
    /// How many of them are young.
    pub(crate) young: usize,
    /// Somebody in it is not ours to judge, or is to be kept.
    pub(crate) is_closed: bool,
    /// The largest and the second largest shared memory that one of them maps.
    shmem: [u64; 2],
}

impl Family {
    fn of(p: Process<'_>, field: &Field<'_>) -> Self {
        let standing = field.standings[p];
        let is_open = standing == Standing::Open;
        Self {
            bytes: if is_open { p.anon_and_swap_bytes() } else { 0 },
            young: usize::from(is_open && field.config.is_young(p.age_ms())),
            is_closed: matches!(standing, Standing::Settled | Standing::Avoided | Standing::Closed),
            shmem: [p.rss_shmem_bytes().unwrap_or(0), 0],
        }
    }

    fn add(&mut self, other: &Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.young += other.young;
        self.is_closed |= other.is_closed;
        let [a, b] = self.shmem;
        let [c, d] = other.shmem;
        self.shmem = [a.max(c), a.min(c).max(b).max(d)];
    }

    /// The shared memory of a member that nobody else in the family maps as much of: what its end alone may give back.
    pub(crate) fn shmem_of_its_own(&self, p: Process<'_>) -> u64 {
        let own = p.rss_shmem_bytes().unwrap_or(0);
        let others = if own == self.shmem[0] { self.shmem[1] } else { self.shmem[0] };
        own.saturating_sub(others)
    }
}

pub(crate) type Families = PerProcess<Family>;

pub(crate) fn families(field: &Field<'_>) -> Families {
    field.snapshot.subtree_fold(|p| Family::of(p, field), Family::add)
}
