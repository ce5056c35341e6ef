//! Checks again what the stages before have ensured: rows exist, columns of a table have one length.
//!
//! Tests abort on a mistake. A release goes on with what fits, since a mistake of our own must not cost the
//! host its rescue. A ballot that does not fit counts as none; if no other is left, the built-in badness
//! ranks.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use jettison_model::column::{Column, NONE_U32};
use jettison_model::{Ballot, Exclusion, Fault, Snapshot, Target, Vote};

/// The first thing that does not fit, in words.
pub(crate) fn misfit(snapshot: &Snapshot, excluded: &[(u32, Exclusion)], votes: &[Vote]) -> Option<String> {
    let of_excluded = || {
        let stray = excluded.iter().find(|&&(row, _)| row as usize >= snapshot.processes.len())?;
        Some(format!("row {} is excluded, of {} processes", stray.0, snapshot.processes.len()))
    };
    uneven(snapshot).or_else(of_excluded).or_else(|| {
        let ballots = votes.iter().filter_map(|vote| Some((vote, vote.answer.as_ref().ok()?)));
        let mut strays = ballots.filter_map(|(vote, ballot)| Some((vote, stray(snapshot, ballot)?)));
        strays
            .next()
            .map(|(vote, (entry, target))| format!("{}: entry {entry} is about {target:?}", vote.policy))
    })
}

/// A column that the core reads and that is not as long as its table.
fn uneven(snapshot: &Snapshot) -> Option<String> {
    let (processes, memcgs) = (&snapshot.processes, &snapshot.memcgs);
    let of_processes = [
        ("start_times", processes.start_times.len()),
        ("parents", processes.parents.len()),
        ("memcgs", processes.memcgs.len()),
        ("comms", processes.comms.len()),
        ("flags", processes.flags.len()),
        ("rss_anon_bytes", processes.rss_anon_bytes.len()),
        ("rss_file_bytes", processes.rss_file_bytes.len()),
        ("rss_shmem_bytes", processes.rss_shmem_bytes.len()),
        ("swap_bytes", processes.swap_bytes.len()),
        ("page_table_bytes", processes.page_table_bytes.len()),
        ("oom_score_adjs", processes.oom_score_adjs.len()),
    ];
    let of_memcgs = [("parents", memcgs.parents.len())];
    let odd = |table: &str, rows: usize, columns: &[(&str, usize)]| {
        let &(column, values) = columns.iter().find(|&&(_, values)| values != rows)?;
        Some(format!("column `{column}` of {table} has {values} values for {rows} rows"))
    };
    odd("processes", processes.len(), &of_processes).or_else(|| odd("memcgs", memcgs.len(), &of_memcgs))
}

/// The first entry about a row that is not there.
fn stray(snapshot: &Snapshot, ballot: &Ballot) -> Option<(usize, Target)> {
    let targets = ballot.entries.iter().map(|entry| entry.target).enumerate();
    targets.into_iter().find(|&(_, target)| {
        let rows = match target {
            Target::Process(_) | Target::Tree(_) => snapshot.processes.len(),
            Target::Memcg(_) => snapshot.memcgs.len(),
        };
        target.row() as usize >= rows
    })
}

/// What a release goes on with.
pub(crate) fn mended(
    snapshot: &Snapshot,
    mut excluded: Vec<(u32, Exclusion)>,
    votes: &[Vote],
) -> (Snapshot, Vec<(u32, Exclusion)>, Vec<Vote>) {
    let mut snapshot = snapshot.clone();
    let (rows, memcgs) = (snapshot.processes.len(), snapshot.memcgs.len());
    // Whatever else is missing reads as unknown; these are indexed.
    fit(&mut snapshot.processes.parents, rows);
    fit(&mut snapshot.processes.memcgs, rows);
    fit(&mut snapshot.memcgs.parents, memcgs);
    excluded.retain(|&(row, _)| (row as usize) < rows);
    let mut votes = votes.to_vec();
    for vote in &mut votes {
        let stray = vote.answer.as_ref().ok().and_then(|ballot| stray(&snapshot, ballot));
        if let Some((entry, target)) = stray {
            let entry = u32::try_from(entry).unwrap_or(u32::MAX);
            vote.answer = Err(Fault::BadBallot { entry, problem: format!("{target:?} is no row") });
        }
    }
    (snapshot, excluded, votes)
}

fn fit(column: &mut Column<u32>, rows: usize) {
    if column.len() != rows {
        Arc::make_mut(column).resize(rows, NONE_U32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use jettison_model::{Entry, Stance, Tier};

    use crate::plan::decide;
    use crate::{Settings, State};

    fn votes(target: Target) -> Vec<Vote> {
        let (stance, reason) = (Stance::Sacrifice(1), String::new());
        let entry = Entry { target, stance, oom_score_adj: None, shutdown: Vec::new(), reason };
        let answer = Ok(Ballot { entries: vec![entry] });
        vec![Vote { policy: "p".into(), weight: 1, shadow: false, answer }]
    }

    /// Two processes and a memcg, every column of the core as long as it should be.
    fn even() -> Snapshot {
        let mut snapshot = Snapshot::default();
        let table = &mut snapshot.processes;
        table.pids = Arc::new(vec![10, 20]);
        table.comms = [b"a".as_slice(), b"b"].into_iter().collect();
        for column in [&mut table.parents, &mut table.memcgs, &mut table.flags] {
            *column = Arc::new(vec![0; 2]);
        }
        let bytes = Arc::new(vec![1 << 20; 2]);
        table.start_times = bytes.clone();
        table.rss_anon_bytes = bytes.clone();
        table.rss_file_bytes = bytes.clone();
        table.rss_shmem_bytes = bytes.clone();
        table.swap_bytes = bytes.clone();
        table.page_table_bytes = bytes;
        table.oom_score_adjs = Arc::new(vec![0; 2]);
        snapshot.memcgs.paths = core::iter::once(b"/".as_slice()).collect();
        snapshot.memcgs.parents = Arc::new(vec![NONE_U32]);
        snapshot
    }

    fn problem(snapshot: &Snapshot) -> String {
        misfit(snapshot, &[], &[]).unwrap_or_default()
    }

    #[test]
    fn what_fits_is_let_through() {
        assert_eq!(misfit(&even(), &[(1, Exclusion::Guard)], &votes(Target::Memcg(0))), None);
    }

    #[test]
    fn a_misfit_is_named() {
        let mut short = even();
        Arc::make_mut(&mut short.processes.swap_bytes).pop();
        assert_eq!(problem(&short), "column `swap_bytes` of processes has 1 values for 2 rows");
        let mut long = even();
        Arc::make_mut(&mut long.memcgs.parents).push(0);
        assert_eq!(problem(&long), "column `parents` of memcgs has 2 values for 1 rows");
        let about = |target| misfit(&even(), &[], &votes(target)).unwrap_or_default();
        assert_eq!(about(Target::Tree(2)), "p: entry 0 is about Tree(2)");
        assert_eq!(about(Target::Memcg(1)), "p: entry 0 is about Memcg(1)");
        let excluded = misfit(&even(), &[(2, Exclusion::Init)], &[]);
        assert_eq!(excluded.as_deref(), Some("row 2 is excluded, of 2 processes"));
    }

    /// What goes first in a release that has such a machine and such votes.
    fn first(snapshot: &Snapshot, votes: &[Vote]) -> Option<(u32, Tier)> {
        let (snapshot, excluded, votes) = mended(snapshot, vec![(9, Exclusion::Init)], votes);
        let settings = Settings::default();
        let (_, ranking, _) = decide(&snapshot, excluded, &votes, &[], State::default(), &settings);
        ranking.order.first().map(|ranked| (ranked.row, ranked.tier))
    }

    #[test]
    fn a_release_goes_on_with_what_fits() {
        let mut short = even();
        (short.processes.parents, short.processes.memcgs) = Default::default();
        short.memcgs.parents = Arc::new(vec![NONE_U32; 9]);
        (short.processes.flags, short.processes.comms) = Default::default();
        short.processes.rss_anon_bytes = Arc::new(vec![1 << 20]);
        assert_eq!(first(&short, &votes(Target::Process(1))), Some((1, Tier::Sacrifice(1))));
        assert!(matches!(first(&short, &votes(Target::Process(2))), Some((0, Tier::Sacrifice(_)))));
        short.processes.start_times = Column::default();
        assert_eq!(first(&short, &[]), None, "no process can be told from a later one of the same pid");
    }
}
