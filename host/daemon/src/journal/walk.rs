//! Goes through the records of journals, in order.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jettison_decide::{exclusions, plan};
use jettison_model::{Plan, Ranking, Vote};
use jettison_record::{Found, Record, Segment, Setup, Tick, segments};

use crate::failure::Failure;

/// A record that was found, and where.
pub(crate) struct Place<'w> {
    pub(crate) file: &'w Path,
    /// What it was made with; none before the first setup of its file.
    pub(crate) setup: Option<&'w Arc<Setup>>,
}

/// Hands over every record. Returns what could not be read, in words.
///
/// # Errors
/// If nothing could be.
pub(crate) fn each(
    paths: &[PathBuf],
    mut take: impl FnMut(&Place<'_>, Record),
) -> Result<Vec<String>, Failure> {
    let mut left_out = Vec::new();
    let mut is_any = false;
    let files = segments(paths).map_err(|not| Failure::Usage(not.to_string()))?;
    for file in &files {
        let segment = match Segment::read(file) {
            Ok(segment) => segment,
            Err(not) => {
                left_out.push(not.to_string());
                continue;
            }
        };
        is_any = true;
        let mut reader = segment.reader();
        while let Some(found) = reader.next() {
            match found {
                Found::Record(record) => take(&Place { file, setup: reader.setup() }, record),
                Found::Damage(damage) => left_out.push(damage.to_string()),
            }
        }
    }
    if is_any { Ok(left_out) } else { Err(Failure::Usage(left_out.join("\njettison: "))) }
}

/// The decision of a recorded tick once more, with these votes. State, victims under way and settings are
/// those of then.
pub(crate) fn decide_again(setup: &Setup, tick: &Tick, votes: &[Vote]) -> (Plan, Ranking) {
    let excluded = exclusions(&tick.snapshot, &setup.settings, &tick.state.refused);
    let state = tick.state.clone();
    let (plan, ranking, _) = plan(&tick.snapshot, excluded, votes, &tick.in_flight, state, &setup.settings);
    (plan, ranking)
}
