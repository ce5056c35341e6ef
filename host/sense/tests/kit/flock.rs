//! Thousands of memcgs without a process.
#![allow(dead_code, reason = "each user takes a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jettison_tests::{Memcg, Running};

/// Below a memcg of the caller's. Removed when dropped: what was started in them has ended by then.
pub(crate) struct Flock {
    above: PathBuf,
    path: String,
    count: usize,
}

impl Flock {
    pub(crate) fn new(memcg: &Memcg, count: usize) -> Self {
        let mount = if memcg.version() == "v2" { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/memory" };
        let above = Path::new(mount).join(memcg.path().trim_start_matches('/'));
        let flock = Self { above, path: memcg.path().into(), count };
        (0..count).for_each(|number| fs::create_dir(flock.directory(number)).unwrap());
        flock
    }

    pub(crate) fn directory(&self, number: usize) -> PathBuf {
        self.above.join(number.to_string())
    }

    /// Below the hierarchy's root.
    pub(crate) fn path(&self, number: usize) -> String {
        format!("{}/{number}", self.path)
    }

    /// A process in one of them, and the path of that.
    pub(crate) fn sleeper(&self, number: usize) -> (Running, String) {
        let sleeper = Running(Command::new("sleep").arg("300").spawn().unwrap());
        fs::write(self.directory(number).join("cgroup.procs"), sleeper.id().to_string()).unwrap();
        (sleeper, self.path(number))
    }
}

impl Drop for Flock {
    fn drop(&mut self) {
        for number in 0..self.count {
            // One that has a process yet stays, and so does the memcg above, which says so.
            fs::remove_dir(self.directory(number)).ok();
        }
    }
}
