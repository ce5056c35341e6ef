//! Numbers of signal(7) that the host sends itself, the same on every architecture that it runs on, and the
//! names of those that policies may ask for.

/// Interrupt from the keyboard.
pub const SIGINT: u8 = 2;
/// Ends a process at once; cannot be caught.
pub const SIGKILL: u8 = 9;
/// Asks a process to end.
pub const SIGTERM: u8 = 15;
/// Lets a stopped process go on.
pub const SIGCONT: u8 = 18;
/// Stops a process; cannot be caught.
pub const SIGSTOP: u8 = 19;

/// The name, as in `kill -l`. Real-time signals and those that no step may send have none.
#[must_use]
pub fn name(number: u8) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        SIGINT => "SIGINT",
        3 => "SIGQUIT",
        SIGKILL => "SIGKILL",
        10 => "SIGUSR1",
        12 => "SIGUSR2",
        SIGTERM => "SIGTERM",
        SIGCONT => "SIGCONT",
        SIGSTOP => "SIGSTOP",
        28 => "SIGWINCH",
        _ => return None,
    })
}
