//! What the kernel's own OOM killer would choose.

use jettison_decide::badness::{KernelsView, kernels_order};
use jettison_model::{Ranking, Snapshot};
use jettison_tick::Decision;
use serde::Serialize;

/// Choices that are shown.
const SHOWN: usize = 5;

/// Its first choices, the first one first.
#[derive(Serialize)]
pub(super) struct Kernel {
    /// With the values that the kernel holds now.
    pub(super) now: Vec<Choice>,
    /// With those that this decision would hold.
    pub(super) held: Vec<Choice>,
}

#[derive(Serialize)]
pub(super) struct Choice {
    pub(super) pid: u32,
    pub(super) comm: String,
    pub(super) badness_bytes: i64,
    pub(super) oom_score: i64,
    pub(super) oom_score_adj: i16,
    /// Its place in our order; none if it is excluded.
    pub(super) rank: Option<usize>,
    /// Of our order, or why it is excluded.
    pub(super) tier: &'static str,
}

impl Kernel {
    pub(super) fn of(snapshot: &Snapshot, decision: &Decision) -> Self {
        let Decision { plan, ranking, .. } = decision;
        let processes = &snapshot.processes;
        let held = |row: usize| {
            let id = processes.id(row);
            let held = plan.holds.iter().find(|hold| Some(hold.id) == id);
            held.map_or_else(|| processes.oom_score_adj(row), |hold| hold.value)
        };
        let first = |order: Vec<KernelsView>| {
            order.iter().take(SHOWN).map(|view| Choice::of(snapshot, ranking, view)).collect()
        };
        Self {
            now: first(kernels_order(snapshot, |row| processes.oom_score_adj_now(row))),
            held: first(kernels_order(snapshot, held)),
        }
    }
}

impl Choice {
    fn of(snapshot: &Snapshot, ranking: &Ranking, view: &KernelsView) -> Self {
        let row = view.row as usize;
        let place = ranking.order.iter().position(|ranked| ranked.row == view.row);
        let ranked = place.and_then(|place| ranking.order.get(place));
        let excluded = ranking.excluded.iter().find(|&&(row, _)| row == view.row);
        Self {
            pid: snapshot.processes.pids.get(row).copied().unwrap_or_default(),
            comm: String::from_utf8_lossy(snapshot.processes.comms.get(row)).into_owned(),
            badness_bytes: view.badness_bytes,
            oom_score: view.oom_score,
            oom_score_adj: view.oom_score_adj,
            rank: place.map(|place| place + 1),
            tier: ranked
                .map(|ranked| ranked.tier.as_str())
                .or(excluded.map(|(_, why)| why.as_str()))
                .unwrap_or_default(),
        }
    }
}
