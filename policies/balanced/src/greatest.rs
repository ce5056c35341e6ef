//! The greatest of many.
//!
//! By a heap of one type: what the standard library sorts and selects with is five to ten KiB of a module for
//! each type, and the host keeps the code of a policy in memory for as long as it runs.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What processes are ordered by: two numbers and the pid.
pub(crate) type Key = (u64, u64, u32);

/// The places of the greatest keys, the greatest first, and at most so many.
pub(crate) fn greatest(most: usize, keys: impl Iterator<Item = Key>) -> Vec<usize> {
    let mut found = Greatest { most, heap: BinaryHeap::new() };
    for (at, key) in keys.enumerate() {
        found.offer(key, at);
    }
    found.places()
}

struct Greatest {
    most: usize,
    /// The least is on top.
    heap: BinaryHeap<Reverse<(Key, usize)>>,
}

impl Greatest {
    #[inline(never)]
    fn offer(&mut self, key: Key, at: usize) {
        let entry = Reverse((key, at));
        if self.heap.len() < self.most {
            self.heap.push(entry);
        } else if let Some(mut least) = self.heap.peek_mut().filter(|least| entry < **least) {
            *least = entry;
        }
    }

    #[inline(never)]
    fn places(self) -> Vec<usize> {
        self.heap.into_sorted_vec().into_iter().map(|Reverse((_, at))| at).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_come_first_and_no_more_than_are_asked_for() {
        let keys = [(3, 0, 1), (9, 1, 2), (9, 2, 1), (0, 0, 0), (9, 1, 3)];
        let greatest = |most| greatest(most, keys.into_iter());
        assert_eq!(greatest(10), [2, 4, 1, 0, 3]);
        assert_eq!(greatest(2), [2, 4]);
        assert!(greatest(0).is_empty());
    }
}
