//! A set of rules, by their numbers.

use crate::rule::RULES_MAX;

const BITS: usize = u64::BITS as usize;

/// One bit for each rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Set([u64; RULES_MAX / BITS]);

impl Set {
    pub(crate) fn insert(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / BITS) {
            *word |= 1 << (index % BITS);
        }
    }

    pub(crate) fn has(&self, index: usize) -> bool {
        self.0.get(index / BITS).is_some_and(|word| word >> (index % BITS) & 1 == 1)
    }

    /// What is in both.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word &= other);
        self
    }

    /// In ascending order.
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(at, word)| {
            let next = |&word: &u64| Some(word & (word - 1)).filter(|&rest| rest != 0);
            let words = std::iter::successors(Some(word).filter(|&word| word != 0), next);
            words.map(move |word| at * BITS + word.trailing_zeros() as usize)
        })
    }
}

impl FromIterator<usize> for Set {
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Self {
        let mut set = Self::default();
        indices.into_iter().for_each(|index| set.insert(index));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_out_in_order() {
        let numbers = [0, 1, 63, 64, 200, 255];
        let set: Set = numbers.into_iter().rev().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), numbers);
        assert!(set.has(255) && !set.has(254));
        let both = set.and([1, 2, 255].into_iter().collect());
        assert_eq!(both.iter().collect::<Vec<_>>(), [1, 255]);
        assert_eq!(Set::default().iter().count(), 0);
    }
}
