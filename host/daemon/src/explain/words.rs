//! What the table and the tree say of a row.

use jettison_decide::{BUILT_IN, built_in_reason};
use jettison_model::text::Escaped;
use jettison_model::{Ranked, Ranking, Snapshot, Target, Tier, Vote};

use crate::layout::Paint;

/// Columns of a tier.
pub(super) const TIER: usize = 14;

/// A tier and its number, in its colour.
pub(super) fn tier(paint: Paint, tier: Tier) -> String {
    let word = tier.as_str();
    let text = match tier {
        Tier::Sacrifice(score) => format!("{word:<9} {:>4}", score.min(1000)),
        Tier::Protected(strength) => format!("{word:<9} {strength:>4}"),
        Tier::Never | Tier::Unranked(_) => format!("{word:<TIER$}"),
    };
    paint.tier(word, &text)
}

/// What was said of it, or its badness.
pub(super) fn why(snapshot: &Snapshot, ranking: &Ranking, votes: &[Vote], ranked: &Ranked) -> String {
    let unit = match ranked.unit {
        Target::Process(row) if row == ranked.row => String::new(),
        Target::Process(row) | Target::Tree(row) => {
            let root = snapshot.processes.pids.get(row as usize).copied().unwrap_or_default();
            format!("[{} {root}] ", ranked.unit.kind())
        }
        Target::Memcg(row) => format!("[memcg {}] ", Escaped(snapshot.memcgs.paths.get(row as usize))),
    };
    let entries = ranking.entries_of(ranked, votes);
    let said: Vec<String> = entries.map(|(_, entry)| Escaped(entry.reason.as_bytes()).to_string()).collect();
    if said.is_empty() {
        return format!("{unit}{BUILT_IN}: {}", built_in_reason(snapshot, ranked.row as usize));
    }
    unit + &said.join("; ")
}
