//! A process that takes as much memory as it is given to read.

use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, ExitStatus, Stdio};

use anyhow::{Context, Result};

use crate::{Memcg, wait_for};

/// `tail`, which keeps a line that does not end. Ended when dropped.
#[derive(Debug)]
pub struct Hog {
    child: Child,
    /// An option, so that it can be closed.
    line: Option<ChildStdin>,
}

impl Hog {
    /// One in a memcg. With `is_deaf` it ignores SIGTERM, which is inherited through exec (signal(7)).
    ///
    /// # Errors
    /// If there is no `sh` or no `tail`.
    pub fn new(memcg: &Memcg, is_deaf: bool) -> Result<Self> {
        let mut command = memcg.command(Path::new("sh"));
        command.args(["-c", if is_deaf { "trap '' TERM; exec tail" } else { "exec tail" }]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().context("sh")?;
        let line = child.stdin.take();
        let comm = format!("/proc/{}/comm", child.id());
        wait_for("tail in its memcg", || (std::fs::read_to_string(&comm).ok()? == "tail\n").then_some(()));
        Ok(Self { child, line })
    }

    /// Its pid.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has it take so much more.
    ///
    /// # Errors
    /// If it has ended.
    pub fn take_mib(&mut self, mib: usize) -> Result<()> {
        let line = self.line.as_mut().context("it is closed")?;
        let mebibyte = vec![b'x'; 1 << 20];
        (0..mib).try_for_each(|_| line.write_all(&mebibyte)).context("it reads no more")
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// As waitpid(2) has them.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("waitpid")
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        // Killed first: at the end of its line it would print all of it. Both fail if it has ended, as it
        // should.
        self.child.kill().ok();
        self.child.wait().ok();
        drop(self.line.take());
    }
}
