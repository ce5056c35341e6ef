//! Processes that end with the test.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{Memcg, wait_for};

/// A process that is ended when dropped, whatever it waits for.
#[derive(Debug)]
pub struct Running(pub Child);

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// So many processes that sleep in a memcg for a quarter of an hour. All of them run `sleep` by now. Raises
/// our own limit of open files, as the daemon does: a sensor keeps one open for each.
///
/// # Errors
/// If there is no `sleep`, or no more processes may be started.
pub fn sleepers(memcg: &Memcg, count: usize) -> Result<Vec<Running>> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).context("the limit of files")?;
    let sleeper = |_| {
        let mut command = memcg.command(Path::new("sleep"));
        command.arg("900").stdin(Stdio::null()).spawn().map(Running).context("sleep")
    };
    let sleepers = (0..count).map(sleeper).collect::<Result<Vec<_>>>()?;
    if let Some(last) = sleepers.last() {
        let comm = format!("/proc/{}/comm", last.id());
        wait_for("sleep in its memcg", || (std::fs::read_to_string(&comm).ok()? == "sleep\n").then_some(()));
    }
    Ok(sleepers)
}
