//! The daemon and all commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    jettison_daemon::tool()
}
