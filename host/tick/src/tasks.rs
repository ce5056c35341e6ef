//! Tasks for helpers: hooks and stops of service units, each with a number of its own.

use std::os::fd::BorrowedFd;

use jettison_act::{Ended, Helpers, Task, TaskId};

/// The helpers, and how many tasks they have been given.
pub(crate) struct Tasks {
    helpers: Box<dyn Helpers>,
    started: u64,
}

impl Tasks {
    pub(crate) fn new(helpers: Box<dyn Helpers>) -> Self {
        Self { helpers, started: 0 }
    }

    /// Hands a task over. Its end comes with [`Tasks::take_ended`].
    pub(crate) fn start(&mut self, task: Task) -> TaskId {
        self.started += 1;
        let id = TaskId(self.started);
        self.helpers.start(id, task);
        id
    }

    pub(crate) fn take_ended(&mut self) -> Vec<Ended> {
        self.helpers.take_ended()
    }

    pub(crate) fn helpers_mut(&mut self) -> &mut dyn Helpers {
        self.helpers.as_mut()
    }

    /// Becomes readable when a task has ended.
    pub(crate) fn wake_up(&self) -> Option<BorrowedFd<'_>> {
        self.helpers.wake_up()
    }
}
