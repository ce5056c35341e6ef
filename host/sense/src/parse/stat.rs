//! `/proc/PID/stat` (proc_pid_stat(5)).

use super::text::{Malformed, number};

/// `PF_KTHREAD` of include/linux/sched.h.
const PF_KTHREAD: u64 = 0x0020_0000;

/// The fields of `stat` that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat<'a> {
    /// Chosen by the process: any bytes but NUL.
    pub(crate) comm: &'a [u8],
    pub(crate) state: u8,
    /// 0 where the parent is in an outer pid namespace.
    pub(crate) parent_pid: u32,
    pub(crate) is_kernel_thread: bool,
    /// Of the thread group, a dead leader included.
    pub(crate) threads: u32,
    /// Clock ticks since boot.
    pub(crate) start_time: u64,
}

impl Stat<'_> {
    /// Whether the leader has exited. Other threads may live on.
    pub(crate) fn leader_is_dead(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }

    /// Whether all threads have exited.
    pub(crate) fn is_dead(&self) -> bool {
        self.leader_is_dead() && self.threads <= 1
    }
}

/// Fields by number; the name may contain anything, `) Z ` and newlines too, so it ends at the last
/// parenthesis of the file.
///
/// ```text
/// 711 (postgres) S 700 711 711 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 200000 4096 1 ...
///                | parent           flags                   threads start time, in clock ticks
/// ```
pub(crate) fn stat(text: &[u8]) -> Result<Stat<'_>, Malformed> {
    let open = text.iter().position(|&byte| byte == b'(');
    let close = text.iter().rposition(|&byte| byte == b')');
    let (Some(open), Some(close)) = (open, close) else {
        return Err(Malformed("no name in parentheses"));
    };
    let comm = text.get(open + 1..close).ok_or(Malformed("no name in parentheses"))?;
    let mut fields = text
        .get(close + 1..)
        .unwrap_or_default()
        .split(u8::is_ascii_whitespace)
        .filter(|field| !field.is_empty());
    // Fields 3, 4, 9, 20 and 22 of the page, counted from 1.
    let state = match fields.next() {
        Some(&[state]) => state,
        _ => return Err(Malformed("no state in field 3")),
    };
    let parent_pid = small(fields.next()).ok_or(Malformed("no parent in field 4"))?;
    let flags = fields.nth(4).and_then(number);
    let flags = flags.ok_or(Malformed("no flags in field 9"))?;
    let threads = small(fields.nth(10)).ok_or(Malformed("no number of threads in field 20"))?;
    let start_time = fields.nth(1).and_then(number);
    Ok(Stat {
        comm,
        state,
        parent_pid,
        is_kernel_thread: flags & PF_KTHREAD != 0,
        threads,
        start_time: start_time.ok_or(Malformed("no start time in field 22"))?,
    })
}

fn small(field: Option<&[u8]>) -> Option<u32> {
    u32::try_from(number(field?)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(comm: &[u8], state: char, parent: u32, flags: u64, threads: u32, start: u64) -> Vec<u8> {
        let mut text = b"77 (".to_vec();
        text.extend_from_slice(comm);
        text.extend_from_slice(
            format!(") {state} {parent} 7 7 0 -1 {flags} 1 2 3 4 5 6 7 8 20 -5 {threads} 0 {start} 4096 1\n")
                .as_bytes(),
        );
        text
    }

    #[test]
    fn a_hostile_name_does_not_shift_the_fields() {
        let text = written(b") Z 1 (\n\xff", 'S', 12, 0x40_0000, 3, 99);
        let parsed = stat(&text).unwrap();
        assert_eq!(parsed.comm, b") Z 1 (\n\xff");
        assert_eq!((parsed.state, parsed.parent_pid), (b'S', 12));
        assert_eq!((parsed.threads, parsed.start_time), (3, 99));
        assert!(!parsed.is_kernel_thread && !parsed.is_dead());
    }

    #[test]
    fn a_dead_leader_with_live_threads_is_alive() {
        let many = written(b"a", 'Z', 1, 0, 2, 1);
        let last = written(b"a", 'Z', 1, 0, 1, 1);
        assert!(stat(&many).unwrap().leader_is_dead() && !stat(&many).unwrap().is_dead());
        assert!(stat(&last).unwrap().is_dead());
    }

    #[test]
    fn kernel_threads_are_known_by_their_flag_alone() {
        let kernel = written(b"kworker/0:1", 'I', 2, 69_238_880, 1, 1);
        let user = written(b"kworker/0:1", 'S', 2, 4_194_304, 1, 1);
        assert!(stat(&kernel).unwrap().is_kernel_thread);
        assert!(!stat(&user).unwrap().is_kernel_thread);
    }

    #[test]
    fn every_cut_is_an_error_that_names_what_is_missing() {
        let whole = written(b"ab", 'S', 1, 0, 1, 123);
        assert_eq!(stat(b""), Err(Malformed("no name in parentheses")));
        assert_eq!(stat(b"1 )x("), Err(Malformed("no name in parentheses")));
        assert_eq!(stat(b"1 (a) Sleeping"), Err(Malformed("no state in field 3")));
        assert_eq!(stat(b"1 (a) S -1"), Err(Malformed("no parent in field 4")));
        let start = whole.len() - " 123 4096 1\n".len();
        for end in 0..=start {
            assert!(stat(&whole[..end]).is_err(), "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>) {
            let parsed = stat(&text);
            prop_assert!(parsed.is_err() || text.contains(&b'('));
        }

        #[test]
        fn what_was_formatted_parses_back(
            comm: Vec<u8>, parent: u32, flags: u64, threads: u32, start: u64,
        ) {
            let text = written(&comm, 'R', parent, flags, threads, start);
            prop_assert_eq!(stat(&text), Ok(Stat {
                comm: &comm,
                state: b'R',
                parent_pid: parent,
                is_kernel_thread: flags & PF_KTHREAD != 0,
                threads,
                start_time: start,
            }));
        }
    }
}
