//! What others may know of it.

use std::os::fd::BorrowedFd;

use jettison_act::Kernel;
use jettison_model::{Hold, ProcessId};

use crate::history::Past;
use crate::pipeline::{Decision, Pipeline};
use crate::samples::Samples;
use crate::ticker::Ticker;
use crate::underway::Underway;

impl<S, P, K: Kernel> Ticker<S, P, K> {
    /// What decisions are made from.
    pub fn pipeline(&self) -> &Pipeline<S, P> {
        &self.pipeline
    }

    /// The last decision, about the snapshot that the pipeline has. The victims of its plan are under way,
    /// unless this is a dry run.
    pub fn last(&self) -> Option<&Decision> {
        self.last.as_ref()
    }

    /// Victims that are not gone yet.
    pub fn underway(&self) -> &[Underway] {
        self.shutdowns.underway()
    }

    /// The last victims that are gone, the latest last.
    pub fn history(&self) -> impl Iterator<Item = &Past> {
        self.history.iter()
    }

    /// The values of `oom_score_adj` that are held.
    pub fn held(&self) -> impl Iterator<Item = Hold> {
        self.ledger.held()
    }

    /// Whether nothing is written and no process signalled.
    pub fn is_dry(&self) -> bool {
        self.is_dry
    }

    /// How many processes the kernel's OOM killer took since the start, in our scope.
    pub fn kernel_kills(&self) -> u64 {
        self.kernel_kills
    }

    /// Since the start.
    pub fn ticks(&self) -> u64 {
        self.ticks
    }

    /// What the last ticks took, in microseconds.
    pub fn tick_us(&self) -> &Samples {
        &self.tick_us
    }

    /// Becomes readable when the process ends.
    pub fn exit_of(&mut self, id: ProcessId) -> Option<BorrowedFd<'_>> {
        self.actuator.watch(id)
    }

    /// Becomes readable when a hook has ended, or systemd has answered.
    pub fn task_ended(&self) -> Option<BorrowedFd<'_>> {
        self.tasks.wake_up()
    }
}
