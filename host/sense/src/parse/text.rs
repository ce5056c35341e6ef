//! Numbers and lines of kernel files, and the error where they are not as expected.

use std::fmt;

/// What is missing or wrong in a file. The caller adds the name of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Decimal digits only, of a value that fits.
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// Likewise with a sign in front.
pub(crate) fn signed(text: &[u8]) -> Option<i64> {
    match text.strip_prefix(b"-") {
        Some(digits) => 0_i64.checked_sub_unsigned(number(digits)?),
        None => i64::try_from(number(text)?).ok(),
    }
}

/// `123 kB`, in bytes.
pub(crate) fn kib(text: &[u8]) -> Option<u64> {
    number(text.trim_ascii().strip_suffix(b"kB")?.trim_ascii())?.checked_mul(1024)
}

/// The lines of a file, without their ends.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n')
}

/// A line before and after the first `separator`.
pub(crate) fn cut(line: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|&byte| byte == separator)?;
    Some((line.get(..at)?, line.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_digits_that_fit() {
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(number(b"18446744073709551616"), None);
        for garbage in [b"".as_slice(), b"-1", b"+1", b" 1", b"1 ", b"0x1", b"\xff"] {
            assert_eq!(number(garbage), None, "{garbage:?}");
        }
        assert_eq!(signed(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(signed(b"9223372036854775808"), None);
        assert_eq!(signed(b"--1"), None);
        assert_eq!(kib(b"\t     112 kB"), Some(112 * 1024));
        assert_eq!(kib(b"18446744073709551615 kB"), None);
        assert_eq!(kib(b"112"), None);
    }

    proptest! {
        #[test]
        fn what_was_formatted_parses_back(unsigned: u64, with_sign: i64) {
            prop_assert_eq!(number(unsigned.to_string().as_bytes()), Some(unsigned));
            prop_assert_eq!(signed(with_sign.to_string().as_bytes()), Some(with_sign));
        }
    }
}
