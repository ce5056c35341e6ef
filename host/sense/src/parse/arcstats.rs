//! `/proc/spl/kstat/zfs/arcstats`: the adaptive replacement cache of ZFS (zfs(4), `arc_stats_t` in OpenZFS).

use super::text::{Malformed, lines, number};

/// The values of `arcstats` that are used, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arcstats {
    pub(crate) size_bytes: u64,
    /// It never shrinks below this.
    pub(crate) min_bytes: u64,
    /// Clean buffers that are not in use. `None` before OpenZFS 0.7.
    pub(crate) evictable_bytes: Option<u64>,
}

/// Two lines of heading, then name, type and value:
///
/// ```text
/// 13 1 0x01 147 39984 5020 1767225600
/// name                            type data
/// size                            4    8589934592
/// c_min                           4    1073741824
/// mru_evictable_data              4    100
/// ```
pub(crate) fn arcstats(text: &[u8]) -> Result<Arcstats, Malformed> {
    let (mut size, mut min, mut evictable) = (None, None, None::<u64>);
    for line in lines(text) {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (Some(name), Some(_), Some(value)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let Some(value) = number(value) else {
            continue;
        };
        match name {
            b"size" => size = Some(value),
            b"c_min" => min = Some(value),
            b"mru_evictable_data"
            | b"mru_evictable_metadata"
            | b"mfu_evictable_data"
            | b"mfu_evictable_metadata" => {
                evictable = Some(evictable.unwrap_or(0).saturating_add(value));
            }
            _ => {}
        }
    }
    Ok(Arcstats {
        size_bytes: size.ok_or(Malformed("no line `size`"))?,
        min_bytes: min.ok_or(Malformed("no line `c_min`"))?,
        evictable_bytes: evictable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_kstat_is_read_and_its_headings_are_not() {
        let text = b"13 1 0x01 147 39984 5020 1767225600\nname   type data\nhits  4  123\n\
            size                            4    8589934592\nc_min 4 1073741824\n\
            mru_evictable_data 4 100\nmfu_evictable_metadata 4 11\nmru_ghost_evictable_data 4 5\n";
        let expected = Arcstats { size_bytes: 8 << 30, min_bytes: 1 << 30, evictable_bytes: Some(111) };
        assert_eq!(arcstats(text), Ok(expected));
        assert_eq!(arcstats(b"size 4 7\nc_min 4 2\n").map(|arc| arc.evictable_bytes), Ok(None));
        assert_eq!(arcstats(b"size 4 7\n"), Err(Malformed("no line `c_min`")));
        assert_eq!(arcstats(b"size 4 -7\nc_min 4 2\n"), Err(Malformed("no line `size`")));
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>, line in "(size|c_min|mru_evictable_data)?[ 0-9\n]{0,60}") {
            prop_assert!(arcstats(&text).is_err());
            prop_assert!(arcstats(line.as_bytes()).is_err());
        }
    }
}
