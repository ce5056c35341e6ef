//! Corrections of `/proc/meminfo`, one function each.
//!
//! `MemAvailable` is (`si_mem_available` in mm/show_mem.c, before Linux 6.5 in mm/page_alloc.c)
//!
//! ```text
//!   free pages - totalreserve                      free pages of the buddy allocator
//! + file LRU (active and inactive) - what must stay of it
//! + reclaimable slab and other reclaimable kernel memory - what must stay of it
//! ```
//!
//! From this follows what needs a correction and what must not get one:
//!
//! - tmpfs and shared memory are on the anonymous LRU, though `Cached` has them, too. They are not in
//!   `MemAvailable`, which is right.
//! - mlocked memory and ramfs are on the unevictable LRU. They are not in it, which is right.
//! - Free hugepages are taken out of the buddy allocator. They are not in it, which is right, but they are in
//!   `MemTotal`: [`pageable_bytes`].
//! - What zram stores is kernel memory that is not reclaimable. It is not in it, which is right, but
//!   `SwapFree` promises too much: [`zram_swap`].
//! - What zswap stores is kernel memory that is not reclaimable. It is not in it, which is right. Each page
//!   has its slot in swap, to which it can be written (admin-guide/mm/zswap.rst), so `SwapFree` is right,
//!   too.
//! - The cache of ZFS is kernel memory, though it shrinks on demand. It is not in it, which is wrong:
//!   [`arc_shrinkable_bytes`].
//!
//! `tests/available.rs` checks this against the running kernel. A memcg needs no correction: its
//! `inactive_file` and `active_file` have no shared and no mlocked memory (`domain.rs`).

use crate::parse::arcstats::Arcstats;
use crate::parse::swaps::{SwapArea, ZramStat};

/// The compression that is assumed while a zram device has stored too little to measure it: half the size
/// (Documentation/admin-guide/blockdev/zram.rst: "we expect a 2:1 compression ratio").
const EXPECTED_ZRAM: ZramStat = ZramStat { original_bytes: 2, memory_bytes: 1, memory_bytes_max: 0 };
/// How much a device must store for its own ratio to count.
const ZRAM_TELLING_BYTES: u64 = 16 << 20;

/// How much of the cache of ZFS the kernel can reclaim: clean buffers, as long as `c_min` is kept
/// (`arc_evictable_memory` in module/os/linux/zfs/arc_os.c of OpenZFS, which is what its shrinker reports).
/// Buffers in use, dirty buffers and headers do not count; headers are slabs, which `MemAvailable` has
/// already.
pub(crate) fn arc_shrinkable_bytes(arc: &Arcstats) -> u64 {
    let above_min = arc.size_bytes.saturating_sub(arc.min_bytes);
    above_min.min(arc.evictable_bytes.unwrap_or(above_min))
}

/// The memory that ordinary pages can come from. `MemTotal` contains the pool of hugepages, which only
/// programs that ask for hugepages can use (Documentation/admin-guide/mm/hugetlbpage.rst), so a percentage of
/// `MemTotal` would be wrong.
pub(crate) fn pageable_bytes(total_bytes: u64, hugetlb_bytes: u64) -> u64 {
    total_bytes.saturating_sub(hugetlb_bytes)
}

/// Swap that gives memory back, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Swap {
    pub(crate) total_bytes: u64,
    pub(crate) free_bytes: u64,
}

/// What a swap area on zram is worth. A page that is swapped out to it stays in memory, compressed, so it
/// frees only what compression saves; data that does not compress frees nothing. Beyond the device's own
/// limit (`mem_limit`, zram.rst) nothing more can be swapped out to it.
pub(crate) fn zram_swap(area: SwapArea, stat: Option<ZramStat>) -> Swap {
    let telling = stat.filter(|stat| stat.original_bytes >= ZRAM_TELLING_BYTES);
    let measured = telling.unwrap_or(EXPECTED_ZRAM);
    let saved = measured.original_bytes.saturating_sub(measured.memory_bytes);
    let worth = |bytes: u64| scaled(bytes, saved, measured.original_bytes);
    let mut free = area.size_bytes.saturating_sub(area.used_bytes);
    if let Some(stat) = stat.filter(|stat| stat.memory_bytes_max > 0) {
        let room = stat.memory_bytes_max.saturating_sub(stat.memory_bytes);
        free = free.min(scaled(room, measured.original_bytes, measured.memory_bytes.max(1)));
    }
    Swap { total_bytes: worth(area.used_bytes.saturating_add(free)), free_bytes: worth(free) }
}

fn scaled(bytes: u64, by: u64, of: u64) -> u64 {
    u64::try_from(u128::from(bytes) * u128::from(by) / u128::from(of.max(1))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GIB: u64 = 1 << 30;

    fn arc(size: u64, min: u64, evictable: Option<u64>) -> u64 {
        let (size_bytes, min_bytes) = (size * GIB, min * GIB);
        let evictable_bytes = evictable.map(|gib| gib * GIB);
        arc_shrinkable_bytes(&Arcstats { size_bytes, min_bytes, evictable_bytes }) / GIB
    }

    #[test]
    fn the_cache_of_zfs_shrinks_by_what_is_clean_down_to_its_minimum() {
        assert_eq!(arc(8, 1, None), 7);
        assert_eq!(arc(8, 1, Some(5)), 5, "3 GiB are dirty or in use");
        assert_eq!(arc(8, 4, Some(7)), 4, "it does not go below its minimum");
        assert_eq!(arc(1, 2, Some(1)), 0);
    }

    #[test]
    fn hugepages_are_not_for_ordinary_pages() {
        assert_eq!(pageable_bytes(16 * GIB, 14 * GIB), 2 * GIB);
        assert_eq!(pageable_bytes(GIB, 2 * GIB), 0, "two files, read one after the other");
    }

    fn zram(used: u64, stat: Option<(u64, u64, u64)>) -> (u64, u64) {
        let area = SwapArea { zram: Some(0), size_bytes: 8 * GIB, used_bytes: used * GIB };
        let stat = stat.map(|(original, memory, most)| ZramStat {
            original_bytes: original * GIB,
            memory_bytes: memory * GIB,
            memory_bytes_max: most * GIB,
        });
        let swap = zram_swap(area, stat);
        (swap.free_bytes / GIB, swap.total_bytes / GIB)
    }

    #[test]
    fn zram_is_worth_what_compression_saves() {
        assert_eq!(zram(0, None), (4, 4), "nothing is known: half");
        assert_eq!(zram(0, Some((0, 0, 0))), (4, 4), "nothing is stored: half");
        assert_eq!(zram(4, Some((4, 1, 0))), (3, 6), "three quarters");
        assert_eq!(zram(4, Some((4, 4, 0))), (0, 0), "incompressible");
        assert_eq!(zram(4, Some((4, 5, 0))), (0, 0), "worse than that");
        assert_eq!(zram(8, Some((8, 2, 0))), (0, 6));
    }

    #[test]
    fn a_zram_device_takes_no_more_than_its_own_limit() {
        assert_eq!(zram(2, Some((2, 1, 1))), (0, 1), "full, though SwapFree is 6 GiB");
        assert_eq!(zram(2, Some((2, 1, 2))), (1, 2), "room for 1 GiB compressed, 2 GiB before");
        assert_eq!(zram(0, Some((0, 0, 1))), (1, 1), "as expected, 2:1");
    }

    proptest! {
        #[test]
        fn nothing_is_worth_more_than_it_is(size: u64, used: u64, stat: Option<(u64, u64, u64)>) {
            let area = SwapArea { zram: Some(0), size_bytes: size, used_bytes: used };
            let stat = stat.map(|(original_bytes, memory_bytes, memory_bytes_max)| ZramStat {
                original_bytes, memory_bytes, memory_bytes_max
            });
            let swap = zram_swap(area, stat);
            prop_assert!(swap.free_bytes <= size.saturating_sub(used));
            prop_assert!(swap.total_bytes <= size.max(used) && swap.free_bytes <= swap.total_bytes);
        }
    }
}
