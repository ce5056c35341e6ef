//! What belongs together: the processes of a unit, and what the kernel or the service manager may end as one.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::OnceCell;

use jettison_model::column::{NONE_U32, row as row_of};
use jettison_model::snapshot::{flags, memcg_flags};
use jettison_model::{ProcessId, Ranked, Ranking, Snapshot, Target, Tier, Tree, Unit, Victim};

use crate::eligible::is_below;

/// The processes of a unit, by row, without zombies: nothing of them is left to be spared or signalled.
pub(crate) fn rows_of(snapshot: &Snapshot, unit: Target, tree: &OnceCell<Tree>) -> Vec<u32> {
    let processes = &snapshot.processes;
    let mut rows = match unit {
        Target::Process(row) => vec![row],
        Target::Tree(row) => tree.get_or_init(|| Tree::of(&processes.parents)).subtree(row),
        Target::Memcg(row) => inside(snapshot, snapshot.memcgs.paths.get(row as usize)),
    };
    rows.retain(|&row| !processes.has(row as usize, flags::ZOMBIE));
    rows
}

/// Gives a row that has nothing what its parent has. Called for parents before their children, it reaches all
/// that is below.
pub(crate) fn inherit(slots: &mut [u32], row: usize, parents: &[u32]) {
    if let (NONE_U32, Some(&from)) = (slots[row], slots.get(parents[row] as usize)) {
        slots[row] = from;
    }
}

/// The rows of all processes in and below a memcg.
fn inside(snapshot: &Snapshot, path: &[u8]) -> Vec<u32> {
    let memcgs = &snapshot.memcgs;
    let holds: Vec<bool> = (0..memcgs.len()).map(|row| is_below(memcgs.paths.get(row), path)).collect();
    let is_inside = |memcg: u32| holds.get(memcg as usize) == Some(&true);
    (0_u32..)
        .zip(snapshot.processes.memcgs.iter())
        .filter_map(|(row, &memcg)| is_inside(memcg).then_some(row))
        .collect()
}

/// The memcg whose processes live and die together with a unit: the topmost above it that has
/// `memory.oom.group` (Documentation/admin-guide/cgroup-v2.rst), which the kernel's own OOM killer would take
/// as a whole.
///
/// `None` where there is none, where the unit reaches beyond it, or where a process in there is spared: then
/// the group cannot be honoured, and the unit goes as it is.
pub(crate) fn oom_group(
    snapshot: &Snapshot,
    ranked: &Ranked,
    unit: &[u32],
    is_spared: &impl Fn(usize) -> bool,
) -> Option<Target> {
    let (processes, memcgs) = (&snapshot.processes, &snapshot.memcgs);
    let mut memcg = processes.memcgs.get(ranked.row as usize).copied();
    let mut group = None;
    // A path has fewer parts than there are memcgs.
    for _ in 0..memcgs.len() {
        let Some(row) = memcg.and_then(row_of) else { break };
        if memcgs.has(row, memcg_flags::OOM_GROUP) {
            group = memcg;
        }
        memcg = memcgs.parents.get(row).copied();
    }
    let group = group?;
    let rows = inside(snapshot, memcgs.paths.get(group as usize));
    // They are in order.
    let is_whole = unit.iter().all(|row| rows.binary_search(row).is_ok());
    let is_live = |row: &u32| !processes.has(*row as usize, flags::ZOMBIE);
    let stays = |row: u32| row != ranked.row && is_spared(row as usize);
    (is_whole && !rows.into_iter().filter(is_live).any(stays)).then_some(Target::Memcg(group))
}

/// The memcg that can be killed as one to end a victim: its own, or that of its root, if it holds only that.
///
/// `members` are those that are there now. The root of the hierarchy cannot be killed.
#[must_use]
pub fn enclosure<'a>(snapshot: &'a Snapshot, victim: &Victim, members: &[ProcessId]) -> Option<&'a [u8]> {
    let (processes, paths) = (&snapshot.processes, &snapshot.memcgs.paths);
    let path = match &victim.unit {
        Unit::Process => return None,
        Unit::Tree => {
            let row = members.iter().find_map(|&member| processes.row_of(member))?;
            paths.get(processes.memcgs.get(row).copied().and_then(row_of)?)
        }
        Unit::Memcg(path) => paths.get(snapshot.memcgs.row_of(path)?),
    };
    let mut members = members.to_vec();
    members.sort_unstable();
    let is_member = |row: u32| {
        let is_zombie = processes.has(row as usize, flags::ZOMBIE);
        is_zombie || processes.id(row as usize).is_some_and(|id| members.binary_search(&id).is_ok())
    };
    (!path.is_empty() && path != b"/" && inside(snapshot, path).into_iter().all(is_member)).then_some(path)
}

/// The systemd unit that a `stop-unit` step stops for these members of a victim: that of the first of them.
///
/// # Errors
/// Why the service manager cannot be asked, for people: there is no such unit, it is not the host's own
/// manager's, or its end would take a process that stays.
pub fn stoppable(
    snapshot: &Snapshot,
    ranking: &Ranking,
    members: &[ProcessId],
) -> Result<String, &'static str> {
    let (processes, memcgs) = (&snapshot.processes, &snapshot.memcgs);
    let row = members.iter().find_map(|&member| processes.row_of(member));
    let memcg = row.and_then(|row| processes.memcgs.get(row).copied().and_then(row_of));
    let memcg = memcg.ok_or("its memcg is not known")?;
    let (path, unit) = (memcgs.paths.get(memcg), memcgs.units.get(memcg));
    if unit.is_empty() {
        return Err("it belongs to no systemd unit");
    }
    let of_unit = path_of_unit(path, unit)
        .ok_or("its unit belongs to another service manager than the host's: a user's, or a container's")?;
    let mut stays = vec![false; processes.len()];
    for ranked in &ranking.order {
        if let Some(stays) = stays.get_mut(ranked.row as usize) {
            *stays = matches!(ranked.tier, Tier::Never | Tier::Protected(_));
        }
    }
    let is_spared = |row: &u32| {
        let row = *row as usize;
        let is_live = !processes.has(row, flags::ZOMBIE);
        let stays = stays.get(row) == Some(&true) || processes.has(row, flags::EXCLUDED);
        stays && is_live && !processes.id(row).is_some_and(|id| members.contains(&id))
    };
    if inside(snapshot, of_unit).iter().any(is_spared) {
        return Err("its unit also holds processes that have to stay");
    }
    core::str::from_utf8(unit).ok().map(String::from).ok_or("the name of its unit is not UTF-8")
}

/// The part of a cgroup path up to a unit of the host's own manager: below slices, and below nothing else
/// (systemd.slice(5)).
fn path_of_unit<'p>(path: &'p [u8], unit: &[u8]) -> Option<&'p [u8]> {
    let mut end = 0;
    for part in path.split(|&byte| byte == b'/') {
        end += part.len();
        if !part.is_empty() && !part.ends_with(b".slice") {
            return (part == unit).then(|| path.get(..end)).flatten();
        }
        end += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_of_the_host_lies_below_slices_and_nothing_else() {
        let path = |path: &'static str, unit: &str| path_of_unit(path.as_bytes(), unit.as_bytes());
        assert_eq!(path("/system.slice/a.service", "a.service"), Some(b"/system.slice/a.service".as_slice()));
        assert_eq!(path("/a.service/sub/sub", "a.service"), Some(b"/a.service".as_slice()));
        assert_eq!(path("/user.slice/user@1000.service/app.slice/a.service", "a.service"), None);
        assert_eq!(path("/docker/0123/system.slice/a.service", "a.service"), None);
        assert_eq!(path("/system.slice", "a.service"), None);
    }
}
