//! The way of a victim, walked once at the start on a process of our own: what it touches is in memory, and
//! its thread is there, when nothing can be had any more.

use std::io::{Error, Result};
use std::process::{Command as Program, Stdio};

use jettison_model::signal::SIGTERM;
use jettison_model::{Command, Outcome, ProcessId};

use crate::actuator::Actuator;
use crate::live::LiveKernel;

impl Actuator<LiveKernel> {
    /// Starts a program that waits for its standard input, and shuts it down by every rung: stopped, SIGTERM,
    /// resumed, SIGKILL, reaped. In a dry run nothing happens.
    ///
    /// # Errors
    /// If it cannot be started, or if the kernel refuses what it would refuse of a victim, too.
    pub fn drill(&mut self, program: &mut Program) -> Result<()> {
        if self.holding().is_none() {
            return Ok(());
        }
        let mut child = program.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let walked = self.walk(child.id());
        // Fails if it has ended.
        child.kill().ok();
        child.wait()?;
        walked
    }

    fn walk(&mut self, pid: u32) -> Result<()> {
        let start_time = self.kernel_mut().start_time(pid)?;
        let id = ProcessId { pid, start_time };
        self.alive(&[id]);
        let commands = [
            Command::Stop { id },
            Command::Signal { id, number: SIGTERM },
            Command::Resume { id },
            Command::Kill { id },
            Command::Reap { id },
        ];
        let reports = commands.map(|command| self.execute(&command));
        self.watch(id);
        self.forget(id);
        let is_refused = |outcome: Outcome| !matches!(outcome, Outcome::Done | Outcome::Gone);
        match reports.iter().find(|report| is_refused(report.outcome)) {
            Some(report) => Err(Error::other(format!("{:?}", report.outcome))),
            None => Ok(()),
        }
    }
}
