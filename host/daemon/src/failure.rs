//! Why a command ends with another status than 0 (docs/reference/command-line.md).

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use crate::config::Problem;

/// Each is printed on standard error, one line for each thing that is wrong, with what to do.
pub(crate) enum Failure {
    /// Status 1.
    Failed(String),
    /// Status 2.
    Usage(String),
    /// Status 2.
    Config(Vec<Problem>),
    /// Status 2; the command has said itself what is wrong.
    BadModules,
    /// Status 1, likewise.
    Told,
}

impl Failure {
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::Failed(message) => {
                say(&message);
                ExitCode::from(1)
            }
            Self::Usage(message) => {
                say(&message);
                ExitCode::from(2)
            }
            Self::Config(problems) => {
                for problem in problems {
                    say(&problem);
                }
                ExitCode::from(2)
            }
            Self::BadModules => ExitCode::from(2),
            Self::Told => ExitCode::from(1),
        }
    }
}

/// With a standard error that is closed or full the status alone has to say it.
pub(crate) fn say(message: &impl Display) {
    writeln!(std::io::stderr(), "jettison: {message}").ok();
}

/// What came of printing. A reader that has closed the pipe has read enough: `explain | head`.
pub(crate) fn printed(written: std::io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| unwritable(&error)),
    }
}

/// Standard output is closed or full.
pub(crate) fn unwritable(error: &std::io::Error) -> Failure {
    Failure::Failed(format!("standard output cannot be written: {error}"))
}
