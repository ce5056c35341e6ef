//! `/proc/meminfo` (proc_meminfo(5)).

use super::text::{Malformed, cut, kib, lines, number};

/// The values of `meminfo` that are used, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meminfo {
    pub(crate) total_bytes: u64,
    pub(crate) available_bytes: u64,
    /// 0 on a kernel without swap.
    pub(crate) swap_total_bytes: u64,
    pub(crate) swap_free_bytes: u64,
    /// `MemFree`: not in use at all.
    pub(crate) free_bytes: Option<u64>,
    /// The memory that zswap takes, and the size of what it stores. Since Linux 5.19.
    pub(crate) zswap_bytes: Option<u64>,
    pub(crate) zswapped_bytes: Option<u64>,
    /// The pool of hugepages of all sizes, free ones and those in use.
    pub(crate) hugetlb_bytes: u64,
}

/// A name and a size on each line. `MemAvailable`, without which the file is of no use, is there since Linux
/// 3.14.
///
/// ```text
/// MemTotal:        4194304 kB
/// MemAvailable:     819200 kB
/// HugePages_Total:       0
/// ```
pub(crate) fn meminfo(text: &[u8]) -> Result<Meminfo, Malformed> {
    let (mut total, mut available, mut swap_total, mut swap_free) = (None, None, None, None);
    let (mut hugepages, mut hugepage_size, mut hugetlb) = (None, None, None);
    let (mut free, mut zswap, mut zswapped) = (None, None, None);
    for line in lines(text) {
        let Some((key, value)) = cut(line, b':') else {
            continue;
        };
        let slot = match key {
            b"MemTotal" => &mut total,
            b"MemAvailable" => &mut available,
            b"MemFree" => &mut free,
            b"Zswap" => &mut zswap,
            b"Zswapped" => &mut zswapped,
            b"SwapTotal" => &mut swap_total,
            b"SwapFree" => &mut swap_free,
            b"Hugepagesize" => &mut hugepage_size,
            b"Hugetlb" => &mut hugetlb,
            b"HugePages_Total" => {
                hugepages = number(value.trim_ascii());
                continue;
            }
            _ => continue,
        };
        *slot = Some(kib(value).ok_or(Malformed("a size is not a number of kB"))?);
    }
    // Before Linux 4.16 there is no sum, only the pages of the default size.
    let of_default_size = || hugepages.zip(hugepage_size).map(|(pages, size)| pages.saturating_mul(size));
    Ok(Meminfo {
        total_bytes: total.ok_or(Malformed("no line `MemTotal:`"))?,
        available_bytes: available.ok_or(Malformed("no line `MemAvailable:`"))?,
        swap_total_bytes: swap_total.unwrap_or(0),
        swap_free_bytes: swap_free.unwrap_or(0),
        free_bytes: free,
        zswap_bytes: zswap,
        zswapped_bytes: zswapped,
        hugetlb_bytes: hugetlb.or_else(of_default_size).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn garbage_is_named() {
        assert_eq!(meminfo(b""), Err(Malformed("no line `MemTotal:`")));
        assert_eq!(meminfo(b"MemTotal: 5 kB\nMemFree: 1 kB\n"), Err(Malformed("no line `MemAvailable:`")));
        assert_eq!(meminfo(b"MemTotal: lots kB\n"), Err(Malformed("a size is not a number of kB")));
        let no_swap = meminfo(b"MemTotal: 5 kB\nMemAvailable: 1 kB\n").unwrap();
        assert_eq!((no_swap.swap_total_bytes, no_swap.swap_free_bytes, no_swap.hugetlb_bytes), (0, 0, 0));
    }

    #[test]
    fn hugepages_are_summed_by_the_kernel_or_by_us() {
        let old = "MemTotal: 9 kB\nMemAvailable: 1 kB\nHugePages_Total:     512\nHugepagesize:    2048 kB\n";
        assert_eq!(meminfo(old.as_bytes()).map(|found| found.hugetlb_bytes), Ok(1 << 30));
        // Others than those of the default size are only in the sum.
        let new = format!("{old}Hugetlb:  3145728 kB\n");
        assert_eq!(meminfo(new.as_bytes()).map(|found| found.hugetlb_bytes), Ok(3 << 30));
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>) {
            prop_assert!(meminfo(&text).is_err());
        }

        #[test]
        fn what_was_formatted_parses_back(sizes: [u32; 5]) {
            let [total, available, swap_total, swap_free, hugetlb] = sizes;
            let text = format!(
                "MemTotal:       {total} kB\nMemFree:  1 kB\nMemAvailable:   {available} kB\n\
                 SwapTotal: {swap_total} kB\nSwapFree:\t{swap_free} kB\nZswap: 2 kB\nHugetlb: {hugetlb} kB\n"
            );
            let bytes = |size: u32| u64::from(size) * 1024;
            prop_assert_eq!(meminfo(text.as_bytes()), Ok(Meminfo {
                total_bytes: bytes(total),
                available_bytes: bytes(available),
                swap_total_bytes: bytes(swap_total),
                swap_free_bytes: bytes(swap_free),
                free_bytes: Some(1024),
                zswap_bytes: Some(2048),
                zswapped_bytes: None,
                hugetlb_bytes: bytes(hugetlb),
            }));
        }
    }
}
