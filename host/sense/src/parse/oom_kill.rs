//! A record of `/dev/kmsg` (Documentation/ABI/testing/dev-kmsg) that names a victim of the kernel's OOM
//! killer (`__oom_kill_process` in mm/oom_kill.c).

use super::text::{cut, number};
use super::value::oom_score_adj;

/// A process that the kernel's OOM killer has killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OomKill<'r> {
    /// Its pid in the kernel's own pid namespace.
    pub pid: u32,
    /// Its name, in which bytes that are not printable ASCII are written as `\xNN`.
    pub comm: &'r [u8],
    /// The anonymous memory that it held, bytes.
    pub anon_rss_bytes: Option<u64>,
    /// The user that started it, in the initial user namespace (since Linux 5.4).
    pub uid: Option<u32>,
    /// Its adjustment (since Linux 5.4).
    pub oom_score_adj: Option<i16>,
    /// Whether a memcg was full, and not the host.
    pub is_memcg: bool,
}

/// `None` for any other record, and for one that a program wrote: only the kernel writes as facility 0.
///
/// ```text
/// 3,812,9794903,-;Memory cgroup out of memory: Killed process 99 (tail) total-vm:67432kB, anon-rss:4kB, ...
/// ```
pub(crate) fn oom_kill(record: &[u8]) -> Option<OomKill<'_>> {
    let (prefix, rest) = cut(record, b';')?;
    let (priority, _) = cut(prefix, b',')?;
    let is_kernels = number(priority)? >> 3 == 0;
    let (message, _) = cut(rest, b'\n').unwrap_or((rest, b""));
    let (reason, killed) = message.split_at_checked(find(message, b": Killed process ")?)?;
    let killed = killed.strip_prefix(b": Killed process ")?;
    let is_memcg = reason.starts_with(b"Memory cgroup out of memory");
    if !is_kernels || !(is_memcg || reason.starts_with(b"Out of memory")) {
        return None;
    }
    let (pid, named) = cut(killed, b' ')?;
    // The name may contain anything, so it ends where the sizes begin for the last time.
    let end = named.windows(SIZES.len()).rposition(|window| window == SIZES)?;
    let (comm, sizes) = named.split_at_checked(end)?;
    let value = |key: &[u8]| {
        let words = sizes.split(|byte| matches!(byte, b' ' | b',')).filter(|word| !word.is_empty());
        words.filter_map(|word| word.strip_prefix(key)).next()
    };
    Some(OomKill {
        pid: u32::try_from(number(pid.strip_suffix(b",").unwrap_or(pid))?).ok()?,
        comm: comm.strip_prefix(b"(")?,
        anon_rss_bytes: value(b"anon-rss:")
            .and_then(|size| number(size.strip_suffix(b"kB")?)?.checked_mul(1024)),
        uid: value(b"UID:").and_then(|uid| u32::try_from(number(uid)?).ok()),
        oom_score_adj: value(b"oom_score_adj:").and_then(oom_score_adj),
        is_memcg,
    })
}

const SIZES: &[u8] = b") total-vm:";

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIZES_OF_6_1: &str = "total-vm:67432kB, anon-rss:65104kB, file-rss:4kB, shmem-rss:1344kB, UID:0 pgtables:168kB oom_score_adj:-17";

    #[test]
    fn the_victim_is_read_from_records_of_all_kernels() {
        let record =
            format!("3,812,9794903,-;Memory cgroup out of memory: Killed process 99 (tail) {SIZES_OF_6_1}\n");
        let expected = OomKill {
            pid: 99,
            comm: b"tail",
            anon_rss_bytes: Some(65104 * 1024),
            uid: Some(0),
            oom_score_adj: Some(-17),
            is_memcg: true,
        };
        assert_eq!(oom_kill(record.as_bytes()), Some(expected));
        let old = b"3,9,1,-;Out of memory: Killed process 7 (a b), UID 0, total-vm:1kB\n";
        assert_eq!(oom_kill(old), None, "sizes do not follow the name");
        let old = b"3,9,1,-;Out of memory (oom_kill_allocating_task): Killed process 7 (a b) total-vm:9kB, anon-rss:4kB\n SUBSYSTEM=x\n";
        let expected = OomKill {
            pid: 7,
            comm: b"a b",
            anon_rss_bytes: Some(4096),
            uid: None,
            oom_score_adj: None,
            is_memcg: false,
        };
        assert_eq!(oom_kill(old), Some(expected));
    }

    #[test]
    fn a_name_or_a_program_forges_none() {
        let name = ") total-vm:1kB, anon-rss:1kB";
        let record = format!("3,1,1,-;Out of memory: Killed process 5 ({name}) {SIZES_OF_6_1}\n");
        let found = oom_kill(record.as_bytes()).unwrap();
        assert_eq!((found.pid, found.comm, found.anon_rss_bytes), (5, name.as_bytes(), Some(65104 * 1024)));
        // Facility 1, which is what the kernel makes of everything that programs write.
        assert_eq!(oom_kill(record.replacen("3,1", "11,1", 1).as_bytes()), None);
        let other = format!("6,1,1,-;audit: Killed process 5 (x) {SIZES_OF_6_1}\n");
        assert_eq!(oom_kill(other.as_bytes()), None);
        assert_eq!(oom_kill(b"6,1,1,-;oom_reaper: reaped process 99 (tail), now anon-rss:0kB\n"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(record: Vec<u8>, tail in "[ -~\n]{0,80}") {
            prop_assert!(oom_kill(&record).is_none());
            let record = format!("3,1,1,-;Out of memory: Killed process {tail}");
            prop_assert!(oom_kill(record.as_bytes()).is_none_or(|found| record.contains(&found.pid.to_string())));
        }

        #[test]
        fn what_was_formatted_parses_back(pid: u32, comm in "[ -~]{0,15}", kib in 0..1_u64 << 50) {
            let record = format!("3,1,1,-;Out of memory: Killed process {pid} ({comm}) total-vm:1kB, anon-rss:{kib}kB\n");
            let found = oom_kill(record.as_bytes()).unwrap();
            prop_assert_eq!((found.pid, found.comm, found.anon_rss_bytes), (pid, comm.as_bytes(), Some(kib * 1024)));
        }
    }
}
