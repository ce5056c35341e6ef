//! `/proc/PID/status` (proc_pid_status(5)). The kernel escapes the name in its first line, so no process can
//! forge one.

use super::stat::Stat;
use super::text::{Malformed, cut, kib, lines, number};

/// The values of `status` that are used. `None` where there is no such line (before Linux 4.5 there is only a
/// sum).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status<'a> {
    /// Escaped by the kernel: a newline is `\n`, a backslash is `\\`.
    pub(crate) name: &'a [u8],
    /// One letter, as in `stat`.
    pub(crate) state: Option<u8>,
    pub(crate) parent_pid: Option<u32>,
    pub(crate) threads: Option<u32>,
    /// The effective one.
    pub(crate) uid: u32,
    /// The address space.
    pub(crate) size_bytes: Option<u64>,
    pub(crate) rss_anon_bytes: Option<u64>,
    pub(crate) rss_file_bytes: Option<u64>,
    pub(crate) rss_shmem_bytes: Option<u64>,
    pub(crate) swap_bytes: Option<u64>,
    pub(crate) page_table_bytes: Option<u64>,
}

/// A name and a value on each line. A process that has freed its memory (a zombie, one that is exiting) has
/// no sizes: they are 0.
///
/// ```text
/// Name:   postgres
/// State:  S (sleeping)
/// PPid:   700
/// Uid:    26      26      26      26      real, effective, saved, file system
/// VmSize:   921600 kB
/// RssAnon:  512000 kB
/// Threads:        1
/// ```
pub(crate) fn status(text: &[u8]) -> Result<Status<'_>, Malformed> {
    let mut uid = None;
    let mut found = Status::default();
    for line in lines(text) {
        let Some((key, value)) = cut(line, b':') else {
            continue;
        };
        let slot = match key {
            b"Name" => {
                found.name = value.strip_prefix(b"\t").unwrap_or(value);
                continue;
            }
            b"State" => {
                found.state = value.trim_ascii_start().first().copied();
                continue;
            }
            b"PPid" => {
                found.parent_pid = small(value);
                continue;
            }
            b"Uid" => {
                uid = effective(value);
                continue;
            }
            b"Threads" => {
                found.threads = small(value);
                break;
            }
            b"VmSize" => &mut found.size_bytes,
            b"RssAnon" => &mut found.rss_anon_bytes,
            b"RssFile" => &mut found.rss_file_bytes,
            b"RssShmem" => &mut found.rss_shmem_bytes,
            b"VmPTE" => &mut found.page_table_bytes,
            b"VmSwap" => &mut found.swap_bytes,
            _ => continue,
        };
        *slot = Some(kib(value).ok_or(Malformed("a size is not a number of kB"))?);
    }
    found.uid = uid.ok_or(Malformed("no line `Uid:` with four numbers"))?;
    Ok(if found.size_bytes.is_some() { found } else { found.or_zero() })
}

/// The pid of the process that a thread belongs to: its own where the thread is the leader.
///
/// ```text
/// Tgid:   700
/// ```
pub(crate) fn thread_group(text: &[u8]) -> Option<u32> {
    lines(text).find_map(|line| small(line.strip_prefix(b"Tgid:")?))
}

impl<'a> Status<'a> {
    /// The `stat` of a process that is no kernel thread and has this start time. `None` where only `stat`
    /// itself will do: the name is escaped, or the leader is dead.
    pub(crate) fn as_stat(&self, start_time: u64) -> Option<Stat<'a>> {
        let found = Stat {
            comm: self.name,
            state: self.state?,
            parent_pid: self.parent_pid?,
            is_kernel_thread: false,
            threads: self.threads?,
            start_time,
        };
        (!found.leader_is_dead() && !self.name.contains(&b'\\')).then_some(found)
    }

    fn or_zero(self) -> Self {
        let zero = |value: Option<u64>| value.or(Some(0));
        Self {
            size_bytes: zero(self.size_bytes),
            rss_anon_bytes: zero(self.rss_anon_bytes),
            rss_file_bytes: zero(self.rss_file_bytes),
            rss_shmem_bytes: zero(self.rss_shmem_bytes),
            swap_bytes: zero(self.swap_bytes),
            page_table_bytes: zero(self.page_table_bytes),
            ..self
        }
    }
}

fn small(value: &[u8]) -> Option<u32> {
    u32::try_from(number(value.trim_ascii())?).ok()
}

/// Real, effective, saved, file system.
fn effective(value: &[u8]) -> Option<u32> {
    let mut ids = value.split(u8::is_ascii_whitespace).filter(|id| !id.is_empty());
    u32::try_from(number(ids.nth(1)?)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_effective_uid_and_the_sizes_are_taken() {
        let text = b"Name:\tpost\\ngres\nState:\tS (sleeping)\nPPid:\t12\nUid:\t1000\t26\t1000\t1000\nVmSize:\t 9 kB\nVmRSS:\t  7 kB\n\
            RssAnon:\t    1024 kB\nRssFile:\t 2048 kB\nRssShmem:\t 3072 kB\nVmPTE:\t 4 kB\nVmSwap:\t 5120 kB\nThreads:\t1\n";
        assert_eq!(
            status(text),
            Ok(Status {
                name: b"post\\ngres",
                state: Some(b'S'),
                parent_pid: Some(12),
                threads: Some(1),
                uid: 26,
                size_bytes: Some(9 << 10),
                rss_anon_bytes: Some(MIB),
                rss_file_bytes: Some(2 * MIB),
                rss_shmem_bytes: Some(3 * MIB),
                swap_bytes: Some(5 * MIB),
                page_table_bytes: Some(4096),
            })
        );
    }

    #[test]
    fn it_stands_for_stat_unless_stat_tells_more() {
        let text = |name: &str, state: &str| {
            format!("Name:\t{name}\nState:\t{state}\nPPid:\t12\nUid:\t0\t0\t0\t0\nThreads:\t3\n")
        };
        let (plain, escaped, dead) =
            (text("a b", "S (sleeping)"), text("a\\nb", "S (sleeping)"), text("a", "Z (zombie)"));
        let expected = Stat {
            comm: b"a b",
            state: b'S',
            parent_pid: 12,
            is_kernel_thread: false,
            threads: 3,
            start_time: 5,
        };
        assert_eq!(status(plain.as_bytes()).unwrap().as_stat(5), Some(expected));
        assert_eq!(status(escaped.as_bytes()).unwrap().as_stat(5), None);
        assert_eq!(status(dead.as_bytes()).unwrap().as_stat(5), None);
        assert_eq!(status(b"Uid:\t0\t0\t0\t0\n").unwrap().as_stat(5), None);
    }

    #[test]
    fn without_memory_everything_is_0_and_with_an_old_kernel_it_is_unknown() {
        let zombie = status(b"Name:\ta\nState:\tZ (zombie)\nUid:\t0\t0\t0\t0\nThreads:\t1\n").unwrap();
        assert_eq!((zombie.rss_anon_bytes, zombie.swap_bytes), (Some(0), Some(0)));
        let old = status(b"Uid:\t0\t0\t0\t0\nVmSize:\t 9 kB\nVmRSS:\t 8 kB\nVmPTE:\t 4 kB\nVmSwap:\t 0 kB\n")
            .unwrap();
        assert_eq!((old.rss_anon_bytes, old.page_table_bytes), (None, Some(4096)));
    }

    #[test]
    fn garbage_is_named() {
        let no_uid = Err(Malformed("no line `Uid:` with four numbers"));
        assert_eq!(status(b""), no_uid);
        assert_eq!(status(b"Uid:\t0\n"), no_uid);
        assert_eq!(status(b"Uid:\t0\t4294967296\t0\t0\n"), no_uid);
        assert_eq!(
            status(b"Uid:\t0\t0\t0\t0\nRssAnon:\t12 MB\n"),
            Err(Malformed("a size is not a number of kB"))
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>, line in "(Uid|RssAnon|VmSwap|VmSize)?[:\t 0-9kB\n]{0,60}") {
            prop_assert!(status(&text).is_err() || !text.is_empty());
            prop_assert!(status(line.as_bytes()).is_err() || line.contains("Uid"));
        }

        #[test]
        fn what_was_formatted_parses_back(uid: u32, sizes: [u32; 5]) {
            let [anon, file, shmem, pte, swap] = sizes;
            let text = format!(
                "Uid:\t1\t{uid}\t3\t4\nVmSize:\t1 kB\nRssAnon:\t{anon:8} kB\nRssFile:\t{file} kB\n\
                 RssShmem:\t{shmem} kB\nVmPTE:\t{pte} kB\nVmSwap:\t{swap} kB\n"
            );
            let bytes = |size: u32| Some(u64::from(size) * 1024);
            prop_assert_eq!(status(text.as_bytes()), Ok(Status {
                uid,
                size_bytes: bytes(1),
                rss_anon_bytes: bytes(anon),
                rss_file_bytes: bytes(file),
                rss_shmem_bytes: bytes(shmem),
                swap_bytes: bytes(swap),
                page_table_bytes: bytes(pte),
                ..Status::default()
            }));
        }
    }
}
