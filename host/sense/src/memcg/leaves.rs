//! Leaves without a process: what a tenant can make by the ten thousand, and what can give nothing back.
//!
//! A few of them have rows like any other memcg. Of more than that, one that was empty is left out of the
//! table, and looked at again in turn; so are leaves that have come since the last walk, beyond a bound. A
//! process that turns up in one has it looked at in the next walk ([`Leaves::want`]).
//!
//! ```text
//! listed ─▶ known empty? ─ not its turn ─▶ left out
//!           new? ───────── over the bound ─▶ left out
//!           all others ──▶ read ─▶ a leaf without a process? ─▶ known empty
//! ```

/// So many have rows, so that no ordinary host leaves any out.
const ROWS_MAX: usize = 1_024;
/// So many of those that are left out are looked at again in each walk.
const AGAIN: usize = 512;
/// So many new ones are read in each walk but the first: a node with thousands of pods starts fewer at once.
const NEW_MAX: usize = 2_048;

/// What outlives a walk. Memcgs are known by the inodes of their directories, which are not used again.
#[derive(Debug, Default)]
pub(crate) struct Leaves {
    /// Empty at the last look, ascending.
    empty: Vec<u64>,
    next_empty: Vec<u64>,
    /// All others of the last walk, ascending.
    others: Vec<u64>,
    next_others: Vec<u64>,
    /// Looked at in the next walk, whatever is known of them.
    wanted: Vec<u64>,
    walks: usize,
    new: usize,
    left_out: usize,
}

impl Leaves {
    /// Begins a walk.
    pub(crate) fn begin(&mut self) {
        self.wanted.sort_unstable();
        self.next_empty.clear();
        self.next_others.clear();
        (self.new, self.left_out) = (0, 0);
    }

    /// Whether a memcg that is listed is to be read. `is_in_domain` is for those that are never deferred: the
    /// daemon's own scope.
    pub(crate) fn is_due(&mut self, inode: u64, is_in_domain: bool) -> bool {
        if self.wanted.binary_search(&inode).is_ok() {
            return true;
        }
        if let Ok(at) = self.empty.binary_search(&inode) {
            let rounds = self.empty.len().div_ceil(AGAIN).max(1);
            let is_due = self.empty.len() <= ROWS_MAX || at % rounds == self.walks % rounds;
            if !is_due {
                self.next_empty.push(inode);
                self.left_out += 1;
            }
            return is_due;
        }
        if self.walks == 0 || is_in_domain || self.others.binary_search(&inode).is_ok() {
            return true;
        }
        self.new += 1;
        let is_due = self.new <= NEW_MAX;
        self.left_out += usize::from(!is_due);
        is_due
    }

    /// Whether the lists of members have to be read to know which leaves are empty.
    pub(crate) fn are_many(&self, memcgs: usize) -> bool {
        memcgs + self.left_out > ROWS_MAX
    }

    /// What a memcg was found to be.
    pub(crate) fn note(&mut self, inode: u64, is_empty: bool) {
        if is_empty { self.next_empty.push(inode) } else { self.next_others.push(inode) }
    }

    /// A process lives in a memcg that has no row.
    pub(crate) fn want(&mut self, inode: u64) {
        self.wanted.push(inode);
    }

    /// Ends the walk.
    pub(crate) fn end(&mut self) {
        std::mem::swap(&mut self.empty, &mut self.next_empty);
        std::mem::swap(&mut self.others, &mut self.next_others);
        self.empty.sort_unstable();
        self.others.sort_unstable();
        self.wanted.clear();
        self.walks += 1;
    }

    /// How many the last walk left out.
    pub(crate) fn left_out(&self) -> usize {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks over memcgs, of which the empty ones have inodes below `empty`. Returns which were read.
    fn walk(leaves: &mut Leaves, inodes: std::ops::Range<u64>, empty: u64) -> Vec<u64> {
        leaves.begin();
        let read: Vec<u64> = inodes.filter(|&inode| leaves.is_due(inode, false)).collect();
        for &inode in &read {
            leaves.note(inode, inode < empty);
        }
        leaves.end();
        read
    }

    #[test]
    fn of_few_all_are_read_each_time() {
        let mut leaves = Leaves::default();
        for _ in 0..3 {
            assert_eq!(walk(&mut leaves, 0..1_000, 900).len(), 1_000);
            assert_eq!(leaves.left_out(), 0);
        }
    }

    #[test]
    fn of_many_the_empty_ones_are_read_in_turn_and_all_others_each_time() {
        let mut leaves = Leaves::default();
        assert_eq!(walk(&mut leaves, 0..30_100, 30_000).len(), 30_100, "the first walk knows nothing");
        let rounds = 30_000_usize.div_ceil(AGAIN);
        let mut seen = vec![0; 30_100];
        for _ in 0..rounds {
            let read = walk(&mut leaves, 0..30_100, 30_000);
            assert!(read.len() <= AGAIN + 100 + 1, "{}", read.len());
            assert_eq!(read.len() + leaves.left_out(), 30_100);
            read.into_iter().for_each(|inode| seen[usize::try_from(inode).unwrap()] += 1);
        }
        assert!(seen[..30_000].iter().all(|&times| times == 1), "each once in {rounds} walks");
        assert!(seen[30_000..].iter().all(|&times| times == rounds));
    }

    #[test]
    fn one_in_which_a_process_turns_up_is_read_next_and_from_then_on() {
        let mut leaves = Leaves::default();
        walk(&mut leaves, 0..5_000, 5_000);
        walk(&mut leaves, 0..5_000, 5_000);
        let chosen = (0..5_000).find(|inode| leaves.next_empty.binary_search(inode).is_ok()).unwrap_or(7);
        leaves.want(chosen);
        leaves.begin();
        assert!(leaves.is_due(chosen, false));
        leaves.note(chosen, false);
        leaves.end();
        assert!(walk(&mut leaves, 0..5_000, 0).contains(&chosen));
    }

    #[test]
    fn new_ones_are_read_within_bounds_and_those_of_the_domain_at_once() {
        let mut leaves = Leaves::default();
        walk(&mut leaves, 0..10, 0);
        assert_eq!(walk(&mut leaves, 0..9_010, 0).len(), 10 + NEW_MAX);
        assert_eq!(leaves.left_out(), 9_000 - NEW_MAX);
        leaves.begin();
        assert!((10_000..15_000).all(|inode| leaves.is_due(inode, true)));
        leaves.end();
        let mut walks = 0;
        while walk(&mut leaves, 0..9_010, 0).len() < 9_010 {
            walks += 1;
            assert!(walks < 9_000 / NEW_MAX + 2);
        }
    }
}
