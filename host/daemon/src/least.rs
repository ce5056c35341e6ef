//! The least of something that is enough, by halves.

/// The least number up to `most` for which `try_it` has an answer, with that. It takes more to be more: where
/// that does not hold, the answer is still one that was tried, but perhaps not the least.
pub(crate) fn least<T>(most: u64, mut try_it: impl FnMut(u64) -> Option<T>) -> Option<(u64, T)> {
    let mut found = (most, try_it(most)?);
    let mut low = 1;
    while low < found.0 {
        let middle = low.midpoint(found.0);
        match try_it(middle) {
            Some(answer) => found = (middle, answer),
            None => low = middle + 1,
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_that_is_enough_is_found_in_few_tries() {
        let mut tries = 0;
        let mut of = |least_enough: u64, most| {
            tries = 0;
            least(most, |number| {
                tries += 1;
                (number >= least_enough).then_some(number * 2)
            })
        };
        assert_eq!(of(300, 1000), Some((300, 600)));
        assert_eq!(of(1, 1000), Some((1, 2)));
        assert_eq!((of(1000, 1000), of(1001, 1000)), (Some((1000, 2000)), None));
        of(300, 1000);
        assert!(tries <= 11, "{tries}");
    }
}
