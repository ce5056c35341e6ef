//! Which processes may never be a victim, whatever any policy says.

use alloc::sync::Arc;
use alloc::vec::Vec;

use jettison_model::snapshot::{flags, memcg_flags};
use jettison_model::{Exclusion, ProcessId, Snapshot, column};

use crate::settings::{Rule, Settings};

/// What the kernel adds to the path of an executable that was replaced since (proc_pid_exe(5)): an update
/// takes no guard away.
const DELETED: &[u8] = b" (deleted)";

/// The exclusions, by row, with the first reason that applies.
///
/// `refused` are the processes that the kernel has refused a signal to, in order ([`crate::State`]).
#[must_use]
pub fn exclusions(snapshot: &Snapshot, settings: &Settings, refused: &[ProcessId]) -> Vec<(u32, Exclusion)> {
    let ours = ourselves(snapshot, settings.own_pid);
    let mut cmdline = Vec::new();
    (0_u32..)
        .zip(0..snapshot.processes.len())
        .filter_map(|(number, row)| {
            let why = exclusion(snapshot, row, &ours, settings, &mut cmdline);
            let why = why.or_else(|| {
                is_forbidden(snapshot, row, settings, refused).then_some(Exclusion::NotPermitted)
            });
            Some((number, why?))
        })
        .collect()
}

/// The rows of the daemon and of all its ancestors: a supervisor, a container's shim or a shell that ends
/// takes the daemon along, or sees to it that another is started.
fn ourselves(snapshot: &Snapshot, own_pid: u32) -> Vec<usize> {
    let processes = &snapshot.processes;
    let mut rows = Vec::new();
    let mut next = processes.pids.binary_search(&own_pid).ok();
    // A torn scan can close a cycle.
    while let Some(row) = next.filter(|row| !rows.contains(row)) {
        rows.push(row);
        next = processes.parents.get(row).copied().and_then(column::row);
    }
    rows
}

/// The names of the daemon's process: as the package starts it, and by `jettison run`.
const OUR_NAMES: [&[u8]; 2] = [b"jettisond", b"jettison"];

/// Another daemon of ours, such as one for a scope or one that is tried in a dry run. A user's own process
/// does not become one by its name.
fn is_another_daemon(snapshot: &Snapshot, row: usize, settings: &Settings) -> bool {
    let processes = &snapshot.processes;
    let is_trusted = |uid: u32| uid == 0 || settings.own_uid == Some(uid);
    settings.own_uid.is_some()
        && OUR_NAMES.contains(&processes.comms.get(row))
        && processes.uid(row).is_some_and(is_trusted)
}

/// `cmdline` is memory to use again.
fn exclusion(
    snapshot: &Snapshot,
    row: usize,
    ours: &[usize],
    settings: &Settings,
    cmdline: &mut Vec<u8>,
) -> Option<Exclusion> {
    let processes = &snapshot.processes;
    let pid = processes.pids.get(row).copied()?;
    if pid == 1 {
        Some(Exclusion::Init)
    } else if processes.has(row, flags::KERNEL_THREAD) {
        Some(Exclusion::KernelThread)
    } else if ours.contains(&row) || is_another_daemon(snapshot, row, settings) {
        Some(Exclusion::Itself)
    } else if processes.oom_score_adj(row) == -1000 {
        Some(Exclusion::Unkillable)
    } else if is_omitted(snapshot, row)
        || settings.never.iter().any(|rule| matches(rule, snapshot, row, cmdline))
    {
        Some(Exclusion::Guard)
    } else if processes.has(row, flags::OUT_OF_SCOPE) {
        Some(Exclusion::OutOfScope)
    } else {
        None
    }
}

/// Whether the kernel lets us send it no signal (kill(2)).
fn is_forbidden(snapshot: &Snapshot, row: usize, settings: &Settings, refused: &[ProcessId]) -> bool {
    let processes = &snapshot.processes;
    let uid = processes.uid(row);
    let is_foreign = settings.signals_only_uid.is_some_and(|ours| uid.is_some_and(|uid| uid != ours));
    is_foreign || processes.id(row).is_some_and(|id| refused.binary_search(&id).is_ok())
}

/// Whether systemd was told to leave its unit alone (docs/decisions/0008-oomd-xattrs.md).
fn is_omitted(snapshot: &Snapshot, row: usize) -> bool {
    let memcg = snapshot.processes.memcgs.get(row).copied().and_then(column::row);
    memcg.is_some_and(|memcg| snapshot.memcgs.unit_has(memcg, memcg_flags::OOMD_OMIT))
}

fn matches(rule: &Rule, snapshot: &Snapshot, row: usize, cmdline: &mut Vec<u8>) -> bool {
    let processes = &snapshot.processes;
    let memcg = processes.memcgs.get(row).copied().and_then(column::row);
    let comm = rule.comm.as_ref().is_none_or(|comm| processes.comms.get(row) == comm.as_bytes());
    let uid = rule.uid.is_none_or(|uid| processes.uids.get(row) == Some(&uid));
    let unit = rule
        .unit
        .as_ref()
        .is_none_or(|unit| memcg.is_some_and(|memcg| snapshot.memcgs.units.get(memcg) == unit.as_bytes()));
    let cgroup = rule.cgroup.as_ref().is_none_or(|path| {
        memcg.is_some_and(|memcg| is_below(snapshot.memcgs.paths.get(memcg), path.as_bytes()))
    });
    let exe = rule.exe.as_ref().is_none_or(|path| {
        let exe = processes.exes.get(row);
        exe.strip_suffix(DELETED).unwrap_or(exe) == path.as_bytes()
    });
    comm && uid && unit && cgroup && exe && {
        // The costliest comes last.
        rule.cmdline.as_ref().is_none_or(|pattern| {
            as_typed(processes.cmdlines.get(row), cmdline);
            pattern.is_in(cmdline)
        })
    }
}

/// A command line with spaces between its arguments, where the kernel has a NUL after each
/// (proc_pid_cmdline(5)).
fn as_typed(arguments: &[u8], into: &mut Vec<u8>) {
    into.clear();
    let arguments = arguments.strip_suffix(b"\0").unwrap_or(arguments);
    into.extend(arguments.iter().map(|&byte| if byte == 0 { b' ' } else { byte }));
}

/// Whether a cgroup path is another one or lies below it.
#[must_use]
pub fn is_below(path: &[u8], ancestor: &[u8]) -> bool {
    match path.strip_prefix(ancestor) {
        Some(rest) => rest.is_empty() || rest.first() == Some(&b'/') || ancestor == b"/",
        None => false,
    }
}

/// Whether a memcg is looked after: all are, or those in the scope.
pub(crate) fn is_in_scope(path: &[u8], settings: &Settings) -> bool {
    settings.scope.as_ref().is_none_or(|scope| is_below(path, scope.as_bytes()))
}

/// Tells the policies, through the column `flags`, which processes the host will never touch.
pub fn mark(snapshot: &mut Snapshot, excluded: &[(u32, Exclusion)]) {
    let column = Arc::make_mut(&mut snapshot.processes.flags);
    for &(row, _) in excluded {
        if let Some(bits) = column.get_mut(row as usize) {
            *bits |= flags::EXCLUDED;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cgroup_path_is_below_itself_its_parents_and_the_root_but_not_its_namesakes() {
        assert!(is_below(b"/a/b", b"/a"));
        assert!(is_below(b"/a", b"/a"));
        assert!(is_below(b"/a", b"/"));
        assert!(!is_below(b"/ab", b"/a"));
        assert!(!is_below(b"/", b"/a"));
    }
}
