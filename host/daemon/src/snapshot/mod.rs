//! `jettison snapshot`: the sensed state as a file, `jettison.snapshot/1`, that ordinary tools can read, and
//! back.
//!
//! ```text
//! sense ─▶ Snapshot ─ write ─▶ wire::File ─ redact ─▶ JSON ─ read, fit ─▶ Snapshot ─▶ explain
//! ```

mod cell;
mod fit;
mod read;
mod redact;
mod table;
mod wire;
mod write;

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::time::Duration;

use jettison_model::{Needs, Snapshot};
use jettison_sense::{Root, Sensor};
use jettison_tick::clock::Clock;

pub(crate) use read::{parse, read};

use crate::cli;
use crate::failure::{Failure, printed};
use crate::private;

/// Everything: which policy will be asked about it is not known.
const NEEDS: Needs = Needs::ALL;
/// Between the two scans, so that growth is known.
pub(crate) const BETWEEN_SCANS: Duration = Duration::from_secs(1);

pub(crate) fn snapshot(args: &cli::Snapshot) -> Result<(), Failure> {
    let root = args.root.as_ref().map_or_else(Root::live, |directory| Root::below(directory));
    let is_live = root.is_live();
    let mut sensor = Sensor::new(root, None).map_err(|error| Failure::Usage(error.to_string()))?;
    let mut snapshot = Snapshot::default();
    if is_live {
        // Twice, so that growth is known.
        sensor.sense(NEEDS, Clock.now(), &mut snapshot);
        Clock.wait(BETWEEN_SCANS);
    }
    let now = Clock.now_at(sensor.root());
    sensor.sense(NEEDS, now, &mut snapshot);
    let mut file = write::file(&snapshot, sensor.faults());
    if args.redact {
        redact::redact(&mut file, &salt()?);
    }
    match &args.output {
        Some(path) => save(&file, path),
        None => printed(put(&file, std::io::stdout().lock())),
    }
}

fn save(file: &wire::File, path: &Path) -> Result<(), Failure> {
    private::create(path)
        .and_then(|to| put(file, to))
        .map_err(|error| Failure::Failed(format!("{}: cannot be written: {error}", path.display())))
}

fn put(file: &wire::File, to: impl Write) -> std::io::Result<()> {
    let mut to = BufWriter::new(to);
    serde_json::to_writer(&mut to, file)?;
    writeln!(to)?;
    to.flush()
}

fn salt() -> Result<redact::Salt, Failure> {
    let path = Root::live().dev.join("urandom");
    let mut salt = redact::Salt::default();
    let read = File::open(&path).and_then(|mut file| file.read_exact(&mut salt));
    read.map_err(|error| Failure::Failed(format!("{}: cannot be read: {error}", path.display())))?;
    Ok(salt)
}

#[cfg(test)]
mod tests;
