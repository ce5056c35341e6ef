//! `/proc/PID/statm` (proc_pid_statm(5)): sizes in pages, from the counters that `status` has in kB.

use super::text::{Malformed, number};

/// The values of `statm` that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statm {
    /// The address space. 0 of a process that has already freed it.
    pub(crate) size_pages: u64,
    /// In memory: anonymous, of files and shared.
    pub(crate) resident_pages: u64,
    /// Of these, the pages of files and shared memory.
    pub(crate) shared_pages: u64,
}

/// Size, resident, shared, text, 0, data and 0:
///
/// ```text
/// 2310 1054 892 234 0 391 0
/// ```
pub(crate) fn statm(text: &[u8]) -> Result<Statm, Malformed> {
    let mut numbers = text.split(u8::is_ascii_whitespace).map(number);
    let mut next = || numbers.next().flatten().ok_or(Malformed("not `size resident shared ...`"));
    Ok(Statm { size_pages: next()?, resident_pages: next()?, shared_pages: next()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn garbage_is_named() {
        let odd = Err(Malformed("not `size resident shared ...`"));
        for garbage in ["", "\n", "1 2", "1 2 x", "1  2 3", "-1 2 3", "18446744073709551616 2 3"] {
            assert_eq!(statm(garbage.as_bytes()), odd, "{garbage:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>) {
            prop_assert!(statm(&text).is_err());
        }

        #[test]
        fn what_was_formatted_parses_back(sizes: [u64; 3]) {
            let [size_pages, resident_pages, shared_pages] = sizes;
            let text = format!("{size_pages} {resident_pages} {shared_pages} 5 0 900 0\n");
            let expected = Statm { size_pages, resident_pages, shared_pages };
            prop_assert_eq!(statm(text.as_bytes()), Ok(expected));
        }
    }
}
