//! The tree of `explain --tree`: the first rows of the order below their parents, each with its place.

use std::collections::BTreeMap;
use std::io::{Result, Write};

use jettison_model::text::Escaped;
use jettison_model::{Ranked, Tree, column};

use super::explained::Explained;
use super::words::{self, TIER};
use crate::layout::{Paint, WIDTH, adj, bytes, cut};

/// Columns that stand before the process.
const BEFORE_PROCESS: usize = 36;
/// A deeper one is drawn no further to the right.
const DEPTH_MAX: usize = 20;

/// A row of the tree: its place, and the lines that lead to it.
struct Node {
    row: u32,
    /// For each level above: whether it has another child below this one.
    has_more: Vec<bool>,
}

pub(super) fn print(out: &mut impl Write, explained: &Explained, top: usize) -> Result<()> {
    let order = &explained.decision.ranking.order;
    let ranks: BTreeMap<u32, (usize, &Ranked)> =
        (1..).zip(order).map(|(rank, ranked)| (ranked.row, (rank, ranked))).collect();
    writeln!(out, "{:>4} {:<TIER$} {:>8} {:>5}  PROCESS", "RANK", "TIER", "RELIEF", "ADJ")?;
    let is_shown = shown(&explained.snapshot.processes.parents, order.iter().take(top));
    for node in nodes(&explained.snapshot.processes.parents, &is_shown) {
        row(out, explained, &node, ranks.get(&node.row).copied())?;
    }
    match order.len().saturating_sub(top) {
        0 => Ok(()),
        hidden => writeln!(out, "     {hidden} more: --top {}", order.len()),
    }
}

/// These rows and all above them.
fn shown<'r>(parents: &[u32], first: impl Iterator<Item = &'r Ranked>) -> Vec<bool> {
    let mut is_shown = vec![false; parents.len()];
    for ranked in first {
        let mut next = Some(ranked.row as usize);
        // It ends at a row that is shown already, so a torn scan that closes a cycle ends it, too.
        while let Some(row) = next.filter(|&row| is_shown.get(row) == Some(&false)) {
            is_shown[row] = true;
            next = parents.get(row).copied().and_then(column::row);
        }
    }
    is_shown
}

/// The shown rows, parents before children, siblings by pid.
fn nodes(parents: &[u32], is_shown: &[bool]) -> Vec<Node> {
    let tree = Tree::of(parents);
    let has = |row: u32, mask: &[bool]| mask.get(row as usize) == Some(&true);
    let (mut nodes, mut is_done) = (Vec::new(), vec![false; parents.len()]);
    let all = || (0_u32..).take(parents.len()).filter(|&row| has(row, is_shown));
    let is_root = |row: &u32| parents.get(*row as usize).is_none_or(|&parent| !has(parent, is_shown));
    // Rows of a cycle hang from no root, and begin a tree of their own.
    for start in all().filter(is_root).chain(all()) {
        let mut next = vec![Node { row: start, has_more: Vec::new() }];
        while let Some(node) = next.pop() {
            if std::mem::replace(&mut is_done[node.row as usize], true) {
                continue;
            }
            let children = tree.children(node.row as usize).iter().rev().copied();
            let children = children.filter(|&child| has(child, is_shown) && !has(child, &is_done));
            for (place, row) in children.enumerate() {
                let has_more = [&node.has_more[..], &[place > 0]].concat();
                next.push(Node { row, has_more });
            }
            nodes.push(node);
        }
    }
    nodes
}

fn row(
    out: &mut impl Write,
    explained: &Explained,
    node: &Node,
    place: Option<(usize, &Ranked)>,
) -> Result<()> {
    let (processes, at) = (&explained.snapshot.processes, node.row as usize);
    let paint = Paint::of_stdout();
    let now = processes.oom_score_adj_now(at);
    match place {
        Some((rank, ranked)) => {
            let adj = adj(now, ranked.oom_score_adj);
            let relief = bytes(ranked.relief_bytes);
            write!(out, "{rank:>4} {} {relief:>8} {adj:>5}  ", words::tier(paint, ranked.tier))?;
        }
        None => {
            let why = explained.exclusion(node.row).map_or("", |why| why.as_str());
            let word = paint.tier(why, &format!("{why:<TIER$}"));
            write!(out, "{:>4} {word} {:>8} {now:>5}  ", "-", "-")?;
        }
    }
    let (pid, name) = (processes.pids.get(at).copied().unwrap_or_default(), Escaped(processes.comms.get(at)));
    let process = format!("{}{pid} {name}", lines(&node.has_more));
    let why = place.map(|(rank, ranked)| explained.said(rank, ranked).collect::<Vec<_>>().join("; "));
    let text = why.map_or_else(|| process.clone(), |why| format!("{process}: {why}"));
    writeln!(out, "{}", cut(&text, WIDTH - BEFORE_PROCESS))
}

/// What leads from the margin to a process.
fn lines(has_more: &[bool]) -> String {
    let Some((last, above)) = has_more.split_last() else { return String::new() };
    let above = above.iter().skip(above.len().saturating_sub(DEPTH_MAX));
    let mut lines: String = above.map(|&has_more| if has_more { "│ " } else { "  " }).collect();
    lines.push_str(if *last { "├─" } else { "└─" });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use jettison_model::column::NONE_U32;

    fn drawn(parents: &[u32], is_shown: &[bool]) -> Vec<String> {
        let nodes = nodes(parents, is_shown);
        nodes.iter().map(|node| format!("{}{}", lines(&node.has_more), node.row)).collect()
    }

    #[test]
    fn rows_hang_below_their_parents_and_a_cycle_is_drawn_once() {
        let parents = [NONE_U32, 0, 1, 0, 1];
        assert_eq!(drawn(&parents, &[true; 5]), ["0", "├─1", "│ ├─2", "│ └─4", "└─3"]);
        assert_eq!(drawn(&parents, &[true, true, false, false, true]), ["0", "└─1", "  └─4"]);
        assert_eq!(drawn(&[1, 0], &[true; 2]), ["0", "└─1"]);
        assert_eq!(drawn(&parents, &[false; 5]), [""; 0]);
    }
}
