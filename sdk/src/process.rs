//! One row of the process table.

use std::borrow::Cow;
use std::fmt;

use crate::ballot::Target;
use crate::columns::{UNKNOWN_S16, UNKNOWN_S64, UNKNOWN_U64};
use crate::memcg::Memcg;
use crate::snapshot::{Snapshot, some};
use crate::tree::row_of;

const KERNEL_THREAD: u32 = 1;
const ZOMBIE: u32 = 2;
const EXCLUDED: u32 = 4;
const OUT_OF_SCOPE: u32 = 8;

/// A process (a thread group) of a [`Snapshot`]. Cheap to copy: it is a row number.
#[derive(Clone, Copy)]
pub struct Process<'s> {
    pub(crate) snapshot: &'s Snapshot,
    pub(crate) row: usize,
}

/// Names, and what it belongs to.
impl<'s> Process<'s> {
    /// The process id.
    #[inline(always)]
    pub fn pid(&self) -> u32 {
        self.snapshot.processes.pids()[self.row]
    }

    /// The command name (field 2 of `/proc/PID/stat`): at most 15 bytes, chosen by the process itself, not
    /// necessarily UTF-8.
    #[inline(always)]
    pub fn comm(&self) -> &'s [u8] {
        self.snapshot.processes.comms().get(self.row)
    }

    /// The command name for a reason or a log line; what is not UTF-8 is replaced.
    pub fn comm_lossy(&self) -> Cow<'s, str> {
        String::from_utf8_lossy(self.comm())
    }

    /// The effective user id, if the kernel told.
    #[inline(always)]
    pub fn uid(&self) -> Option<u32> {
        some(self.snapshot.processes.uids()[self.row])
    }

    /// The memcg it is charged to, if that is known.
    #[inline(always)]
    pub fn memcg(&self) -> Option<Memcg<'s>> {
        row_of(self.snapshot.processes.memcgs()[self.row]).map(|row| Memcg { snapshot: self.snapshot, row })
    }

    /// Whether it is charged to this memcg or one below.
    pub fn is_in(&self, memcg: &Memcg<'_>) -> bool {
        self.memcg().is_some_and(|own| own.is_in(memcg))
    }

    /// The command line with a NUL after each argument, at most 4096 bytes. Needs the grant `cmdlines`.
    pub fn cmdline(&self) -> &'s [u8] {
        self.snapshot.details.cmdlines().get(self.row)
    }

    /// The command line as it was typed: one space between arguments, none at the end. Needs the grant
    /// `cmdlines`.
    pub fn cmdline_typed(&self) -> &'s [u8] {
        self.snapshot.typed().get(self.row).trim_ascii_end()
    }

    /// The path of the executable, empty where the kernel refuses. Needs the grant `exes`.
    #[inline(always)]
    pub fn exe(&self) -> &'s [u8] {
        self.snapshot.details.exes().get(self.row)
    }

    /// The same without the mark that the kernel adds once the file was replaced, ` (deleted)`
    /// (proc_pid_exe(5)).
    #[inline(always)]
    pub fn exe_path(&self) -> &'s [u8] {
        let exe = self.exe();
        exe.strip_suffix(b" (deleted)").unwrap_or(exe)
    }

    /// The systemd unit that it runs in, empty if in none.
    pub fn unit(&self) -> &'s [u8] {
        self.memcg().map_or(b"", |memcg| memcg.unit())
    }

    /// A kernel thread. Never a victim.
    #[inline(always)]
    pub fn is_kernel_thread(&self) -> bool {
        self.has(KERNEL_THREAD)
    }

    /// Exited, without a live thread, and not yet waited for: it has no memory any more.
    #[inline(always)]
    pub fn is_zombie(&self) -> bool {
        self.has(ZOMBIE)
    }

    /// The host will never touch it, whatever a policy says: init, kernel threads, guarded, unkillable.
    #[inline(always)]
    pub fn is_excluded(&self) -> bool {
        self.has(EXCLUDED)
    }

    /// Outside the daemon's scope, so not to be touched either.
    #[inline(always)]
    pub fn is_out_of_scope(&self) -> bool {
        self.has(OUT_OF_SCOPE)
    }

    /// Whether the host would act on it at all: none of the four above.
    #[inline(always)]
    pub fn is_eligible(&self) -> bool {
        self.snapshot.processes.flags()[self.row] & (KERNEL_THREAD | ZOMBIE | EXCLUDED | OUT_OF_SCOPE) == 0
    }

    #[inline(always)]
    fn has(&self, bit: u32) -> bool {
        self.snapshot.processes.flags()[self.row] & bit != 0
    }
}

/// Family. Every walk ends: a cycle that a torn scan may have left is cut.
impl<'s> Process<'s> {
    /// The parent, if it is in the snapshot.
    #[inline(always)]
    pub fn parent(&self) -> Option<Self> {
        self.snapshot.tree().parent(self.row).map(|row| Self { row, ..*self })
    }

    /// The parent, its parent and so on.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + Clone + use<'s> {
        std::iter::successors(self.parent(), Self::parent)
    }

    /// The children, in ascending order of pid.
    pub fn children(&self) -> impl Iterator<Item = Self> + Clone + use<'s> {
        let snapshot = self.snapshot;
        snapshot.tree().children(self.row).map(move |row| Self { snapshot, row: row as usize })
    }

    /// The process and all its descendants, parents before children. For a sum over every subtree there is
    /// [`Snapshot::subtree_sums`].
    #[inline(always)]
    pub fn subtree(&self) -> impl ExactSizeIterator<Item = Self> + Clone + use<'s> {
        let snapshot = self.snapshot;
        snapshot.tree().subtree(self.row).iter().map(move |&row| Self { snapshot, row: row as usize })
    }

    /// The process and all its descendants as the target of a ballot's entry.
    pub fn tree(&self) -> Target {
        Target::tree(self.row)
    }
}

/// Numbers.
impl Process<'_> {
    /// Milliseconds since it started.
    #[inline(always)]
    pub fn age_ms(&self) -> u64 {
        self.snapshot.processes.ages_ms()[self.row]
    }

    /// Threads.
    #[inline(always)]
    pub fn threads(&self) -> u32 {
        self.snapshot.processes.threads()[self.row]
    }

    /// Resident anonymous memory, bytes.
    #[inline(always)]
    pub fn rss_anon_bytes(&self) -> Option<u64> {
        known(self.snapshot.processes.rss_anon_bytes()[self.row])
    }

    /// Resident file mappings, bytes.
    #[inline(always)]
    pub fn rss_file_bytes(&self) -> Option<u64> {
        known(self.snapshot.processes.rss_file_bytes()[self.row])
    }

    /// Resident shared memory, bytes. The same pages count in each process that maps them.
    #[inline(always)]
    pub fn rss_shmem_bytes(&self) -> Option<u64> {
        known(self.snapshot.processes.rss_shmem_bytes()[self.row])
    }

    /// Swapped-out anonymous memory, bytes.
    #[inline(always)]
    pub fn swap_bytes(&self) -> Option<u64> {
        known(self.snapshot.processes.swap_bytes()[self.row])
    }

    /// Page tables, bytes.
    #[inline(always)]
    pub fn page_table_bytes(&self) -> Option<u64> {
        known(self.snapshot.processes.page_table_bytes()[self.row])
    }

    /// Proportional set size, bytes, of the few largest processes. Needs the grant `pss-bytes`.
    pub fn pss_bytes(&self) -> Option<u64> {
        known(self.snapshot.details.pss_bytes()[self.row])
    }

    /// Anonymous memory and swap, bytes: what comes back for certain when it ends. Unknown counts as 0.
    #[inline(always)]
    pub fn anon_and_swap_bytes(&self) -> u64 {
        self.rss_anon_bytes().unwrap_or(0).saturating_add(self.swap_bytes().unwrap_or(0))
    }

    /// What the kernel's OOM killer weighs before the adjustment, bytes: rss + swap + page tables
    /// (`oom_badness` in mm/oom_kill.c). Unknown counts as 0.
    #[inline(always)]
    pub fn footprint_bytes(&self) -> u64 {
        [self.rss_file_bytes(), self.rss_shmem_bytes(), self.page_table_bytes()]
            .into_iter()
            .fold(self.anon_and_swap_bytes(), |sum, bytes| sum.saturating_add(bytes.unwrap_or(0)))
    }

    /// How fast its anonymous memory, swap and shared memory of its own grow, bytes per second, over the last
    /// one to two seconds or the last tick, whichever is longer. Unknown in the host's first snapshot.
    #[inline(always)]
    pub fn growth_bytes_per_s(&self) -> Option<i64> {
        known_s64(self.snapshot.processes.growth_bytes_per_s()[self.row])
    }

    /// What it holds now beyond what it held when memory was last at ease, bytes: anonymous memory, swap and
    /// shared memory of its own. All of it if it is newer than that. Unknown while the host has not seen
    /// memory at ease.
    #[inline(always)]
    pub fn taken_bytes(&self) -> Option<i64> {
        known_s64(self.snapshot.processes.taken_bytes()[self.row])
    }

    /// How fast the same sum grows, bytes per second: its slope over the last hour, or since the process was
    /// first seen if that is 5 minutes or more. Unknown for a newer one.
    #[inline(always)]
    pub fn growth_1h_bytes_per_s(&self) -> Option<i64> {
        known_s64(self.snapshot.processes.growth_1h_bytes_per_s()[self.row])
    }

    /// Children that it has started over the last 10 seconds, times 100.
    #[inline(always)]
    pub fn births_per_1000s(&self) -> Option<u32> {
        some(self.snapshot.processes.births_per_1000s()[self.row])
    }

    /// Its `oom_score_adj` before this host held any value, -1000..=1000 (proc_pid_oom_score_adj(5)).
    #[inline(always)]
    pub fn oom_score_adj(&self) -> Option<i16> {
        let adj = self.snapshot.processes.oom_score_adjs()[self.row];
        (adj != UNKNOWN_S16).then_some(adj)
    }
}

/// The same process of the same snapshot.
impl PartialEq for Process<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.snapshot, other.snapshot) && self.row == other.row
    }
}

impl Eq for Process<'_> {}

impl fmt::Debug for Process<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("row", &self.row).finish_non_exhaustive()
    }
}

/// The value, unless it is the sentinel "unknown".
#[inline(always)]
pub(crate) fn known_s64(value: i64) -> Option<i64> {
    (value != UNKNOWN_S64).then_some(value)
}

/// The value, unless it is the sentinel "unknown".
#[inline(always)]
pub(crate) fn known(value: u64) -> Option<u64> {
    (value != UNKNOWN_U64).then_some(value)
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use crate::testing::Machine;

    #[test]
    fn arguments_are_divided_by_one_space() {
        let mut machine = Machine::new();
        for cmdline in ["python3\0-m\0pytest\0", "a title\0\0\0\0\0\0\0\0\0", "\0\0", "a\0b"] {
            machine.process("x").cmdline(cmdline);
        }
        let snapshot = machine.snapshot();
        let typed: Vec<&[u8]> = snapshot.processes().skip(1).map(|p| p.cmdline_typed()).collect();
        let expected: [&[u8]; 4] = [b"python3 -m pytest", b"a title", b"", b"a b"];
        assert_eq!(typed, expected);
    }

    #[test]
    fn a_path_goes_without_the_mark_and_a_unit_is_that_of_the_memcg() {
        let mut machine = Machine::new();
        machine.memcg("/x.service").unit("x.service");
        let updated = machine.process("x").exe("/usr/bin/x (deleted)").memcg("/x.service").pid();
        let snapshot = machine.snapshot();
        let p = snapshot.process(updated).unwrap();
        assert_eq!((p.exe_path(), p.unit()), (b"/usr/bin/x".as_slice(), b"x.service".as_slice()));
        assert_eq!(snapshot.process(1).unwrap().unit(), b"");
    }
}
