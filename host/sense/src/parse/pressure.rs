//! `/proc/pressure/memory` and `memory.pressure` (Documentation/accounting/psi.rst).

use super::text::{Malformed, lines, number};

/// The share of the last ten seconds in which tasks stalled, hundredths of a percent; and the time since
/// boot, microseconds, which the kernel updates when the file is read (`psi_show` in kernel/sched/psi.c).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pressure {
    pub(crate) some_avg10: u32,
    pub(crate) full_avg10: u32,
    pub(crate) some_total_us: Option<u64>,
    pub(crate) full_total_us: Option<u64>,
}

/// Two lines:
///
/// ```text
/// some avg10=1.25 avg60=0.40 avg300=0.10 total=5000000
/// full avg10=0.50 avg60=0.10 avg300=0.02 total=1000000
/// ```
pub(crate) fn pressure(text: &[u8]) -> Result<Pressure, Malformed> {
    Ok(Pressure {
        some_avg10: some_avg10(text)?,
        full_avg10: avg10(text, b"full ").ok_or(Malformed("no `full avg10=`"))?,
        some_total_us: word(text, b"some ", b"total=").and_then(number),
        full_total_us: word(text, b"full ", b"total=").and_then(number),
    })
}

/// `some avg10` alone, of a file that need not have `full`: `pressure/cpu` has it since Linux 5.13, and for
/// the host it is always 0 (psi.rst).
pub(crate) fn some_avg10(text: &[u8]) -> Result<u32, Malformed> {
    avg10(text, b"some ").ok_or(Malformed("no `some avg10=`"))
}

fn avg10(text: &[u8], kind: &[u8]) -> Option<u32> {
    let value = word(text, kind, b"avg10=")?;
    // The kernel prints exactly two decimals.
    let (whole, decimals) = value.split_at_checked(value.len().checked_sub(3)?)?;
    let hundredths = number(decimals.strip_prefix(b".")?)?;
    let sum = number(whole)?.checked_mul(100)?.checked_add(hundredths)?;
    u32::try_from(sum).ok()
}

fn word<'t>(text: &'t [u8], kind: &[u8], key: &[u8]) -> Option<&'t [u8]> {
    let line = lines(text).find_map(|line| line.strip_prefix(kind))?;
    line.split(u8::is_ascii_whitespace).find_map(|word| word.strip_prefix(key))
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
        fn what_was_formatted_parses_back(some in 0..=10_000_u32, full in 0..=10_000_u32, totals: [u64; 2]) {
            let line = |kind, value, total| format!(
                "{kind} avg10={}.{:02} avg60=1.00 avg300=2.00 total={total}\n", value / 100, value % 100
            );
            let text = line("some", some, totals[0]) + &line("full", full, totals[1]);
            prop_assert_eq!(
                pressure(text.as_bytes()),
                Ok(Pressure {
                    some_avg10: some,
                    full_avg10: full,
                    some_total_us: Some(totals[0]),
                    full_total_us: Some(totals[1]),
                })
            );
        }
    }
}
