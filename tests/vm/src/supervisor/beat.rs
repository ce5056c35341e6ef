//! How long the machine kept its users waiting.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Between two beats.
pub(crate) const BEAT: Duration = Duration::from_millis(10);

/// The longest time between two of something, beyond what it should be.
#[derive(Clone, Default)]
pub(crate) struct Gap(Arc<AtomicU64>);

impl Gap {
    pub(crate) fn longest_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn note(&self, waited: Duration) {
        self.0.fetch_max(u64::try_from(waited.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// Does nothing, every 10 ms.
pub(crate) fn beat() -> Gap {
    every(BEAT, || {})
}

/// Forks, executes and reads a file: what a user at a shell would need.
pub(crate) fn fork() -> Gap {
    every(Duration::from_millis(100), || {
        // Out of memory it cannot be started either, which is what its gap shows.
        let mut command = Command::new("/bin/busybox");
        command.args(["cat", "/proc/loadavg"]).stdout(Stdio::null()).status().ok();
    })
}

fn every(period: Duration, work: impl Fn() + Send + 'static) -> Gap {
    let gap = Gap::default();
    let noted = gap.clone();
    std::thread::spawn(move || {
        let mut last = Instant::now();
        loop {
            std::thread::sleep(period);
            work();
            noted.note(last.elapsed().saturating_sub(period));
            last = Instant::now();
        }
    });
    gap
}
