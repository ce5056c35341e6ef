//! Regular expressions of the administrator's rules.

use alloc::string::{String, ToString};
use core::fmt;

use regex::bytes::{Regex, RegexBuilder};

/// Bytes that one compiled pattern may take: room for any that a person writes, not for `(.{99}){99}`.
const COMPILED_BYTES_MAX: usize = 256 << 10;

/// A compiled regular expression over bytes. It matches anywhere unless anchored; `\w` and `(?i)` are ASCII.
///
/// Matching takes time linear in pattern times text, whatever either of them is (docs.rs/regex).
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub fn new(pattern: &str) -> Result<Self, BadPattern> {
        let built = RegexBuilder::new(pattern).unicode(false).size_limit(COMPILED_BYTES_MAX).build();
        built.map(Self).map_err(|error| {
            // The compiler draws the pattern with a mark below it first, and says what is wrong at the end.
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            BadPattern(last.strip_prefix("error: ").unwrap_or(last).into())
        })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it is found in a text.
    #[must_use]
    pub fn is_in(&self, text: &[u8]) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

/// A pattern that does not compile, in the words of the compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPattern(String);

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for BadPattern {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_found_anywhere_in_any_bytes() {
        let found = |pattern: &str, text: &[u8]| Pattern::new(pattern).map(|pattern| pattern.is_in(text));
        assert_eq!(found("-D /srv", b"postgres -D /srv/db"), Ok(true));
        assert_eq!(found("^-D", b"postgres -D /srv/db"), Ok(false));
        assert_eq!(found("(?i)K\u{e4}SE$", "k\u{e4}se".as_bytes()), Ok(true));
        assert_eq!(found("b.c", b"a\xffb\xfec"), Ok(true));
    }

    #[test]
    fn a_bad_pattern_is_named_in_one_line() {
        let said = |pattern| Pattern::new(pattern).map_err(|bad| bad.to_string()).err();
        assert_eq!(said("java (-jar").as_deref(), Some("unclosed group"));
        assert_eq!(
            said("(.{99}){99}").as_deref(),
            Some("Compiled regex exceeds size limit of 262144 bytes.")
        );
    }
}
