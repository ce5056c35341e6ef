//! Every key of the configuration, once: what it may hold, what it is without being said, what it means.
//!
//! ```text
//!                 ┌─▶ examples/jettison.toml, and from it what a package installs
//! sections::ALL ──┼─▶ packaging/jettison.schema.json, `jettison schema`
//!                 └─▶ the tables of docs/reference/configuration.md
//! ```
//!
//! The code reads keys by itself (`sections.rs` of the configuration); tests hold it to this list: names,
//! bounds and defaults.

#[cfg(test)]
mod example;
mod key;
#[cfg(test)]
mod reference;
mod schema;
mod sections;
#[cfg(test)]
mod tests;

pub(in crate::config) use sections::DETAILS;

use std::io::Write;

use self::key::Section;
use crate::failure::{Failure, printed};

fn section(name: &str) -> Option<&'static Section> {
    sections::ALL.iter().find(|section| section.name == name)
}

/// `jettison schema`: the JSON schema of the configuration.
pub(crate) fn print_schema() -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = serde_json::to_writer_pretty(&mut out, &schema::schema());
    printed(written.map_err(std::io::Error::from).and_then(|()| writeln!(out)))
}
