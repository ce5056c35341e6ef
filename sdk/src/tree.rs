//! The process tree in one order, in which every subtree is a slice.

use std::ops::Range;

use crate::columns::NONE_U32;

/// The rows in depth-first order: a parent, then each child with all that is below it. A row and its
/// descendants are therefore `sizes[row]` rows from `places[row]` on, and nothing is allocated per row.
#[derive(Debug)]
pub(crate) struct Tree {
    parents: Vec<u32>,
    order: Vec<u32>,
    places: Vec<u32>,
    sizes: Vec<u32>,
}

impl Tree {
    /// Builds the order from the column of parents. A parent that is no row is no parent. A cycle (a torn
    /// scan with a reused pid) is cut at one of its rows, so that every walk ends.
    pub(crate) fn of(parents: &[u32]) -> Self {
        let parents = without_cycles(parents);
        let order = depth_first(&parents);
        let mut places = vec![0; parents.len()];
        for (place, &row) in (0_u32..).zip(&order) {
            places[row as usize] = place;
        }
        let mut sizes = vec![1; parents.len()];
        for &row in order.iter().rev() {
            if let Some(parent) = row_of(parents[row as usize]) {
                sizes[parent] += sizes[row as usize];
            }
        }
        Self { parents, order, places, sizes }
    }

    /// All rows, parents before children.
    pub(crate) fn order(&self) -> &[u32] {
        &self.order
    }

    #[inline(always)]
    pub(crate) fn parent(&self, row: usize) -> Option<usize> {
        row_of(self.parents[row])
    }

    /// The row and all its descendants, parents before children.
    #[inline(always)]
    pub(crate) fn subtree(&self, row: usize) -> &[u32] {
        let place = self.places[row] as usize;
        &self.order[place..place + self.sizes[row] as usize]
    }

    /// The rows whose parent is `row`, ascending.
    pub(crate) fn children(&self, row: usize) -> impl Iterator<Item = u32> + Clone {
        let mut below = &self.subtree(row)[1..];
        std::iter::from_fn(move || {
            let &child = below.first()?;
            below = &below[self.sizes[child as usize] as usize..];
            Some(child)
        })
    }
}

/// The row as an index, unless it is the sentinel.
#[inline(always)]
pub(crate) fn row_of(value: u32) -> Option<usize> {
    (value != NONE_U32).then_some(value as usize)
}

#[expect(clippy::cast_possible_truncation, reason = "the number of rows comes from a u32")]
fn rows(count: usize) -> Range<u32> {
    0..count as u32
}

/// Cuts what is no row, and one link of each cycle.
fn without_cycles(parents: &[u32]) -> Vec<u32> {
    let count = parents.len();
    let mut parents: Vec<u32> =
        parents.iter().map(|&parent| if (parent as usize) < count { parent } else { NONE_U32 }).collect();
    // Pids rise with time, so nearly always each parent stands before its children and no cycle is possible.
    if (0_u32..).zip(&parents).all(|(row, &parent)| parent == NONE_U32 || parent < row) {
        return parents;
    }
    let mut seen_from = vec![NONE_U32; count];
    for start in rows(count) {
        let mut row = start;
        while seen_from[row as usize] == NONE_U32 {
            seen_from[row as usize] = start;
            let parent = parents[row as usize];
            if parent == NONE_U32 {
                break;
            }
            if seen_from[parent as usize] == start {
                parents[row as usize] = NONE_U32;
                break;
            }
            row = parent;
        }
    }
    parents
}

fn depth_first(parents: &[u32]) -> Vec<u32> {
    let mut roots = NONE_U32;
    let mut first_child = vec![NONE_U32; parents.len()];
    let mut next_sibling = vec![NONE_U32; parents.len()];
    // Backwards, so that each list is ascending.
    for row in rows(parents.len()).rev() {
        let first = match row_of(parents[row as usize]) {
            Some(parent) => &mut first_child[parent],
            None => &mut roots,
        };
        next_sibling[row as usize] = std::mem::replace(first, row);
    }
    let mut order = Vec::with_capacity(parents.len());
    let mut next = roots;
    while next != NONE_U32 {
        let mut row = next;
        order.push(row);
        next = first_child[row as usize];
        while next == NONE_U32 {
            next = next_sibling[row as usize];
            let parent = parents[row as usize];
            if next != NONE_U32 || parent == NONE_U32 {
                break;
            }
            row = parent;
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn children(tree: &Tree, row: usize) -> Vec<u32> {
        tree.children(row).collect()
    }

    #[test]
    fn a_subtree_is_a_slice_with_parents_first() {
        let tree = Tree::of(&[NONE_U32, 0, 0, 1, 77, 3, 0]);
        assert_eq!(children(&tree, 0), [1, 2, 6]);
        assert_eq!(tree.subtree(0), [0, 1, 3, 5, 2, 6]);
        assert_eq!(tree.subtree(1), [1, 3, 5]);
        assert_eq!((tree.subtree(4), tree.parent(4)), ([4].as_slice(), None));
        assert_eq!(tree.order().len(), 7);
    }

    #[test]
    fn a_child_with_a_lower_pid_than_its_parent_is_still_its_child() {
        let tree = Tree::of(&[2, 0, NONE_U32]);
        assert_eq!(tree.subtree(2), [2, 0, 1]);
    }

    #[test]
    fn cycles_are_cut_and_every_row_has_one_place() {
        for parents in [&[1, 0, 1][..], &[NONE_U32, 2, 1, 0], &[0], &[1, 2, 3, 1, 0]] {
            let tree = Tree::of(parents);
            let mut rows = tree.order().to_vec();
            rows.sort_unstable();
            assert_eq!(rows, (0..).take(parents.len()).collect::<Vec<u32>>(), "{parents:?}");
            for start in 0..parents.len() {
                let ancestors = std::iter::successors(Some(start), |&row| tree.parent(row));
                assert!(ancestors.take(parents.len() + 1).count() <= parents.len(), "{parents:?}");
            }
        }
    }

    #[test]
    fn no_rows_are_no_tree() {
        assert!(Tree::of(&[]).order().is_empty());
    }
}
