//! What the end of each possible unit would give back, taken bottom-up once for all units.

use alloc::vec;
use alloc::vec::Vec;

use jettison_model::{Processes, Snapshot, Target};

/// What a unit gives back: the sum over its members of anon + swap, plus the largest shmem.
#[derive(Clone, Copy, Default)]
struct Bytes {
    private: u64,
    shmem: u64,
}

impl Bytes {
    fn of(processes: &Processes, row: usize) -> Self {
        Self { private: processes.anon_and_swap_bytes(row), shmem: processes.shmem_bytes(row) }
    }

    fn and(self, other: Self) -> Self {
        Self { private: self.private.saturating_add(other.private), shmem: self.shmem.max(other.shmem) }
    }

    fn total(self) -> u64 {
        self.private.saturating_add(self.shmem)
    }
}

/// Relief of every possible unit, exempt members left out.
pub(crate) struct Relief<'a> {
    processes: &'a Processes,
    of_tree: Vec<Bytes>,
    of_memcg: Vec<Bytes>,
}

impl<'a> Relief<'a> {
    /// `order` has parents before children; `counts` says of which processes the memory would come back.
    pub(crate) fn of(snapshot: &'a Snapshot, order: &[u32], counts: impl Fn(usize) -> bool) -> Self {
        let (processes, memcgs) = (&snapshot.processes, &snapshot.memcgs);
        let mut of_tree: Vec<Bytes> = (0..processes.len())
            .map(|row| if counts(row) { Bytes::of(processes, row) } else { Bytes::default() })
            .collect();
        let mut of_memcg = vec![Bytes::default(); memcgs.len()];
        for (row, &bytes) in of_tree.iter().enumerate() {
            if let Some(slot) = of_memcg.get_mut(processes.memcgs[row] as usize) {
                *slot = slot.and(bytes);
            }
        }
        for &row in order.iter().rev() {
            pass_up(&mut of_tree, row as usize, &processes.parents);
        }
        for row in (0..of_memcg.len()).rev() {
            pass_up(&mut of_memcg, row, &memcgs.parents);
        }
        Self { processes, of_tree, of_memcg }
    }

    pub(crate) fn bytes(&self, unit: Target) -> u64 {
        let of = |column: &[Bytes], row: u32| column.get(row as usize).copied().unwrap_or_default();
        let bytes = match unit {
            Target::Process(row) => Bytes::of(self.processes, row as usize),
            Target::Tree(row) => of(&self.of_tree, row),
            Target::Memcg(row) => of(&self.of_memcg, row),
        };
        bytes.total()
    }
}

fn pass_up(sums: &mut [Bytes], row: usize, parents: &[u32]) {
    let own = sums[row];
    if let Some(parent) = sums.get_mut(parents[row] as usize) {
        *parent = parent.and(own);
    }
}
