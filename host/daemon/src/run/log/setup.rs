//! Where the log goes, and how much of it.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jettison_sense::Root;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

use super::journald::{Entries, Journald};
use super::queue::{Queue, Text, write_lines};
use crate::cli;
use crate::failure::Failure;

/// Lines that wait to be written.
const LINES_MAX: usize = 1024;
/// What the end of the daemon waits for the lines that are left.
const FLUSH: Duration = Duration::from_secs(1);

/// The log while the daemon runs. Dropped, it lets what is left be written, for a moment.
pub(in crate::run) struct Log(Queue);

impl Log {
    /// Sends all events of the wanted levels to journald, if standard error leads there, or to standard
    /// error: time, level, event, `key=value`.
    pub(in crate::run) fn start(args: &cli::Run) -> Result<Self, Failure> {
        let levels = levels(args.log_level)?;
        Self::to(destination(args), levels)
            .map_err(|error| Failure::Failed(format!("the log cannot be started: {error}")))
    }

    fn to(journald: Option<PathBuf>, levels: Targets) -> io::Result<Self> {
        // A descriptor of its own: the lock of `std::io::stderr` would be held while a write blocks.
        let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        let (queue, messages) = Queue::new(LINES_MAX);
        let lost = queue.lost.clone();
        let thread = std::thread::Builder::new().name("log".into());
        if let Some(socket) = journald {
            let journald = Journald::new(socket, stderr)?;
            thread.spawn(move || write_lines(messages, journald, &lost))?;
            registry().with(Entries::new(queue.clone()).with_filter(levels)).init();
        } else {
            let is_terminal = stderr.is_terminal();
            thread.spawn(move || write_lines(messages, Text(stderr), &lost))?;
            let lines = fmt::layer().with_writer(queue.clone()).with_ansi(is_terminal).with_target(false);
            registry().with(lines.with_filter(levels)).init();
        }
        Ok(Self(queue))
    }

    /// How many lines could not be written since the start.
    pub(in crate::run) fn lines_lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.0.flush_within(FLUSH);
    }
}

/// The socket of journald, if that is where the log goes.
fn destination(args: &cli::Run) -> Option<PathBuf> {
    match &args.log {
        cli::LogTo::Auto => leads_to_journald().then(|| Root::live().journal_socket()),
        cli::LogTo::Stderr => None,
        cli::LogTo::Journald => Some(Root::live().journal_socket()),
        cli::LogTo::Socket(path) => Some(path.clone()),
    }
}

/// Whether standard error is a stream of journald: the service manager says which one it is
/// (systemd.exec(5), `$JOURNAL_STREAM`): `8:24735`, the device and the inode.
fn leads_to_journald() -> bool {
    let Some(given) = variable("JOURNAL_STREAM") else { return false };
    let stderr = io::stderr().as_fd().try_clone_to_owned().map(File::from);
    let is = stderr.and_then(|file| file.metadata()).map(|is| format!("{}:{}", is.dev(), is.ino()));
    is.is_ok_and(|is| is == given)
}

/// The option, else `RUST_LOG`, else what an administrator reads.
fn levels(given: Option<cli::LogLevel>) -> Result<Targets, Failure> {
    let given = given.map(|level| match level {
        cli::LogLevel::Error => LevelFilter::ERROR,
        cli::LogLevel::Warn => LevelFilter::WARN,
        cli::LogLevel::Info => LevelFilter::INFO,
        cli::LogLevel::Debug => LevelFilter::DEBUG,
    });
    match (given, variable("RUST_LOG").filter(|text| !text.is_empty())) {
        (Some(level), _) => Ok(Targets::new().with_default(level)),
        (None, Some(text)) => Targets::from_str(&text).map_err(|error| {
            Failure::Usage(format!("RUST_LOG={text}: {error}; for instance `info`, or `debug`"))
        }),
        (None, None) => Ok(Targets::new().with_default(LevelFilter::INFO)),
    }
}

#[expect(clippy::disallowed_methods, reason = "the variables by which every daemon is told of its log")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
