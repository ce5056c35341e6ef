//! The command.

use jettison_sense::{Root, Survey};

use super::report::Report;
use super::{running, service};
use crate::cli;
use crate::failure::{Failure, printed};

pub(crate) fn doctor(args: &cli::Doctor) -> Result<(), Failure> {
    let root = args.root.as_ref().map_or_else(Root::live, |directory| Root::below(directory));
    let mut report = Report::of(&Survey::of(&root));
    if root.is_live() {
        report.add([service::trust(args.config.as_deref())]);
        report.add(running::checks(&args.daemon.state_dir));
    }
    let mut out = std::io::stdout().lock();
    let written = if args.json { report.write_json(&mut out) } else { report.write_text(&mut out) };
    printed(written)?;
    match report.blocking().as_slice() {
        [] => Ok(()),
        names => Err(Failure::Failed(format!("enforcing cannot work here: see {}", names.join(", ")))),
    }
}
