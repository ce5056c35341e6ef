//! `jettison diff`: which past victims would be others with a new module.

use std::io::{self, Write};

use jettison_model::text::Escaped;
use jettison_record::Record;
use serde::Serialize;

use super::changes::{Change, Changes, print};
use super::panel::{Panel, Panels};
use super::replay::{what_if, written};
use super::walk::each;
use crate::cli;
use crate::failure::Failure;

/// `jettison diff --json`. Fields are added, never changed.
#[derive(Debug, Serialize)]
struct Compared {
    schema: &'static str,
    /// Armed ticks that both were asked about.
    ticks: u64,
    changes: Vec<Change>,
    /// What could not be read.
    left_out: Vec<String>,
}

pub(crate) fn diff(args: &cli::Diff) -> Result<(), Failure> {
    let (mut old, mut new) = (Panels::default(), Panels::default());
    let mut changes = Changes::default();
    let (mut ticks, mut trouble) = (0, None);
    let cache = args.cache.as_deref();
    let left_out = each(&args.journals, |place, record| {
        let (Record::Tick(tick), Some(setup)) = (record, place.setup) else { return };
        if !tick.snapshot.request.cause.is_armed() || trouble.is_some() {
            return;
        }
        let module = std::slice::from_ref::<String>;
        let old = old.of(setup, || Panel::of_modules(module(&args.old), setup, cache));
        let new = new.of(setup, || Panel::of_modules(module(&args.new), setup, cache));
        trouble = old.missing().or_else(|| new.missing());
        ticks += 1;
        changes.tick(&tick.snapshot, &what_if(setup, &tick, old), &what_if(setup, &tick, new));
    })?;
    if let Some(why) = trouble {
        return Err(Failure::Usage(why));
    }
    let compared = Compared { schema: "jettison.diff/1", ticks, changes: changes.all, left_out };
    written(args.json, &compared, text)?;
    match compared.changes.len() {
        0 => Ok(()),
        differing => Err(Failure::Failed(format!("{differing} decisions would be others"))),
    }
}

fn text(out: &mut io::StdoutLock<'_>, compared: &Compared) -> io::Result<()> {
    for line in &compared.left_out {
        writeln!(out, "left out  {}", Escaped(line.as_bytes()))?;
    }
    writeln!(out, "{} armed ticks, {} decisions would be others", compared.ticks, compared.changes.len())?;
    compared.changes.iter().try_for_each(|change| print(out, change, ["old", "new"]))
}
