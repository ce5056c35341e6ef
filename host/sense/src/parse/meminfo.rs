//! `/proc/meminfo` (proc_meminfo(5)).

use super::{Malformed, cut, kib, lines};

/// What of `meminfo` is used, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meminfo {
    pub(crate) total_bytes: u64,
    pub(crate) available_bytes: u64,
    /// 0 on a kernel without swap.
    pub(crate) swap_total_bytes: u64,
    pub(crate) swap_free_bytes: u64,
}

/// `MemAvailable` is there since Linux 3.14; without it there is nothing to go by.
pub(crate) fn meminfo(text: &[u8]) -> Result<Meminfo, Malformed> {
    let (mut total, mut available) = (None, None);
    let (mut swap_total, mut swap_free) = (None, None);
    for line in lines(text) {
        let Some((key, value)) = cut(line, b':') else {
            continue;
        };
        let slot = match key {
            b"MemTotal" => &mut total,
            b"MemAvailable" => &mut available,
            b"SwapTotal" => &mut swap_total,
            b"SwapFree" => &mut swap_free,
            _ => continue,
        };
        *slot = Some(kib(value).ok_or(Malformed("a size is not a number of kB"))?);
        if swap_free.is_some() {
            break;
        }
    }
    Ok(Meminfo {
        total_bytes: total.ok_or(Malformed("no line `MemTotal:`"))?,
        available_bytes: available.ok_or(Malformed("no line `MemAvailable:`"))?,
        swap_total_bytes: swap_total.unwrap_or(0),
        swap_free_bytes: swap_free.unwrap_or(0),
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
        assert_eq!((no_swap.swap_total_bytes, no_swap.swap_free_bytes), (0, 0));
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>) {
            prop_assert!(meminfo(&text).is_err());
        }

        #[test]
        fn what_was_formatted_parses_back(sizes: [u32; 4]) {
            let [total, available, swap_total, swap_free] = sizes;
            let text = format!(
                "MemTotal:       {total} kB\nMemFree:  1 kB\nMemAvailable:   {available} kB\n\
                 SwapTotal: {swap_total} kB\nSwapFree:\t{swap_free} kB\nDirty: 1 kB\n"
            );
            let bytes = |size: u32| u64::from(size) * 1024;
            prop_assert_eq!(meminfo(text.as_bytes()), Ok(Meminfo {
                total_bytes: bytes(total),
                available_bytes: bytes(available),
                swap_total_bytes: bytes(swap_total),
                swap_free_bytes: bytes(swap_free),
            }));
        }
    }
}
