//! The daemon alone, as the package's unit starts it.

use std::process::ExitCode;

fn main() -> ExitCode {
    jettison_daemon::daemon()
}
