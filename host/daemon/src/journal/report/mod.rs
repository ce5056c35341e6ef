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
use crate::private;

pub(crate) fn report(args: &cli::Report) -> Result<(), Failure> {
    let story = story::Story::of(&args.journals)?;
    let html = page::html(&story);
    save(&args.output, &html)
        .map_err(|error| Failure::Failed(format!("{}: cannot be written: {error}", args.output.display())))
}

fn save(path: &Path, html: &str) -> std::io::Result<()> {
    use std::io::Write;
    private::create(path)?.write_all(html.as_bytes())
}
