//! Names of the lines of the log that an administrator may want to be told of by name: what a line says may
//! change, its name does not.

/// A victim was named.
pub const VICTIM_NAMED: &str = "victim-named";
/// A signal of a graceful step, or SIGKILL, was sent to a victim.
pub const VICTIM_SIGNALLED: &str = "victim-signalled";
/// A victim is gone.
pub const VICTIM_ENDED: &str = "victim-ended";
/// A victim was given up: it may not be signalled, or did not answer.
pub const VICTIM_GIVEN_UP: &str = "victim-given-up";
/// The kernel's OOM killer took a process.
pub const KERNEL_KILL: &str = "kernel-kill";
/// Memory is short, and no unit is worth ending.
pub const NOTHING_WORTH_IT: &str = "nothing-worth-it";

/// All of them.
pub const ALL: [&str; 6] =
    [VICTIM_NAMED, VICTIM_SIGNALLED, VICTIM_ENDED, VICTIM_GIVEN_UP, KERNEL_KILL, NOTHING_WORTH_IT];
