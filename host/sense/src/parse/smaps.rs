//! `/proc/PID/smaps_rollup` (proc_pid_smaps(5)).

use super::text::{kib, lines};

/// `Pss`, in bytes: a page that N processes share counts as 1/N. `None` if there is no such line.
///
/// ```text
/// 559e6c9ad000-7ffc8a5f6000 ---p 00000000 00:00 0    [rollup]
/// Rss:                2988 kB
/// Pss:                1480 kB
/// ```
pub(crate) fn pss_bytes(text: &[u8]) -> Option<u64> {
    lines(text).find_map(|line| kib(line.strip_prefix(b"Pss:")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pss_is_not_one_of_its_parts() {
        let text = b"559e6c9ad000-7ffc rollup\nRss:  9 kB\nPss_Dirty: 1 kB\nPss:   1480 kB\nPss_Anon: 2 kB\n";
        assert_eq!(pss_bytes(text), Some(1480 * 1024));
        assert_eq!(pss_bytes(b"Pss_Anon: 2 kB\nPss: many kB\n"), None);
        assert_eq!(pss_bytes(b""), None);
    }

    proptest! {
        #[test]
        fn nothing_panics_and_what_was_formatted_parses_back(noise: Vec<u8>, pss: u32) {
            prop_assert!(pss_bytes(&noise).is_none() || noise.len() > 7);
            let text = format!("x\nPss: {pss:12} kB\n");
            prop_assert_eq!(pss_bytes(text.as_bytes()), Some(u64::from(pss) * 1024));
        }
    }
}
