//! The kernel's OOM killer: the process with the largest badness, in the host or in the memcg at its limit.
//!
//! Badness is rss + swap + page tables, plus `oom_score_adj` thousandths of what may be used: memory and
//! swap, or the memcg's limit. Pid 1 and what has -1000 are passed over; of equals the later one is taken.
//! Sources: `oom_badness()`, `oom_evaluate_task()` and `constrained_alloc()` in mm/oom_kill.c,
//! <https://github.com/torvalds/linux/blob/v6.12/mm/oom_kill.c>. Assumed: `memory.oom.group` is 0, and no two
//! processes share an mm.

use super::one;
use crate::{Domain, Taken};
use crate::{Machine, Process};

pub(super) fn taken(machine: &Machine) -> Taken {
    let (path, total) = match Domain::of(machine) {
        Domain::Host => ("/".to_owned(), machine.total + machine.swap_total),
        Domain::Memcg(path) => {
            let limit = machine.memcgs.get(&path).and_then(|memcg| memcg.max);
            (path, limit.unwrap_or(machine.total))
        }
    };
    let eligible = machine.members(&path).filter(|process| process.pid != 1 && process.adj != -1000);
    one(eligible.max_by(|a, b| badness(a, total).total_cmp(&badness(b, total))), "largest badness")
}

pub(super) fn badness(process: &Process, total: f64) -> f64 {
    process.kernel_points() + f64::from(process.adj) * total / 1000.0
}
