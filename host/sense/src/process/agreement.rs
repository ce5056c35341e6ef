//! Whether another way to look at all processes finds what their files say.

use jettison_model::Processes;
use jettison_model::column::{self, known_u64};
use jettison_model::snapshot::flags::{KERNEL_THREAD, ZOMBIE};

use crate::process::tasks::{InStep, Task};

/// One of so many may differ: processes come, go and change between two looks.
const DIFFERING_PART: usize = 16;
/// So many may in any case, as on a host with few processes.
const DIFFERING: usize = 4;

/// Holds a look against the table that was read from files just before. Returns how many processes are the
/// same in both.
///
/// # Errors
/// If too many are not: the first of them, and how.
pub(crate) fn agreement(table: &Processes, tasks: &[Task]) -> Result<usize, String> {
    let mut tasks = InStep::of(tasks);
    let (mut same, mut first, mut differing) = (0, None, 0);
    for row in (0..table.len()).filter(|&row| !table.has(row, ZOMBIE)) {
        let task = table.pids.get(row).and_then(|&pid| tasks.find(pid));
        match difference(table, row, task) {
            None => same += 1,
            Some(difference) => {
                differing += 1;
                first.get_or_insert(difference);
            }
        }
    }
    match first {
        Some(first) if same == 0 || differing > DIFFERING.max(same / DIFFERING_PART) => {
            Err(format!("{differing} processes of {} are not as in /proc, such as {first}", same + differing))
        }
        _ => Ok(same),
    }
}

/// Sizes may move a little, and by what is not yet added up.
fn difference(table: &Processes, row: usize, task: Option<&Task>) -> Option<String> {
    const NEAR_BYTES: u64 = 4 << 20;
    let &pid = table.pids.get(row)?;
    let Some(task) = task else { return Some(format!("{pid}, which is missing")) };
    let value = |column: &[u64]| column.get(row).copied().and_then(known_u64);
    let is_near = |ours: u64, theirs: Option<u64>| {
        theirs.is_none_or(|theirs| ours.abs_diff(theirs) <= NEAR_BYTES.max(theirs / 4))
    };
    let is_kernel_thread = table.has(row, KERNEL_THREAD);
    let parent = table.parents.get(row).and_then(|&parent| table.pids.get(column::row(parent)?));
    let what = if table.start_times.get(row) != Some(&task.start_time) {
        "start time"
    } else if is_kernel_thread != task.is_kernel_thread {
        "kind"
    } else if is_kernel_thread {
        return None;
    } else if table.comms.get(row) != task.comm() {
        "name"
    } else if table.uids.get(row) != Some(&task.uid) {
        "user"
    } else if parent.is_some_and(|&parent| parent != task.parent_pid) {
        "parent"
    } else if table.oom_score_adjs_now.get(row) != Some(&task.oom_score_adj) {
        "oom_score_adj"
    } else if !is_near(task.rss_anon_bytes, value(&table.rss_anon_bytes))
        || !is_near(task.rss_file_bytes, value(&table.rss_file_bytes))
        || !is_near(task.rss_shmem_bytes, value(&table.rss_shmem_bytes))
        || !is_near(task.swap_bytes, value(&table.swap_bytes))
    {
        "size"
    } else {
        return None;
    };
    Some(format!("{pid}, whose {what} is another"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_few_processes_of_which_none_agrees_are_no_agreement() {
        let (pids, start_times) = (Arc::new(vec![1, 7]), Arc::new(vec![0, 700]));
        let table = Processes { pids, start_times, ..Processes::default() };
        let why = "2 processes of 2 are not as in /proc, such as 1, which is missing";
        assert_eq!(agreement(&table, &[]).unwrap_err(), why);
        assert_eq!(agreement(&Processes::default(), &[]), Ok(0));
    }
}
