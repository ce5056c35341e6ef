//! Which processes we have stopped, on file, so that the next daemon lets them go on if this one cannot.
//!
//! ```text
//! f3c0ffee-...        the boot: pids and start times repeat themselves
//! 4711 812345         a pid and its start time, one line for each process, before it is stopped
//! ```
//!
//! A line is appended before SIGSTOP is sent; the file shrinks to its first line when none is stopped any
//! more. Its page is there from the start on, so that a crisis has nothing to allocate for the first hundred.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Result, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jettison_model::ProcessId;
use jettison_model::signal::SIGCONT;

use crate::kernel::Kernel;

/// More is not read of a file: a hundred thousand lines.
const BYTES_MAX: u64 = 4 << 20;

/// The processes that are stopped because of us.
#[derive(Debug, Default)]
pub struct Stopped {
    ids: BTreeSet<ProcessId>,
    file: Option<File>,
    /// Of the first line.
    head_bytes: u64,
    has_failed: bool,
}

impl Stopped {
    /// Lets go on what a daemon before us has left stopped in this boot, and says how many processes that
    /// were. From now on the file is ours.
    ///
    /// # Errors
    /// If it cannot be opened, read or written. A file that says something else is begun anew.
    pub fn recover<K: Kernel>(path: &Path, kernel: &mut K) -> Result<(Self, usize)> {
        let mut open = File::options();
        let mut file = open.read(true).append(true).create(true).mode(0o600).open(path)?;
        let mut before = Vec::new();
        (&file).take(BYTES_MAX).read_to_end(&mut before)?;
        let boot_id = kernel.boot_id();
        let before = String::from_utf8_lossy(&before);
        let mut lines = before.lines();
        let is_ours = lines.next() == Some(boot_id.as_str());
        let resumed = lines.filter(|_| is_ours).filter_map(parse).filter(|&id| resume(kernel, id)).count();
        file.set_len(0)?;
        let head = format!("{boot_id}\n");
        file.write_all(head.as_bytes())?;
        let head_bytes = head.len() as u64;
        Ok((Self { file: Some(file), head_bytes, ..Self::default() }, resumed))
    }

    /// To be called before it is stopped. If that cannot be put on file it is stopped all the same: it would
    /// be left so by a crash within the next moment only.
    pub(crate) fn note(&mut self, id: ProcessId) {
        if self.ids.insert(id) {
            let line = format!("{} {}\n", id.pid, id.start_time);
            self.put(|file| file.write_all(line.as_bytes()));
        }
    }

    /// It goes on, or is gone.
    pub(crate) fn forget(&mut self, id: ProcessId) {
        if self.ids.remove(&id) && self.ids.is_empty() {
            let head_bytes = self.head_bytes;
            self.put(|file| file.set_len(head_bytes));
        }
    }

    fn put(&mut self, write: impl FnOnce(&mut File) -> Result<()>) {
        let Some(Err(error)) = self.file.as_mut().map(write) else { return };
        if !std::mem::replace(&mut self.has_failed, true) {
            tracing::warn!(%error, "which processes are stopped cannot be put on file");
        }
    }
}

fn parse(line: &str) -> Option<ProcessId> {
    let (pid, start_time) = line.split_once(' ')?;
    Some(ProcessId { pid: pid.parse().ok()?, start_time: start_time.parse().ok()? })
}

fn resume<K: Kernel>(kernel: &mut K, id: ProcessId) -> bool {
    kernel.open(id).and_then(|process| kernel.signal(&process, SIGCONT)).is_ok()
}
