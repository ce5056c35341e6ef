//! Options of the log.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;

/// Where the log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LogTo {
    /// To journald if standard error leads there, else to standard error.
    Auto,
    Stderr,
    Journald,
    /// Another socket that speaks journald's protocol.
    Socket(PathBuf),
}

impl FromStr for LogTo {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "stderr" => Ok(Self::Stderr),
            "journald" => Ok(Self::Journald),
            path if Path::new(path).is_absolute() => Ok(Self::Socket(path.into())),
            _ => Err("expected auto, stderr, journald or an absolute path"),
        }
    }
}

/// How severe an event has to be.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}
