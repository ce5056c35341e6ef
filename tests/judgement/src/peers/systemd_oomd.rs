//! systemd-oomd 255 as Fedora and Ubuntu install it: `ManagedOOMSwap=kill` on `-.slice`,
//! `ManagedOOMMemoryPressure=kill` on `user@.service`.
//!
//! Where less than 10 % of memory and of swap are free it takes the leaf cgroup with the most swap that has
//! more than 5 % of what is used. Else, for pressure below `user@UID.service`, the leaf cgroup with the
//! largest rate of pgscan, of equals the one with the most memory. All processes of a cgroup go. Where it
//! takes none, the kernel does. Sources: `oomd_kill_by_swap_usage()` and `oomd_kill_by_pgscan_rate()` in
//! src/oom/oomd-util.c, `SwapUsedLimit=90%` in oomd.conf(5), leaf cgroups in systemd-oomd(8),
//! <https://github.com/systemd/systemd/tree/v255/src/oom>; the drop-ins
//! `-.slice.d/10-oomd-root-slice-defaults.conf` and `user@.service.d/10-oomd-user-service-defaults.conf` of
//! the distributions.
//!
//! Assumed, since a machine does not say: pressure below `user@UID.service` is above its limit of 50 % for 20
//! s whenever the host is short; rates of pgscan are equal, so that memory decides; no unit has
//! `ManagedOOMPreference=` or `memory.oom.group`.

use super::by_kernel;
use crate::Machine;
use crate::{Domain, Taken};

/// `SwapUsedLimit=`: less than this is free, of memory and of swap.
const FREE_PERCENT: f64 = 10.0;
/// `THRESHOLD_SWAP_USED_PERCENT`, of the swap that is used.
const SWAP_PERCENT: f64 = 5.0;

pub(super) fn taken(machine: &Machine) -> Taken {
    if Domain::of(machine) != Domain::Host {
        return by_kernel(machine, "the host has memory");
    }
    let by_swap = || most(machine, |path| swap(machine, path), |_| true, swap_threshold(machine));
    let by_pressure = || most(machine, |path| machine.current(path), |path| path.contains("/user@"), 0.0);
    if is_swap_short(machine)
        && let Some(path) = by_swap()
    {
        return all_of(machine, path, "most swap");
    }
    match by_pressure() {
        Some(path) => all_of(machine, path, "pressure below user@.service, most memory"),
        None => by_kernel(machine, "no cgroup of its own to look at"),
    }
}

fn is_swap_short(machine: &Machine) -> bool {
    machine.swap_total > 0.0
        && machine.available < machine.total * FREE_PERCENT / 100.0
        && machine.swap_free < machine.swap_total * FREE_PERCENT / 100.0
}

fn swap_threshold(machine: &Machine) -> f64 {
    (machine.swap_total - machine.swap_free) * SWAP_PERCENT / 100.0
}

fn swap(machine: &Machine, path: &str) -> f64 {
    machine.members(path).map(|process| process.swap).sum()
}

/// The leaf with the most of something, more than the threshold.
fn most(
    machine: &Machine,
    of: impl Fn(&str) -> f64,
    is_candidate: impl Fn(&str) -> bool,
    threshold: f64,
) -> Option<&str> {
    let leaves = machine.memcgs.keys().map(String::as_str).filter(|path| is_leaf(machine, path));
    let candidates = leaves.filter(|path| is_candidate(path) && of(path) > threshold);
    candidates.max_by(|a, b| of(a).total_cmp(&of(b)))
}

fn is_leaf(machine: &Machine, path: &str) -> bool {
    let prefix = format!("{}/", path.trim_end_matches('/'));
    path != "/" && !machine.memcgs.keys().any(|other| other.starts_with(&prefix))
}

fn all_of(machine: &Machine, path: &str, note: &str) -> Taken {
    let members = machine.members(path).map(|process| process.label.clone());
    Taken { units: vec![members.collect()], note: format!("{note}: {path}") }
}
