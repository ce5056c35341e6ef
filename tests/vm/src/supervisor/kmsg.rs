//! What the kernel's OOM killer took, as the kernel says it (`__oom_kill_process` in mm/oom_kill.c).

use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::io::Errno;

/// The longest record that the kernel gives out (`PRINTK_MESSAGE_MAX`).
const RECORD_BYTES: usize = 8192;
/// For our thread to have read what the kernel has counted already.
const CATCH_UP: Duration = Duration::from_millis(50);
const CATCH_UPS: usize = 20;

/// Names, in order.
#[derive(Clone, Default)]
pub(crate) struct OomKills(Arc<Mutex<Vec<String>>>);

impl OomKills {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self> {
        let file = File::open("/dev/kmsg").context("/dev/kmsg")?;
        let kills = Self::default();
        let noted = kills.clone();
        std::thread::spawn(move || {
            for_each_record(file, |record| {
                if let Some(name) = killed(record) {
                    noted.0.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned());
                }
            });
        });
        Ok(kills)
    }

    /// All names. A failure if the kernel has counted others than it has told us of.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let mut counted = 0;
        let mut names = Vec::new();
        for _ in 0..CATCH_UPS {
            names = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            counted = counted_kills()?;
            if counted == names.len() {
                return Ok(names);
            }
            sleep(CATCH_UP);
        }
        ensure!(counted == names.len(), "the kernel counts {counted} OOM kills, /dev/kmsg names {names:?}");
        Ok(names)
    }
}

/// One record a read, for ever. One that was overwritten before we came (EPIPE) is skipped, not the end.
fn for_each_record(mut file: impl Read, mut take: impl FnMut(&str)) {
    let mut record = vec![0; RECORD_BYTES];
    loop {
        match file.read(&mut record) {
            Ok(0) => return,
            Ok(length) => take(&String::from_utf8_lossy(record.get(..length).unwrap_or_default())),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::PIPE) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// `oom_kill` of /proc/vmstat, since boot.
fn counted_kills() -> Result<usize> {
    let text = std::fs::read_to_string("/proc/vmstat").context("/proc/vmstat")?;
    let count = text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok());
    count.context("/proc/vmstat has no oom_kill")
}

/// The comm in "Out of memory: Killed process 77 (hog) total-vm:…", or in the same of a memory cgroup.
fn killed(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("ut of memory: Killed process ")?;
    rest.split_once('(')?.1.split_once(") total-vm").map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use std::io::{Error, Read, Result};

    use super::*;

    /// Gives one result a read.
    struct Records(Vec<Result<&'static str>>);

    impl Read for Records {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let record = self.0.remove(0)?.as_bytes();
            buffer[..record.len()].copy_from_slice(record);
            Ok(record.len())
        }
    }

    #[test]
    fn a_record_that_was_overwritten_is_not_the_end() {
        let lost = Error::from(Errno::PIPE);
        let mut seen = Vec::new();
        for_each_record(Records(vec![Ok("a"), Err(lost), Ok("b")]), |record| seen.push(record.to_owned()));
        assert_eq!(seen, ["a", "b"]);
    }

    #[test]
    fn both_kinds_of_kills_are_known_and_nothing_else_is() {
        let host = "3,512,9;Out of memory: Killed process 77 (hog) total-vm:1kB, anon-rss:1kB";
        assert_eq!(killed(host), Some("hog"));
        let memcg = "3,1,2;Memory cgroup out of memory: Killed process 9 (a) b) total-vm:1kB";
        assert_eq!(killed(memcg), Some("a) b"));
        assert_eq!(killed("4,1,2;oom_reaper: reaped process 77 (hog), now anon-rss:0kB"), None);
    }
}
