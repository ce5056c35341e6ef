//! The machine at one moment, as a policy sees it.

use std::cell::OnceCell;
use std::ops::{Index, IndexMut};

use crate::columns::{Details, Host, Memcgs, NONE_U32, Processes, Request, Text};
use crate::memcg::Memcg;
use crate::process::Process;
use crate::tree::{Tree, row_of};

/// Why a policy is consulted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The interval has passed. No process is shut down, but held values count.
    Routine,
    /// Available memory is below `warn`. No process is shut down, but held values count.
    Warning,
    /// Available memory is at or below `act`, or pressure stalled the machine below `warn`.
    Pressure,
    /// Available memory is at or below `critical`.
    Critical,
    /// The memcg [`Snapshot::cause_memcg`] is about to hit its own limit. Victims come only from below it.
    MemcgLimit,
    /// An administrator asked.
    Manual,
    /// One that a later host knows, by its number.
    Other(u32),
}

/// The process table, the memcgs and the memory of the machine at one moment. Immutable.
///
/// Each column is fetched from the host when it is first read and kept for the rest of the consultation. What
/// a policy never reads is not fetched, and does not even become an import of its module.
#[derive(Debug, Default)]
pub struct Snapshot {
    pub(crate) request: Request,
    pub(crate) host: Host,
    pub(crate) processes: Processes,
    pub(crate) memcgs: Memcgs,
    pub(crate) details: Details,
    tree: OnceCell<Tree>,
    typed: OnceCell<Text>,
}

impl Snapshot {
    /// Why the policy is consulted.
    pub fn cause(&self) -> Cause {
        match *self.request.cause() {
            0 => Cause::Routine,
            1 => Cause::Warning,
            2 => Cause::Pressure,
            3 => Cause::Critical,
            4 => Cause::MemcgLimit,
            5 => Cause::Manual,
            other => Cause::Other(other),
        }
    }

    /// For [`Cause::MemcgLimit`] the memcg that is about to hit its own limit.
    pub fn cause_memcg(&self) -> Option<Memcg<'_>> {
        row_of(*self.request.cause_memcg()).map(|row| Memcg { snapshot: self, row })
    }

    /// How many bytes available memory lies below the warn level; 0 if it does not.
    pub fn deficit_bytes(&self) -> u64 {
        *self.request.deficit_bytes()
    }

    /// The memory that the host looks after, bytes: all of it (`MemTotal`, proc_meminfo(5)), or the tightest
    /// limit of the daemon's scope.
    pub fn memory_total_bytes(&self) -> u64 {
        *self.host.memory_total_bytes()
    }

    /// How much of it could still be allocated, bytes (`MemAvailable`, or the least over the scope and its
    /// ancestors).
    pub fn memory_available_bytes(&self) -> u64 {
        *self.host.memory_available_bytes()
    }

    /// Swap, bytes (`SwapTotal`).
    pub fn swap_total_bytes(&self) -> u64 {
        *self.host.swap_total_bytes()
    }

    /// Unused swap, bytes (`SwapFree`).
    pub fn swap_free_bytes(&self) -> u64 {
        *self.host.swap_free_bytes()
    }

    /// PSI `some avg10` of memory in hundredths of a percent (Documentation/accounting/psi.rst), if there is
    /// PSI.
    pub fn memory_pressure_some_avg10(&self) -> Option<u32> {
        some(*self.host.memory_pressure_some_avg10())
    }

    /// PSI `full avg10` of memory in hundredths of a percent, if there is PSI.
    pub fn memory_pressure_full_avg10(&self) -> Option<u32> {
        some(*self.host.memory_pressure_full_avg10())
    }

    /// PSI `some avg10` of block I/O in hundredths of a percent, if there is PSI. Of the host, also where the
    /// daemon looks after a part of it; so are the next two.
    pub fn io_pressure_some_avg10(&self) -> Option<u32> {
        some(*self.host.io_pressure_some_avg10())
    }

    /// PSI `full avg10` of block I/O in hundredths of a percent, if there is PSI.
    pub fn io_pressure_full_avg10(&self) -> Option<u32> {
        some(*self.host.io_pressure_full_avg10())
    }

    /// PSI `some avg10` of the processors in hundredths of a percent, if there is PSI.
    pub fn cpu_pressure_some_avg10(&self) -> Option<u32> {
        some(*self.host.cpu_pressure_some_avg10())
    }

    /// When the snapshot was taken, milliseconds since boot.
    pub fn now_ms(&self) -> u64 {
        *self.host.now_ms()
    }

    /// All processes, in ascending order of pid.
    pub fn processes(&self) -> impl ExactSizeIterator<Item = Process<'_>> + DoubleEndedIterator + Clone {
        (0..self.process_count()).map(|row| Process { snapshot: self, row })
    }

    /// All processes, parents before their children, each subtree in one run.
    pub fn processes_by_family(
        &self,
    ) -> impl ExactSizeIterator<Item = Process<'_>> + DoubleEndedIterator + Clone {
        self.tree().order().iter().map(|&row| Process { snapshot: self, row: row as usize })
    }

    /// The process with this pid.
    pub fn process(&self, pid: u32) -> Option<Process<'_>> {
        let row = self.processes.pids().binary_search(&pid).ok()?;
        Some(Process { snapshot: self, row })
    }

    /// All memcgs, in the order of their paths, so that parents come before their children.
    pub fn memcgs(&self) -> impl ExactSizeIterator<Item = Memcg<'_>> + DoubleEndedIterator + Clone {
        (0..*self.memcgs.count() as usize).map(|row| Memcg { snapshot: self, row })
    }

    /// The memcg with this path, such as `/system.slice/nginx.service`.
    pub fn memcg(&self, path: impl AsRef<[u8]>) -> Option<Memcg<'_>> {
        self.memcgs().find(|memcg| memcg.path() == path.as_ref())
    }

    /// A value for each process.
    pub fn per_process<'s, T>(&'s self, value: impl FnMut(Process<'s>) -> T) -> PerProcess<T> {
        PerProcess(self.processes().map(value).collect())
    }

    /// A value for each memcg.
    pub fn per_memcg<'s, T>(&'s self, value: impl FnMut(Memcg<'s>) -> T) -> PerMemcg<T> {
        PerMemcg(self.memcgs().map(value).collect())
    }

    /// For each process a value of it and all its descendants: `own` gives each process's, `add` adds that of
    /// a child's subtree to its parent's. One pass over all processes, where a walk of each subtree would be
    /// quadratic.
    pub fn subtree_fold<'s, T>(
        &'s self,
        own: impl FnMut(Process<'s>) -> T,
        mut add: impl FnMut(&mut T, &T),
    ) -> PerProcess<T> {
        let mut values = self.per_process(own);
        let tree = self.tree();
        for &child in tree.order().iter().rev() {
            let child = child as usize;
            if let Some(parent) = tree.parent(child)
                && let Ok([child, parent]) = values.0.get_disjoint_mut([child, parent])
            {
                add(parent, child);
            }
        }
        values
    }

    /// For each process the sum over it and all its descendants. One pass over all processes.
    pub fn subtree_sums<'s>(&'s self, own: impl FnMut(Process<'s>) -> u64) -> PerProcess<u64> {
        self.subtree_fold(own, |sum, child| *sum = sum.saturating_add(*child))
    }

    pub(crate) fn process_count(&self) -> usize {
        *self.processes.count() as usize
    }

    #[inline(always)]
    pub(crate) fn tree(&self) -> &Tree {
        self.tree.get_or_init(|| Tree::of(self.processes.parents()))
    }

    /// Command lines with spaces for NULs.
    pub(crate) fn typed(&self) -> &Text {
        self.typed.get_or_init(|| self.details.cmdlines().with_spaces())
    }
}

/// A value for each process of a snapshot, read as `values[p]`.
#[derive(Clone, Debug)]
pub struct PerProcess<T>(Vec<T>);

impl<T> Index<Process<'_>> for PerProcess<T> {
    type Output = T;

    fn index(&self, process: Process<'_>) -> &T {
        &self.0[process.row]
    }
}

impl<T> IndexMut<Process<'_>> for PerProcess<T> {
    fn index_mut(&mut self, process: Process<'_>) -> &mut T {
        &mut self.0[process.row]
    }
}

/// The value, unless it is the sentinel "none".
#[inline(always)]
pub(crate) fn some(value: u32) -> Option<u32> {
    (value != NONE_U32).then_some(value)
}

/// A value for each memcg of a snapshot, read as `values[memcg]`.
#[derive(Clone, Debug)]
pub struct PerMemcg<T>(Vec<T>);

impl<T> Index<Memcg<'_>> for PerMemcg<T> {
    type Output = T;

    fn index(&self, memcg: Memcg<'_>) -> &T {
        &self.0[memcg.row]
    }
}

impl<T> IndexMut<Memcg<'_>> for PerMemcg<T> {
    fn index_mut(&mut self, memcg: Memcg<'_>) -> &mut T {
        &mut self.0[memcg.row]
    }
}
