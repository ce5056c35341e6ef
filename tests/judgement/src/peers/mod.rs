//! What the peers' published rules would take, each as a pure function of a machine, with its sources.
//!
//! Only the choice is asked: that a peer would wait longer, or act too late, is not judged here. Where the
//! host has memory and a memcg is at its limit, a peer that looks at the host alone does nothing, and the
//! kernel takes its choice in the memcg. A peer takes one victim and looks again; only that first one is
//! judged.

mod earlyoom;
mod kernel;
mod nohang;
mod systemd_oomd;

use crate::{Domain, Taken};
use crate::{Machine, Process};

/// A rule.
pub type Rule = fn(&Machine) -> Taken;

/// All peers by name, the kernel first.
pub const ALL: [(&str, Rule); 4] = [
    ("kernel", kernel::taken),
    ("earlyoom", earlyoom::taken),
    ("nohang", nohang::taken),
    ("systemd-oomd", systemd_oomd::taken),
];

/// `/proc/PID/oom_score`, as of Linux 5.9: 0 for -1000, else two thirds of 1000 plus the badness in
/// thousandths of memory and swap. Source: `proc_oom_score()` in fs/proc/base.c,
/// <https://github.com/torvalds/linux/blob/v6.12/fs/proc/base.c>.
fn oom_score(machine: &Machine, process: &Process) -> f64 {
    if process.adj == -1000 {
        return 0.0;
    }
    let total = machine.total + machine.swap_total;
    let thousandths = (kernel::badness(process, total) * 1000.0 / total).trunc();
    ((1000.0 + thousandths) * 2.0 / 3.0).trunc().max(0.0)
}

fn one(process: Option<&Process>, note: &str) -> Taken {
    let units = process.map(|process| vec![process.label.clone()]);
    Taken { units: units.into_iter().collect(), note: note.into() }
}

/// What a peer that only looks at the host takes.
fn on_host(machine: &Machine, choose: impl FnOnce() -> Taken) -> Taken {
    match Domain::of(machine) {
        Domain::Host => choose(),
        Domain::Memcg(_) => by_kernel(machine, "the host has memory"),
    }
}

fn by_kernel(machine: &Machine, because: &str) -> Taken {
    Taken { note: format!("{because}: waits for the kernel"), ..kernel::taken(machine) }
}
