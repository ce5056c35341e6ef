//! Columns on demand: command lines, executables, proportional set sizes.
//!
//! They cost more than the rest, and the kernel takes the lock of the process's address space for them, for
//! which a stalled process can make us wait. So they are read only when a policy or a guard asks.

use std::cmp::Reverse;
use std::os::fd::{AsFd, BorrowedFd};

use jettison_model::column::{UNKNOWN_U64, refill};
use jettison_model::limits::{CMDLINE_BYTES_MAX, SMAPS_ROLLUPS_MAX};
use jettison_model::{Needs, ProcessId, Processes};
use rustix::io::Errno;

use crate::file::is_gone;
use crate::parse::Malformed;
use crate::parse::smaps::pss_bytes;
use crate::parse::stat::stat;
use crate::process::{Reads, Vanished};
use crate::row::Fill;

/// Adds the texts of one row. They are empty for kernel threads, for a process that ends meanwhile, and for an
/// executable that the kernel does not show us.
pub(crate) fn texts(
    reads: &mut Reads<'_>,
    pid: u32,
    process: BorrowedFd<'_>,
    needs: Needs,
    fill: &mut Fill<'_>,
) {
    if needs.cmdlines {
        let read = reads.buffer.read_head(process, c"cmdline", CMDLINE_BYTES_MAX);
        fill.cmdlines.push(read.unwrap_or_default());
        if let Err(errno) = read
            && !is_gone(errno)
        {
            reads.fault(pid, c"cmdline", &format_args!("cannot be read: {errno}"));
        }
    }
    if needs.exes {
        let read = reads.buffer.read_link(process, c"exe");
        fill.exes.push(read.unwrap_or_default());
        if let Err(errno) = read
            && !is_gone(errno)
            && errno != Errno::ACCESS
        {
            reads.fault(pid, c"exe", &format_args!("cannot be read: {errno}"));
        }
    }
}

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
    let sizes = refill(&mut table.pss_bytes);
    sizes.resize(rows, UNKNOWN_U64);
    for &(_, row, id) in largest.iter() {
        if let Ok(Some(bytes)) = pss_of(reads, id)
            && let Some(size) = sizes.get_mut(row)
        {
            *size = bytes;
        }
    }
}

/// The walk has closed the process's directory, so its identity is checked again.
fn pss_of(reads: &mut Reads<'_>, id: ProcessId) -> Result<Option<u64>, Vanished> {
    let Some(process) = reads.open(id.pid)? else {
        return Ok(None);
    };
    let is_same =
        reads.read(id.pid, process.as_fd(), c"stat", |text| Ok(stat(text)?.start_time == id.start_time))?;
    if is_same != Some(true) {
        return Err(Vanished);
    }
    reads.read(id.pid, process.as_fd(), c"smaps_rollup", |text| {
        pss_bytes(text).ok_or(Malformed("no line `Pss:` with a number of kB"))
    })
}
