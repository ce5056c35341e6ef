//! `memory.events` of v2 (Documentation/admin-guide/cgroup-v2.rst): "a file modified event is generated" for
//! each change.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, pread, retry_on_intr};

use super::error::TriggerError;
use super::live::live_memcg;
use crate::io::root::Root;
use crate::parse::keyed::entry;
use crate::parse::version::Version;

/// A file of six short lines.
const EVENTS_BYTES_MAX: usize = 1024;

/// How often each event happened in a memcg or below it; 0 where this kernel does not count it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// Reclaimed although below `memory.low`.
    pub low: u64,
    /// Throttled at `memory.high`.
    pub high: u64,
    /// About to go over `memory.max`.
    pub max: u64,
    /// At the limit, and nothing could be reclaimed.
    pub oom: u64,
    /// Processes killed by an OOM killer, the host's or the memcg's own.
    pub oom_kill: u64,
    /// How often the memcg was killed as a whole (`memory.oom.group`; since Linux 5.17).
    pub oom_group_kill: u64,
}

impl EventCounts {
    fn of(text: &[u8]) -> Self {
        let count = |key: &[u8]| entry(text, key).unwrap_or(0);
        Self {
            low: count(b"low"),
            high: count(b"high"),
            max: count(b"max"),
            oom: count(b"oom"),
            oom_kill: count(b"oom_kill"),
            oom_group_kill: count(b"oom_group_kill"),
        }
    }

    /// The events since. A memcg that was created again counts from 0, so all of its events are new.
    fn since(self, before: Self) -> Self {
        let added = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
        Self {
            low: added(self.low, before.low),
            high: added(self.high, before.high),
            max: added(self.max, before.max),
            oom: added(self.oom, before.oom),
            oom_kill: added(self.oom_kill, before.oom_kill),
            oom_group_kill: added(self.oom_group_kill, before.oom_group_kill),
        }
    }
}

/// The events of one memcg. Poll it for `POLLPRI`; [`MemcgEvents::take`] returns what has happened and arms
/// it again.
#[derive(Debug)]
pub struct MemcgEvents {
    file: Notice,
    before: EventCounts,
}

impl AsFd for MemcgEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.fd.as_fd()
    }
}

impl MemcgEvents {
    /// Starts to watch a memcg, a path below the hierarchy's root that is not the root itself.
    ///
    /// # Errors
    /// [`TriggerError::OtherVersion`] on v1; others as they say. The daemon goes on without.
    pub fn arm(root: &Root, memcg: &str) -> Result<Self, TriggerError> {
        let path = live_memcg(root, memcg, Version::V2)?.join("memory.events");
        let file = Notice::open(&path)?;
        let before = file.read(EventCounts::of)?;
        Ok(Self { file, before })
    }

    /// What has happened since the last call, or since it was armed. Allocates nothing unless it fails.
    ///
    /// # Errors
    /// [`TriggerError::Absent`] if the memcg is gone: drop this and wait for it to come again.
    pub fn take(&mut self) -> Result<EventCounts, TriggerError> {
        let now = self.file.read(EventCounts::of)?;
        Ok(now.since(std::mem::replace(&mut self.before, now)))
    }
}

/// A kernfs file that can be polled for changes: `POLLPRI` until it is read again (`kernfs_generic_poll` in
/// fs/kernfs/file.c).
#[derive(Debug)]
struct Notice {
    path: PathBuf,
    fd: OwnedFd,
}

impl Notice {
    fn open(path: &Path) -> Result<Self, TriggerError> {
        let opened = retry_on_intr(|| open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()));
        let fd = opened.map_err(|errno| TriggerError::of(path.into(), errno))?;
        Ok(Self { path: path.into(), fd })
    }

    fn read<T>(&self, parse: impl FnOnce(&[u8]) -> T) -> Result<T, TriggerError> {
        let mut text = [0; EVENTS_BYTES_MAX];
        let read: Result<usize, Errno> = retry_on_intr(|| pread(&self.fd, &mut text, 0));
        let length = read.map_err(|errno| TriggerError::of(self.path.clone(), errno))?;
        Ok(parse(text.get(..length).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use std::io::Write;
    use std::process::{Command, Stdio};

    #[test]
    fn counts_are_the_events_since_the_last_call() {
        let before = EventCounts::of(b"low 0\nhigh 3\nmax 17\noom 1\noom_kill 1\n");
        let now = EventCounts::of(b"low 0\nhigh 3\nmax 20\noom 2\noom_kill 1\noom_group_kill 1\n");
        let expected = EventCounts { max: 3, oom: 1, oom_group_kill: 1, ..EventCounts::default() };
        assert_eq!(now.since(before), expected);
        let made_again = EventCounts { max: 2, ..EventCounts::default() };
        assert_eq!(made_again.since(before).max, 2);
        assert_eq!(EventCounts::of(b"garbage\nmax\nmax -1\n"), EventCounts::default());
    }

    proptest! {
        #[test]
        fn what_was_formatted_parses_back(counts: [u64; 3], text: Vec<u8>) {
            let [max, oom, oom_kill] = counts;
            let lines = format!("low 0\nhigh 0\nmax {max}\noom {oom}\noom_kill {oom_kill}\n");
            prop_assert_eq!(EventCounts::of(lines.as_bytes()), EventCounts { max, oom, oom_kill, ..EventCounts::default() });
            prop_assert_eq!(EventCounts::of(&text).since(EventCounts::of(&text)), EventCounts::default());
        }
    }

    fn is_told(notice: &Notice, wait_s: i64) -> bool {
        let mut files = [PollFd::new(&notice.fd, PollFlags::PRI)];
        let wait = Timespec { tv_sec: wait_s, tv_nsec: 0 };
        poll(&mut files, Some(&wait)).unwrap();
        files[0].revents().contains(PollFlags::PRI)
    }

    /// Every cgroup of v2 has a `cgroup.events` of the same kind, whichever hierarchy has the memory
    /// controller.
    #[test]
    #[ignore = "needs root, to make a cgroup"]
    fn the_kernel_tells_of_a_change_once_and_again_after_a_read() {
        let cgroup = Root::live().sys.join("fs/cgroup");
        let unified = cgroup.join("unified");
        let tree = if unified.join("cgroup.procs").exists() { unified } else { cgroup };
        let directory = tree.join(format!("jettison-notice-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let notice = Notice::open(&directory.join("cgroup.events")).unwrap();
        let populated = || notice.read(|text| entry(text, b"populated")).unwrap();
        assert_eq!(populated(), Some(0));
        assert!(!is_told(&notice, 0), "nothing has changed");
        // `read` ends with its input.
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ > \"$0\" && read line"]).arg(directory.join("cgroup.procs"));
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        assert!(is_told(&notice, 10));
        assert_eq!(populated(), Some(1));
        assert!(!is_told(&notice, 0), "it was read");
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert!(child.wait().unwrap().success() && is_told(&notice, 10));
        assert_eq!(populated(), Some(0));
        std::fs::remove_dir(&directory).unwrap();
        let gone = notice.read(|_| ()).unwrap_err();
        assert!(matches!(gone, TriggerError::Absent { .. }), "{gone}");
    }
}
