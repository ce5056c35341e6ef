//! `/proc/zoneinfo` (proc_zoneinfo(5); `zoneinfo_show_print` in mm/vmstat.c).

use super::text::{Malformed, lines, number};

/// The watermarks of all zones together, in pages. Below `low` the kernel wakes kswapd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watermarks {
    pub(crate) min_pages: u64,
    pub(crate) low_pages: u64,
    pub(crate) high_pages: u64,
}

/// Sums the lines `min`, `low` and `high` of each zone. The lines `high:`, with a colon, are of per-processor
/// lists.
///
/// ```text
/// Node 0, zone   Normal
///   pages free     3840
///         min      10
///         low      13
///         high     16
///   pagesets
///     cpu: 0
///               high:  5
/// ```
pub(crate) fn watermarks(text: &[u8]) -> Result<Watermarks, Malformed> {
    let mut sum = Watermarks::default();
    let mut seen = [false; 3];
    for line in lines(text) {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (slot, is_seen) = match (words.next(), &mut seen) {
            (Some(b"min"), [seen, _, _]) => (&mut sum.min_pages, seen),
            (Some(b"low"), [_, seen, _]) => (&mut sum.low_pages, seen),
            (Some(b"high"), [_, _, seen]) => (&mut sum.high_pages, seen),
            _ => continue,
        };
        let pages = words.next().and_then(number).ok_or(Malformed("a watermark is not a number of pages"))?;
        *slot = slot.saturating_add(pages);
        *is_seen = true;
    }
    if seen == [true; 3] { Ok(sum) } else { Err(Malformed("no zone with `min`, `low` and `high`")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_zones_of_all_nodes_count() {
        let text = "Node 0, zone      DMA\n  per-node stats\n      nr_low 7\n  pages free     3840\n        boost    0\n\
                            min      10\n        low      13\n        high     16\n        promo    19\n\
                    \x20 pagesets\n    cpu: 0\n              count:    0\n              high:     5\n\
                    Node 1, zone   Normal\n  pages free     9\n        min      1000\n        low      2000\n        high     3000\n";
        let expected = Watermarks { min_pages: 1010, low_pages: 2013, high_pages: 3016 };
        assert_eq!(watermarks(text.as_bytes()), Ok(expected));
    }

    #[test]
    fn garbage_is_named() {
        let none = Err(Malformed("no zone with `min`, `low` and `high`"));
        for garbage in ["", "high: 3\n", "min 1\nlow 2\n", "Node 0, zone DMA\n"] {
            assert_eq!(watermarks(garbage.as_bytes()), none, "{garbage}");
        }
        let odd = Err(Malformed("a watermark is not a number of pages"));
        for garbage in ["min", "min x", "low -1"] {
            assert_eq!(watermarks(garbage.as_bytes()), odd, "{garbage}");
        }
        let most = format!("min {0}\nmin {0}\nlow 1\nhigh 1\n", u64::MAX);
        assert_eq!(watermarks(most.as_bytes()).map(|sum| sum.min_pages), Ok(u64::MAX));
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>, line in "(min|low|high)[ 0-9\n]{0,60}") {
            prop_assert!(watermarks(&text).is_err());
            watermarks(line.as_bytes()).ok();
        }
    }
}
