//! The command.

use std::io::Write;

use super::explained::Explained;
use super::{table, tree, wire};
use crate::cli;
use crate::failure::{Failure, printed};

pub(crate) fn explain(args: &cli::Explain) -> Result<(), Failure> {
    let explained = Explained::of(args)?;
    let mut out = std::io::stdout().lock();
    let written = if args.json {
        serde_json::to_writer_pretty(&mut out, &wire::Explanation::of(&explained))
            .map_err(std::io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        let rows = if args.tree { tree::print } else { table::print };
        table::around(&mut out, &explained, |out| rows(out, &explained, args.top))
    };
    printed(written)
}
