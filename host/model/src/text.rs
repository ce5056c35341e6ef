//! Names for people: bytes that a process chose for itself, made safe to print.

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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn hostile_names_print_on_one_line() {
        assert_eq!(Escaped(b") Z \n\x1b[31m\xff").to_string(), r") Z \n\u{1b}[31m\xff");
        assert_eq!(Escaped("käse 'n' co".as_bytes()).to_string(), "käse 'n' co");
    }
}
