//! How the memory moves: rates over the last one to two seconds, or since the last snapshot where that is
//! longer ago.

use crate::process::known;
use crate::snapshot::Snapshot;

/// How the memory moves. Rates are over the last one to two seconds, or since the last snapshot where that is
/// longer ago; `None` in the first snapshot, and where the kernel does not count it. What `/proc/vmstat`
/// counts is the host's, also where the daemon looks after a part of it.
impl Snapshot {
    /// Anonymous memory that came back soon after it had been swapped out (`workingset_refault_anon`), bytes
    /// per second.
    pub fn refault_anon_bytes_per_s(&self) -> Option<u64> {
        known(*self.host.refault_anon_bytes_per_s())
    }

    /// Page cache that was read again soon after it had been dropped (`workingset_refault_file`), bytes per
    /// second.
    pub fn refault_file_bytes_per_s(&self) -> Option<u64> {
        known(*self.host.refault_file_bytes_per_s())
    }

    /// Read from swap devices (`pswpin`), bytes per second.
    pub fn swap_in_bytes_per_s(&self) -> Option<u64> {
        known(*self.host.swap_in_bytes_per_s())
    }

    /// Written to swap devices (`pswpout`), bytes per second.
    pub fn swap_out_bytes_per_s(&self) -> Option<u64> {
        known(*self.host.swap_out_bytes_per_s())
    }

    /// Page faults that had to wait for a device (`pgmajfault`), per second.
    pub fn major_faults_per_s(&self) -> Option<u64> {
        known(*self.host.major_faults_per_s())
    }

    /// Allocations that had to free memory themselves first (`allocstall*`), per second.
    pub fn allocation_stalls_per_s(&self) -> Option<u64> {
        known(*self.host.allocation_stalls_per_s())
    }

    /// Microseconds per second in which some task was stalled on memory, 0 to 1,000,000, if there is PSI: of
    /// this very moment, where [`Snapshot::memory_pressure_some_avg10`] lags by seconds.
    pub fn memory_stall_some_us_per_s(&self) -> Option<u64> {
        known(*self.host.memory_stall_some_us_per_s())
    }

    /// Microseconds per second in which all tasks were, likewise.
    pub fn memory_stall_full_us_per_s(&self) -> Option<u64> {
        known(*self.host.memory_stall_full_us_per_s())
    }

    /// Milliseconds until nothing is available if available memory goes on to fall as it does now; `None`
    /// while it does not fall. Any other level is reached in proportion: half of what is available in half of
    /// this time.
    pub fn memory_exhaustion_ms(&self) -> Option<u64> {
        known(*self.host.memory_exhaustion_ms())
    }

    /// Milliseconds since memory was last at ease, which is the last tick with available memory above `warn`
    /// before the shortage began. `None` as long as there was none, like the next two.
    pub fn eased_ms_ago(&self) -> Option<u64> {
        known(*self.host.eased_ms_ago())
    }

    /// What available memory has lost since it was at ease, bytes.
    pub fn taken_bytes(&self) -> Option<u64> {
        known(*self.host.taken_bytes())
    }

    /// The part of it that no process explains, bytes: tmpfs, slab, page tables, hugepages.
    pub fn taken_by_nobody_bytes(&self) -> Option<u64> {
        known(*self.host.taken_by_nobody_bytes())
    }

    /// How many processes the kernel's OOM killer has killed since boot, in memcgs too.
    pub fn oom_kills(&self) -> Option<u64> {
        known(*self.host.oom_kills())
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use crate::Snapshot;
    use crate::testing::Machine;

    fn rates(snapshot: &Snapshot) -> [Option<u64>; 10] {
        [
            snapshot.refault_anon_bytes_per_s(),
            snapshot.refault_file_bytes_per_s(),
            snapshot.swap_in_bytes_per_s(),
            snapshot.swap_out_bytes_per_s(),
            snapshot.major_faults_per_s(),
            snapshot.allocation_stalls_per_s(),
            snapshot.memory_stall_some_us_per_s(),
            snapshot.memory_stall_full_us_per_s(),
            snapshot.memory_exhaustion_ms(),
            snapshot.oom_kills(),
        ]
    }

    #[test]
    fn each_rate_is_its_own_and_none_is_known_at_first() {
        let machine = Machine::new()
            .refaults_mib_per_s(1, 2)
            .swapping_mib_per_s(3, 4)
            .major_faults_per_s(5)
            .allocation_stalls_per_s(6)
            .stalls_us_per_s(Some((7, 8)))
            .exhausted_in_ms(9)
            .oom_kills(10);
        let mib = |number: u64| Some(number << 20);
        let expected =
            [mib(1), mib(2), mib(3), mib(4), Some(5), Some(6), Some(7), Some(8), Some(9), Some(10)];
        assert_eq!(rates(&machine.snapshot()), expected);
        let mut first = [None; 10];
        first[9] = Some(10);
        assert_eq!(rates(&machine.first_snapshot().snapshot()), first);
        let no_psi = Machine::new().stalls_us_per_s(None).snapshot();
        assert_eq!((no_psi.memory_stall_some_us_per_s(), no_psi.memory_exhaustion_ms()), (None, None));
    }

    #[test]
    fn what_was_taken_is_known_since_memory_was_at_ease() {
        let mut machine = Machine::new();
        let known = machine.process("known").taken_mib(-1).growth_1h_bytes_per_s(2).births_per_1000s(3).pid();
        let unknown = machine.process("unknown").pid();
        machine.memcg("/known").usual_mib(4).growth_1h_bytes_per_s(-5);
        let snapshot = machine.clone().eased_ms_ago(6).taken_mib(7).taken_by_nobody_mib(8).snapshot();
        let of = |snapshot: &Snapshot, pid| {
            let p = snapshot.process(pid).unwrap();
            (p.taken_bytes(), p.growth_1h_bytes_per_s(), p.births_per_1000s())
        };
        assert_eq!(of(&snapshot, known), (Some(-1 << 20), Some(2), Some(3)));
        assert_eq!(of(&snapshot, unknown), (None, None, None));
        let of_memcg = |path| {
            let memcg = snapshot.memcg(path).unwrap();
            (memcg.usual_bytes(), memcg.growth_1h_bytes_per_s())
        };
        assert_eq!([of_memcg("/known"), of_memcg("/")], [(Some(4 << 20), Some(-5)), (None, None)]);
        let of_host = |s: &Snapshot| [s.eased_ms_ago(), s.taken_bytes(), s.taken_by_nobody_bytes()];
        assert_eq!(of_host(&snapshot), [Some(6), Some(7 << 20), Some(8 << 20)]);
        assert_eq!(of_host(&machine.snapshot()), [None; 3]);
        let first = machine.eased_ms_ago(6).first_snapshot().snapshot();
        assert_eq!((of_host(&first), of(&first, known)), ([None; 3], (None, None, None)));
    }
}
