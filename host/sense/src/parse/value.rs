//! Files of one value: `memory.max`, `memory.current`, `memory.limit_in_bytes`, `memory.oom.group`,
//! `oom_score_adj`; and attributes of one.

use jettison_model::column::UNLIMITED_U64;

use super::text::{number, signed};

/// "No limit" on v1: the largest multiple of the page size in a signed number, for pages of 4 KiB and of 64
/// KiB.
const V1_UNLIMITED_MIN: u64 = 0x7fff_ffff_ffff_0000;

/// A number of bytes: `104857600`. `max` (v2) and the number that means it on v1 (`9223372036854771712`) are
/// [`UNLIMITED_U64`].
pub(crate) fn limit(text: &[u8]) -> Option<u64> {
    match text.trim_ascii() {
        b"max" => Some(UNLIMITED_U64),
        digits => number(digits).map(|value| if value >= V1_UNLIMITED_MIN { UNLIMITED_U64 } else { value }),
    }
}

/// A switch of the kernel: 0 or 1.
pub(crate) fn boolean(text: &[u8]) -> Option<bool> {
    match text.trim_ascii() {
        b"0" => Some(false),
        b"1" => Some(true),
        _ => None,
    }
}

/// What systemd accepts as true in an attribute (`parse_boolean` in src/basic/parse-util.c).
pub(crate) fn is_yes(text: &[u8]) -> bool {
    let words: [&[u8]; 6] = [b"1", b"yes", b"y", b"true", b"t", b"on"];
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// -1000..=1000 (proc_pid_oom_score_adj(5)).
pub(crate) fn oom_score_adj(text: &[u8]) -> Option<i16> {
    let value = i16::try_from(signed(text.trim_ascii())?).ok()?;
    (-1000..=1000).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_limit_has_one_sentinel() {
        assert_eq!(limit(b"max\n"), Some(UNLIMITED_U64));
        assert_eq!(limit(b"9223372036854771712\n"), Some(UNLIMITED_U64));
        assert_eq!(limit(b"9223372036854710272\n"), Some(UNLIMITED_U64));
        assert_eq!(limit(b"0\n"), Some(0));
        assert_eq!(limit(b"maximum\n"), None);
        assert_eq!(limit(b""), None);
    }

    #[test]
    fn a_switch_is_on_or_off() {
        assert_eq!(boolean(b"0\n"), Some(false));
        assert_eq!(boolean(b"1\n"), Some(true));
        assert_eq!([b"2".as_slice(), b"", b"\n", b"01", b"true"].map(boolean), [None; 5]);
    }

    #[test]
    fn yes_has_the_words_that_systemd_has() {
        assert_eq!([b"1".as_slice(), b"On", b"yes", b"TRUE"].map(is_yes), [true; 4]);
        assert_eq!([b"".as_slice(), b"0", b"1\n", b"10", b"off", b"\xff"].map(is_yes), [false; 6]);
    }

    #[test]
    fn an_adjustment_is_in_its_range() {
        assert_eq!(oom_score_adj(b"-1000\n"), Some(-1000));
        assert_eq!(oom_score_adj(b"1001\n"), None);
        assert_eq!(oom_score_adj(b"-32768\n"), None);
        assert_eq!(oom_score_adj(b"\n"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>) {
            prop_assert!(limit(&text).is_none() || !text.is_empty());
            prop_assert!(oom_score_adj(&text).is_none_or(|adj| adj.abs() <= 1000));
        }

        #[test]
        fn what_was_formatted_parses_back(bytes in 0..V1_UNLIMITED_MIN, adj in -1000..=1000_i16) {
            prop_assert_eq!(limit(format!("{bytes}\n").as_bytes()), Some(bytes));
            prop_assert_eq!(oom_score_adj(format!("{adj}\n").as_bytes()), Some(adj));
        }
    }
}
