//! What each process has taken since memory was last at ease.

use jettison_model::Processes;
use jettison_model::column::{UNKNOWN_S64, refill};
use jettison_model::snapshot::flags::{KERNEL_THREAD, OUT_OF_SCOPE};

use crate::host::ease::Measure;
use crate::process::growth::Growth;

/// Fills `taken_bytes` of the table of the last scan. At ease, what each process holds now is what it takes
/// from now on is measured by. Returns the sum of all that was taken in the scope; what was given back does
/// not count.
pub(crate) fn blame(growth: &mut Growth, measure: Measure, table: &mut Processes) -> u64 {
    let taken = refill(&mut table.taken_bytes);
    let mut sum: u64 = 0;
    let mut rows = (0..).zip(growth.histories());
    taken.extend(rows.by_ref().take(table.pids.len()).map(|(row, history): (usize, _)| {
        if table.pids.get(row) != Some(&history.id().pid) {
            return UNKNOWN_S64;
        }
        if measure.is_at_ease() {
            history.ease(measure);
        }
        let bytes = history.taken_bytes(measure);
        let counts = table.flags.get(row).is_some_and(|flags| flags & (KERNEL_THREAD | OUT_OF_SCOPE) == 0);
        if counts && let Some(bytes) = bytes {
            sum = sum.saturating_add(u64::try_from(bytes).unwrap_or(0));
        }
        bytes.unwrap_or(UNKNOWN_S64)
    }));
    taken.resize(table.pids.len(), UNKNOWN_S64);
    sum
}
