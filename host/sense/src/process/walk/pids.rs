//! Which processes there are.

use std::os::fd::AsFd;

use jettison_model::column::reuse;
use jettison_model::limits::PROCESSES_MAX;

use super::ProcessWalk;
use crate::io::error::Faults;
use crate::process::tasks::{InStep, Task};

impl ProcessWalk {
    /// Takes the pids of a look at all processes at once. One of the last list that this look does not have
    /// is gone, or is not shown to it: its files say which.
    pub(crate) fn take_pids(&mut self, tasks: &[Task], faults: &mut Faults) {
        std::mem::swap(&mut self.pids, &mut self.last_pids);
        let (pids, mut found) = (&mut self.pids, InStep::of(tasks));
        reuse(pids);
        pids.extend(tasks.iter().map(|task| task.pid));
        pids.extend(self.last_pids.iter().filter(|&&pid| !found.has(pid)));
        self.order_pids(faults);
    }

    /// Lists the pids. Where the kernel refuses that, for want of memory for instance, those of the last list
    /// are kept.
    pub(crate) fn list(&mut self, faults: &mut Faults) {
        std::mem::swap(&mut self.pids, &mut self.last_pids);
        let pids = &mut self.pids;
        reuse(pids);
        let listed = self.files.listing.numbers(self.files.directory.as_fd(), pids);
        if let Err(errno) = listed {
            faults.add(&self.files.proc, &[], &format_args!("cannot be listed: {errno}"));
            pids.extend_from_slice(&self.last_pids);
        }
        self.order_pids(faults);
    }

    /// One may be there twice: a thread that executes a program takes the pid of its leader.
    fn order_pids(&mut self, faults: &mut Faults) {
        let pids = &mut self.pids;
        pids.sort_unstable();
        pids.dedup();
        if pids.len() > PROCESSES_MAX {
            let what = format_args!("over {PROCESSES_MAX} processes: the rest is not read");
            faults.add(&self.files.proc, &[], &what);
            pids.truncate(PROCESSES_MAX);
        }
    }
}
