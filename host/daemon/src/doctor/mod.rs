//! `jettison doctor`: what this host offers and lacks, and what to do about it. Changes nothing.

mod checks;
mod kernel;
mod report;

use jettison_sense::{Root, Survey};

use crate::cli;
use crate::failure::Failure;
use report::Report;

/// How one thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Ok,
    /// It works without, but not as well.
    Lacking,
    /// Enforcing cannot work without.
    Blocking,
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Check {
    /// A word that scripts can rely on.
    name: &'static str,
    status: Status,
    /// How it is.
    found: String,
    /// What that means and what to do, where something is lacking.
    advice: &'static str,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, found: found.into(), advice: "" }
    }

    fn lacking(name: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Self { name, status: Status::Lacking, found: found.into(), advice }
    }

    fn blocking(name: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Self { name, status: Status::Blocking, found: found.into(), advice }
    }
}

pub(crate) fn doctor(args: &cli::Doctor) -> Result<(), Failure> {
    let root = args.root.as_ref().map_or_else(Root::live, |directory| Root::below(directory));
    let report = Report::of(&Survey::of(&root));
    let mut out = std::io::stdout().lock();
    let written = if args.json { report.write_json(&mut out) } else { report.write_text(&mut out) };
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => {
            written
                .map_err(|error| Failure::Failed(format!("standard output cannot be written: {error}")))?;
        }
    }
    match report.blocking().as_slice() {
        [] => Ok(()),
        names => Err(Failure::Failed(format!("enforcing cannot work here: see {}", names.join(", ")))),
    }
}
