//! Whom the kernel's OOM killer took, as the kernel says it (`__oom_kill_process` in mm/oom_kill.c).

use std::io::{BufRead, BufReader};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};

/// Names, in order.
#[derive(Clone, Default)]
pub(crate) struct OomKills(Arc<Mutex<Vec<String>>>);

impl OomKills {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self> {
        let file = std::fs::File::open("/dev/kmsg").context("/dev/kmsg")?;
        let kills = Self::default();
        let noted = kills.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(file).lines().map_while(Result::ok) {
                if let Some(name) = killed(&line) {
                    noted.0.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned());
                }
            }
        });
        Ok(kills)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The comm in "Out of memory: Killed process 77 (hog) total-vm:…", or in the same of a memory cgroup.
fn killed(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("ut of memory: Killed process ")?;
    rest.split_once('(')?.1.split_once(") total-vm").map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::killed;

    #[test]
    fn both_kinds_of_kills_are_known_and_nothing_else_is() {
        let host = "3,512,9;Out of memory: Killed process 77 (hog) total-vm:1kB, anon-rss:1kB";
        assert_eq!(killed(host), Some("hog"));
        let memcg = "3,1,2;Memory cgroup out of memory: Killed process 9 (a) b) total-vm:1kB";
        assert_eq!(killed(memcg), Some("a) b"));
        assert_eq!(killed("4,1,2;oom_reaper: reaped process 77 (hog), now anon-rss:0kB"), None);
    }
}
