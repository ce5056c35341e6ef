//! `/proc/loadavg` (proc_loadavg(5)), of which the last two numbers are used.

use super::text::{Malformed, number};

/// A summary of the table of tasks: if both numbers are the same as before, no task was created, and so none
/// has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tasks {
    /// How many threads there are.
    pub(crate) threads: u64,
    /// The pid that was given last, in the reader's pid namespace.
    pub(crate) last_pid: u64,
}

/// Three averages, running and all threads, the last pid:
///
/// ```text
/// 0.20 0.18 0.12 1/80 11206
/// ```
pub(crate) fn loadavg(text: &[u8]) -> Result<Tasks, Malformed> {
    let odd = Malformed("not `... running/threads last-pid`");
    let mut words = text.split(u8::is_ascii_whitespace).skip(3);
    let threads = words.next().and_then(|word| number(word.split(|&byte| byte == b'/').nth(1)?));
    let last_pid = words.next().and_then(number);
    Ok(Tasks { threads: threads.ok_or(odd)?, last_pid: last_pid.ok_or(odd)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_two_numbers_are_taken() {
        let expected = Tasks { threads: 80, last_pid: 11_206 };
        assert_eq!(loadavg(b"0.20 0.18 0.12 1/80 11206\n"), Ok(expected));
        let odd = Err(Malformed("not `... running/threads last-pid`"));
        for garbage in ["", "0.20 0.18 0.12 1/80", "0.20 0.18 0.12 80 11206", "0.20 0.18 0.12 1/x 1\n"] {
            assert_eq!(loadavg(garbage.as_bytes()), odd, "{garbage}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>, line in "[0-9./ \n]{0,60}") {
            prop_assert!(loadavg(&text).is_err());
            loadavg(line.as_bytes()).ok();
        }
    }
}
