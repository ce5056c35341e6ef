//! `/proc/pressure/memory` and `memory.pressure` (Documentation/accounting/psi.rst).

use super::{Malformed, lines, number};

/// The share of the last ten seconds in which tasks stalled, hundredths of a percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pressure {
    pub(crate) some_avg10: u32,
    pub(crate) full_avg10: u32,
}

pub(crate) fn pressure(text: &[u8]) -> Result<Pressure, Malformed> {
    Ok(Pressure {
        some_avg10: avg10(text, b"some ").ok_or(Malformed("no `some avg10=`"))?,
        full_avg10: avg10(text, b"full ").ok_or(Malformed("no `full avg10=`"))?,
    })
}

fn avg10(text: &[u8], kind: &[u8]) -> Option<u32> {
    let line = lines(text).find_map(|line| line.strip_prefix(kind))?;
    let value = line.split(u8::is_ascii_whitespace).find_map(|word| word.strip_prefix(b"avg10="))?;
    // The kernel prints exactly two decimals.
    let (whole, decimals) = value.split_at_checked(value.len().checked_sub(3)?)?;
    let hundredths = number(decimals.strip_prefix(b".")?)?;
    let sum = number(whole)?.checked_mul(100)?.checked_add(hundredths)?;
    u32::try_from(sum).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn garbage_is_named() {
        let some = "some avg10=0.12 avg60=0.00 avg300=0.00 total=0\n";
        assert_eq!(pressure(b""), Err(Malformed("no `some avg10=`")));
        assert_eq!(pressure(some.as_bytes()), Err(Malformed("no `full avg10=`")));
        for garbage in ["", "1", ".12", "0.1", "x.12", "1.2x", "99999999999.00"] {
            let text = format!("some avg10={garbage} total=0\n");
            assert!(pressure(text.as_bytes()).is_err(), "{garbage}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>) {
            prop_assert!(pressure(&text).is_err());
        }

        #[test]
        fn what_was_formatted_parses_back(some in 0..=10_000_u32, full in 0..=10_000_u32) {
            let line = |kind, value| format!(
                "{kind} avg10={}.{:02} avg60=1.00 avg300=2.00 total=3\n", value / 100, value % 100
            );
            let text = line("some", some) + &line("full", full);
            prop_assert_eq!(
                pressure(text.as_bytes()),
                Ok(Pressure { some_avg10: some, full_avg10: full })
            );
        }
    }
}
