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
    /// Children that they have started over the last 10 s, times 100, if the host counts them.
    pub(crate) births_per_1000s: Option<u32>,
    /// A process in it has grown since memory was at ease, as far as the host knows.
    pub(crate) has_taken: bool,
    /// A process in it is kept, or not for this policy to judge.
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
            births_per_1000s: p.births_per_1000s(),
            has_taken: field.taken_bytes[p] > 0,
            is_closed: matches!(standing, Standing::Kept | Standing::Closed),
            shmem: [p.rss_shmem_bytes().unwrap_or(0), 0],
        }
    }

    fn add(&mut self, other: &Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.young += other.young;
        self.births_per_1000s = match (self.births_per_1000s, other.births_per_1000s) {
            (Some(own), Some(other)) => Some(own.saturating_add(other)),
            (own, other) => own.or(other),
        };
        self.has_taken |= other.has_taken;
        self.is_closed |= other.is_closed;
        let [a, b] = self.shmem;
        let [c, d] = other.shmem;
        self.shmem = [a.max(c), a.min(c).max(b).max(d)];
    }

    /// The shared memory of a member that none of the others maps as much of: what its end alone may give
    /// back.
    fn shmem_of_its_own(&self, p: Process<'_>) -> u64 {
        let own = p.rss_shmem_bytes().unwrap_or(0);
        let others = if own == self.shmem[0] { self.shmem[1] } else { self.shmem[0] };
        own.saturating_sub(others)
    }
}

/// The families of all processes.
pub(crate) struct Families(PerProcess<Family>);

impl Families {
    pub(crate) fn of(field: &Field<'_>) -> Self {
        Self(field.snapshot.subtree_fold(|p| Family::of(p, field), Family::add))
    }

    /// Takes in what is kept by now: no family with such a process in it is taken as one.
    pub(crate) fn close(&mut self, field: &Field<'_>) {
        let is_kept = |p: Process<'_>| field.standings[p] == Standing::Kept;
        if !field.snapshot.processes().any(is_kept) {
            return;
        }
        let closed = field.snapshot.subtree_fold(is_kept, |above, below| *above |= *below);
        for p in field.snapshot.processes().filter(|&p| closed[p]) {
            self.0[p].is_closed = true;
        }
    }

    /// The shared memory of a process that no relative maps as well: a database's buffers do not come back
    /// with one of its backends.
    pub(crate) fn shmem_of_its_own(&self, p: Process<'_>, field: &Field<'_>) -> u64 {
        match p.rss_shmem_bytes() {
            None | Some(0) => 0,
            Some(_) => {
                let parent = p.parent().filter(|&parent| field.standings[parent] != Standing::Closed);
                self.0[parent.unwrap_or(p)].shmem_of_its_own(p)
            }
        }
    }
}

impl std::ops::Index<Process<'_>> for Families {
    type Output = Family;

    fn index(&self, process: Process<'_>) -> &Family {
        &self.0[process]
    }
}
