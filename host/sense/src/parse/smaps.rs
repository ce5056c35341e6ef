//! `/proc/PID/smaps_rollup` (proc_pid_smaps(5)).

use super::{kib, lines};

/// `Pss`, in bytes: each shared page counts with its share. `None` where memory is gone or the file has no such line.
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
