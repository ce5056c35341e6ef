//! Which system call of a scan fails next, in tests.

use std::cell::Cell;

use rustix::io::Errno;

thread_local! {
    /// How many calls there were, and which one fails with what.
    pub(crate) static CALLS: Cell<u64> = const { Cell::new(0) };
    pub(crate) static PLAN: Cell<Option<(u64, Errno)>> = const { Cell::new(None) };
}

/// What the next system call of this thread fails with.
pub(crate) fn due() -> Option<Errno> {
    let call = CALLS.get();
    CALLS.set(call + 1);
    PLAN.get().and_then(|(due, errno)| (due == call).then_some(errno))
}
