//! Text for people: names that a process chose for itself, made safe to print, and sizes.

use core::fmt::{self, Write};

/// Prints bytes as UTF-8 with control characters, invalid bytes and quotes escaped, so that no name can
/// forge a line, a column or a terminal sequence.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                // `escape_debug` leaves what is printable; quotes need no escape outside quotes.
                match c {
                    '\'' | '"' => f.write_char(c)?,
                    _ => write!(f, "{}", c.escape_debug())?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Prints a size with three significant figures at most, in the largest binary unit that fits.
#[derive(Clone, Copy, Debug)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let Self(bytes) = *self;
        if bytes < 1024 {
            return write!(f, "{bytes} B");
        }
        let (mut tenths, mut unit) = (u128::from(bytes) * 10 / 1024, 0);
        while tenths >= 10_240 && unit + 1 < UNITS.len() {
            tenths /= 1024;
            unit += 1;
        }
        let name = UNITS.get(unit).unwrap_or(&"EiB");
        match tenths {
            1000.. => write!(f, "{} {name}", tenths / 10),
            _ => write!(f, "{}.{} {name}", tenths / 10, tenths % 10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn hostile_names_print_on_one_line() {
        assert_eq!(Escaped(b") Z \n\x1b[31m\xff").to_string(), r") Z \n\u{1b}[31m\xff");
        assert_eq!(Escaped("käse 'n' co".as_bytes()).to_string(), "käse 'n' co");
    }

    #[test]
    fn the_largest_unit_that_fits_is_used() {
        let sizes = [0, 1023, 1024, 1536, 300 << 20, 25_230_000_000, u64::MAX];
        let expected = ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "300 MiB", "23.4 GiB", "15.9 EiB"];
        assert_eq!(sizes.map(|size| Bytes(size).to_string()), expected);
    }
}
