//! `jettison report`: a journal as one page, with plots, that needs nothing else.
//!
//! ```text
//! records ─ story ─▶ points, moments ─ plot ─▶ SVG ─ page ─▶ HTML
//! ```
//!
//! No script and nothing from elsewhere. Names are escaped: a process chooses its own.

mod html;
mod page;
mod plot;
mod story;

use std::path::Path;

use crate::cli;
use crate::failure::Failure;

pub(crate) fn report(args: &cli::Report) -> Result<(), Failure> {
    let story = story::Story::of(&args.journals)?;
    let html = page::html(&story);
    save(&args.output, &html)
        .map_err(|error| Failure::Failed(format!("{}: cannot be written: {error}", args.output.display())))
}

/// For its owner only, since command lines and names are in it.
fn save(path: &Path, html: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(html.as_bytes())
}
