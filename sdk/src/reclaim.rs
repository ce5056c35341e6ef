//! What the kernel's reclaim goes by.

use crate::process::known;
use crate::snapshot::Snapshot;

/// What the kernel's reclaim goes by, for the whole host, also where the daemon looks after a part of it.
/// `None` where the kernel does not say.
impl Snapshot {
    /// Memory that is not used for anything, bytes (`MemFree`). What could be allocated is
    /// [`Snapshot::memory_available_bytes`].
    pub fn memory_free_bytes(&self) -> Option<u64> {
        known(*self.host.memory_free_bytes())
    }

    /// With less free than this, an allocation must free memory itself (direct reclaim), bytes: the sum of
    /// `min` of all zones (proc_zoneinfo(5)). Up to a minute old, like the next two.
    pub fn watermark_min_bytes(&self) -> Option<u64> {
        known(*self.host.watermark_min_bytes())
    }

    /// With less free than this, kswapd begins to free memory, bytes.
    pub fn watermark_low_bytes(&self) -> Option<u64> {
        known(*self.host.watermark_low_bytes())
    }

    /// With more free than this, kswapd stops, bytes.
    pub fn watermark_high_bytes(&self) -> Option<u64> {
        known(*self.host.watermark_high_bytes())
    }

    /// Memory that zswap takes for the pages that it holds compressed, bytes (`Zswap`, since Linux 5.19).
    pub fn zswap_bytes(&self) -> Option<u64> {
        known(*self.host.zswap_bytes())
    }

    /// How much these pages are, bytes (`Zswapped`). They have their place in swap all the same.
    pub fn zswapped_bytes(&self) -> Option<u64> {
        known(*self.host.zswapped_bytes())
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use crate::Snapshot;
    use crate::testing::Machine;

    fn sizes(snapshot: &Snapshot) -> [Option<u64>; 6] {
        [
            snapshot.memory_free_bytes(),
            snapshot.watermark_min_bytes(),
            snapshot.watermark_low_bytes(),
            snapshot.watermark_high_bytes(),
            snapshot.zswap_bytes(),
            snapshot.zswapped_bytes(),
        ]
    }

    fn pressures(snapshot: &Snapshot) -> [Option<u32>; 3] {
        [
            snapshot.io_pressure_some_avg10(),
            snapshot.io_pressure_full_avg10(),
            snapshot.cpu_pressure_some_avg10(),
        ]
    }

    #[test]
    fn each_number_is_its_own_and_unknown_unless_told() {
        let plain = Machine::new();
        assert_eq!((sizes(&plain.snapshot()), pressures(&plain.snapshot())), ([None; 6], [Some(0); 3]));
        let told = plain.clone().free_mib(1).watermarks_mib(2, 3, 4).zswap_mib(5, 6).snapshot();
        assert_eq!(sizes(&told), [1, 2, 3, 4, 5, 6].map(|mib| Some(mib << 20)));
        let busy = plain.clone().io_pressure_avg10(Some((7, 8))).cpu_pressure_avg10(Some(9)).snapshot();
        assert_eq!(pressures(&busy), [7, 8, 9].map(Some));
        let no_psi = plain.io_pressure_avg10(None).cpu_pressure_avg10(None).snapshot();
        assert_eq!(pressures(&no_psi), [None; 3]);
    }
}
