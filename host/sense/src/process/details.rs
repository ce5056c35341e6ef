//! Proportional set sizes, read only when a policy needs them: reading them takes the lock of the process's
//! address space (`mmap_lock`), which a stalled process may hold, and walks its pages.

use std::cmp::Reverse;
use std::os::fd::AsFd;
use std::sync::Arc;

use jettison_model::column::UNKNOWN_U64;
use jettison_model::limits::SMAPS_ROLLUPS_MAX;
use jettison_model::{ProcessId, Processes};

use crate::parse::smaps::pss_bytes;
use crate::parse::text::Malformed;
use crate::process::reads::{Reads, Skip};

/// A process as a candidate for its `smaps_rollup`: larger footprints first, then lower rows.
pub(crate) type Candidate = (Reverse<u64>, usize, ProcessId);

/// Fills the column of proportional set sizes for the processes with the largest footprints.
/// `largest` is memory to use again.
pub(crate) fn pss(reads: &mut Reads<'_>, largest: &mut Vec<Candidate>, table: &mut Processes) {
    largest.clear();
    largest.extend((0..table.len()).filter_map(|row| {
        let footprint_bytes = table.footprint_bytes(row);
        Some((Reverse(footprint_bytes), row, table.id(row)?)).filter(|_| footprint_bytes > 0)
    }));
    if largest.len() > SMAPS_ROLLUPS_MAX {
        largest.select_nth_unstable(SMAPS_ROLLUPS_MAX);
        largest.truncate(SMAPS_ROLLUPS_MAX);
    }
    let rows = table.len();
    // Emptied with the other columns.
    let sizes = Arc::make_mut(&mut table.pss_bytes);
    sizes.resize(rows, UNKNOWN_U64);
    for &(_, row, id) in largest.iter() {
        if let Ok(bytes) = pss_of(reads, id)
            && let Some(size) = sizes.get_mut(row)
        {
            *size = bytes;
        }
    }
}

fn pss_of(reads: &mut Reads<'_>, id: ProcessId) -> Result<u64, Skip> {
    // The walk has closed the process's directory.
    let process = reads.open_same(id)?;
    reads.read(id.pid, process.as_fd(), c"smaps_rollup", |text| {
        pss_bytes(text).ok_or(Malformed("no line `Pss:` with a number of kB"))
    })
}
