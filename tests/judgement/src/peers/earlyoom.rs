//! earlyoom 1.8 without options: the process with the largest `oom_score`, of equals the one with the larger
//! rss.
//!
//! Pids 1 and 2, kernel threads and what has `oom_score_adj` -1000 are passed over. `--prefer` and `--avoid`
//! are not given. Source: `is_larger()` and `find_largest_process()` in kill.c,
//! <https://github.com/rfjakob/earlyoom/blob/v1.8.2/kill.c>; the default arguments are `-r 3600`,
//! <https://github.com/rfjakob/earlyoom/blob/v1.8.2/earlyoom.default>.

use super::{on_host, one, oom_score};
use crate::Taken;
use crate::{Machine, Process};

pub(super) fn taken(machine: &Machine) -> Taken {
    let key = |process: &Process| (oom_score(machine, process), process.anon + process.shm + process.file);
    // Of equal ones in both it keeps the first.
    let larger = |a: &&Process, b: &&Process| {
        let (a, b) = (key(a), key(b));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    };
    let eligible = machine.processes.iter().rev().filter(|process| process.pid > 2 && process.adj != -1000);
    on_host(machine, || one(eligible.max_by(larger), "largest oom_score"))
}
