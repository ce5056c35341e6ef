//! `/proc/swaps` (proc_swaps(5)) and the statistics of zram devices.

use super::text::{cut, lines, number};

/// One swap area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SwapArea {
    /// The number of its zram device, if it is one.
    pub(crate) zram: Option<u32>,
    pub(crate) size_bytes: u64,
    pub(crate) used_bytes: u64,
}

/// All areas, in the kernel's order. The heading and lines of another form are skipped.
///
/// ```text
/// Filename        Type            Size            Used            Priority
/// /dev/zram0      partition       8388604         1024            100
/// ```
pub(crate) fn swap_areas(text: &[u8]) -> impl Iterator<Item = SwapArea> {
    lines(text).filter_map(|line| {
        // Blanks in names are escaped.
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (name, _) = (words.next()?, words.next()?);
        let mut bytes = || number(words.next()?)?.checked_mul(1024);
        Some(SwapArea { zram: zram_number(name), size_bytes: bytes()?, used_bytes: bytes()? })
    })
}

/// `/dev/zram0`, or Android's `/dev/block/zram0`. A file with that name elsewhere is not a zram device.
fn zram_number(name: &[u8]) -> Option<u32> {
    let below = name.strip_prefix(b"/dev/")?;
    let device = below.strip_prefix(b"block/").unwrap_or(below);
    u32::try_from(number(device.strip_prefix(b"zram")?)?).ok()
}

/// `/sys/block/zramN/mm_stat` (Documentation/admin-guide/blockdev/zram.rst), in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ZramStat {
    /// The size of what is stored, before compression.
    pub(crate) original_bytes: u64,
    /// The memory that this takes.
    pub(crate) memory_bytes: u64,
    /// The most that it may take; 0 is no limit.
    pub(crate) memory_bytes_max: u64,
}

/// `orig_data_size compr_data_size mem_used_total mem_limit ...` on one line:
///
/// ```text
///    16777216  4194304  4456448        0  4456448        0        0        0        0
/// ```
pub(crate) fn zram_stat(text: &[u8]) -> Option<ZramStat> {
    let (line, _) = cut(text, b'\n').unwrap_or((text, b""));
    let mut numbers = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).map(number);
    let original_bytes = numbers.next()??;
    let memory_bytes = numbers.nth(1)??;
    Some(ZramStat { original_bytes, memory_bytes, memory_bytes_max: numbers.next()?? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn zram_is_told_from_disks_and_files() {
        let text = b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
            /dev/zram0                              partition\t8388604\t\t1024\t\t100\n\
            /swap\\040file                           file\t\t2097148\t\t0\t\t-2\n\
            /dev/block/zram12 partition 4 0 5\n/home/zram0 file 4 0 -3\n/dev/zram partition x 0\n";
        let found: Vec<(Option<u32>, u64, u64)> =
            swap_areas(text).map(|area| (area.zram, area.size_bytes >> 10, area.used_bytes >> 10)).collect();
        assert_eq!(found, [(Some(0), 8_388_604, 1024), (None, 2_097_148, 0), (Some(12), 4, 0), (None, 4, 0)]);
    }

    #[test]
    fn old_and_new_kernels_say_the_same_in_the_first_columns() {
        let expected = ZramStat { original_bytes: 9, memory_bytes: 3, memory_bytes_max: 7 };
        assert_eq!(
            zram_stat(b"       9        2        3        7        4        0        0\n"),
            Some(expected)
        );
        assert_eq!(zram_stat(b"9 2 3 7 4 0 0 1 5"), Some(expected));
        for garbage in [b"".as_slice(), b"9 2 3\n7", b"9 2 x 7", b"-9 2 3 7"] {
            assert_eq!(zram_stat(garbage), None, "{garbage:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>, numbers in "[ 0-9\n]{0,60}") {
            prop_assert!(swap_areas(&text).count() <= text.len());
            prop_assert!(zram_stat(numbers.as_bytes()).is_none() || numbers.len() >= 7);
        }
    }
}
