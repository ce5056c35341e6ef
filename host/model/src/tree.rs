//! Children and descendants of processes.

use alloc::vec::Vec;

/// Children of every row, from the column of parents. One allocation per column, none per row.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    starts: Vec<u32>,
    children: Vec<u32>,
}

impl Tree {
    /// Builds the index. A parent that is no row is no parent.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "rows are u32 by contract")]
    pub fn of(parents: &[u32]) -> Self {
        let count = parents.len();
        let mut starts = alloc::vec![0_u32; count + 1];
        for &parent in parents {
            if let Some(slot) = starts.get_mut(parent as usize + 1).filter(|_| (parent as usize) < count) {
                *slot += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut children = alloc::vec![0_u32; sum as usize];
        for (row, &parent) in parents.iter().enumerate() {
            if (parent as usize) < count {
                children[next[parent as usize] as usize] = row as u32;
                next[parent as usize] += 1;
            }
        }
        Self { starts, children }
    }

    /// The rows whose parent is `row`, ascending.
    #[must_use]
    pub fn children(&self, row: usize) -> &[u32] {
        match (self.starts.get(row), self.starts.get(row + 1)) {
            (Some(&start), Some(&end)) => &self.children[start as usize..end as usize],
            _ => &[],
        }
    }

    /// `row` and all below it, parents before children. A cycle (a torn scan with a reused pid) ends where it
    /// closes.
    #[must_use]
    pub fn subtree(&self, row: u32) -> Vec<u32> {
        let mut members = alloc::vec![row];
        let mut next = 0;
        while let Some(&member) = members.get(next) {
            next += 1;
            members.extend(self.children(member as usize).iter().filter(|&&child| child != row));
            if members.len() > self.starts.len() {
                members.sort_unstable();
                members.dedup();
                break;
            }
        }
        members
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::NONE_U32;

    #[test]
    fn a_tree_lists_children_and_survives_rootless_rows_and_cycles() {
        let tree = Tree::of(&[NONE_U32, 0, 0, 1, 77]);
        assert_eq!(tree.children(0), [1, 2]);
        assert_eq!(tree.subtree(0), [0, 1, 2, 3]);
        assert_eq!(tree.subtree(4), [4]);
        let cycle = Tree::of(&[1, 0, 1]);
        assert_eq!(cycle.subtree(0), [0, 1, 2]);
        let inner = Tree::of(&[NONE_U32, 2, 1, 0]);
        assert_eq!(inner.subtree(1), [1, 2]);
    }
}
