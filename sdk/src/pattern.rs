//! Texts to compare with: a glob, or a regular expression.
//!
//! ```text
//! cc1plus        the whole text
//! python3*       * is any bytes, none too; ? is any one byte
//! regex:^ld\.    a regular expression (docs.rs/regex-lite), anywhere in the text; with the feature `regex`
//! ```

#[cfg(feature = "regex")]
use regex_lite::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::checked::refuse;

/// Says that a regular expression follows.
const REGEX: &str = "regex:";
/// Bytes that one compiled expression may take: room for any that a person writes, not for `(.{99}){99}`.
#[cfg(feature = "regex")]
const COMPILED_BYTES_MAX: usize = 64 << 10;

/// One text to compare with: `cc1plus`, a glob as `cc1*`, or, with the feature `regex`, an expression as
/// `regex:^ld\.`. As a field of a configuration it is a text, and one that is no pattern is an error there.
///
/// ```
/// use jettison_sdk::Pattern;
///
/// assert!(Pattern::new("cc1*").unwrap().matches(b"cc1plus"));
/// assert!(Pattern::new("").is_err());
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Literal(String),
    Glob(Glob),
    #[cfg(feature = "regex")]
    Regex(Regex),
}

impl Pattern {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is empty, and matches nothing: leave the key out for anything".into());
        }
        if let Some(expression) = text.strip_prefix(REGEX) {
            return Self::regex(expression);
        }
        let is_glob = text.bytes().any(|byte| matches!(byte, b'*' | b'?'));
        Ok(Self(if is_glob { Kind::Glob(Glob::new(text)) } else { Kind::Literal(text.into()) }))
    }

    #[cfg(feature = "regex")]
    fn regex(expression: &str) -> Result<Self, String> {
        let built = RegexBuilder::new(expression).size_limit(COMPILED_BYTES_MAX).build();
        built
            .map(|regex| Self(Kind::Regex(regex)))
            .map_err(|error| format!("is no regular expression ({error}): {expression:?}"))
    }

    #[cfg(not(feature = "regex"))]
    fn regex(expression: &str) -> Result<Self, String> {
        let why = "is a regular expression, which this policy was built without (feature `regex`): ";
        Err(why.to_owned() + expression)
    }

    /// The only text that it matches, if there is one.
    pub fn literal(&self) -> Option<&str> {
        match &self.0 {
            Kind::Literal(text) => Some(text),
            _ => None,
        }
    }

    /// Whether a text fits: a glob the whole of it, an expression any part.
    pub fn matches(&self, text: &[u8]) -> bool {
        match &self.0 {
            Kind::Literal(literal) => literal.as_bytes() == text,
            Kind::Glob(glob) => glob.fits(text),
            #[cfg(feature = "regex")]
            Kind::Regex(regex) => regex.is_match(&String::from_utf8_lossy(text)),
        }
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text).map_err(|why| format!("\"{text}\" {why}"))
    }
}

/// One pattern or several, any of which may fit: what a matcher is made from. A text that is no pattern is an
/// error in a native test; in the daemon it matches nothing, with a warning in the log.
#[derive(Clone, Debug)]
pub struct Patterns(Vec<Pattern>);

impl Patterns {
    fn read<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let read = |text| match Pattern::new(text) {
            Ok(pattern) => Some(pattern),
            Err(why) => {
                refuse(&format!("the pattern \"{text}\" {why}"), "it matches nothing");
                None
            }
        };
        Self(texts.into_iter().filter_map(read).collect())
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Pattern> {
        self.0.iter()
    }

    /// Whether a text fits any of them.
    pub fn matches(&self, text: &[u8]) -> bool {
        self.0.iter().any(|pattern| pattern.matches(text))
    }
}

impl From<&str> for Patterns {
    fn from(text: &str) -> Self {
        Self::read([text])
    }
}

impl<const N: usize> From<[&str; N]> for Patterns {
    fn from(texts: [&str; N]) -> Self {
        Self::read(texts)
    }
}

impl From<Pattern> for Patterns {
    fn from(pattern: Pattern) -> Self {
        Self(vec![pattern])
    }
}

impl From<&[Pattern]> for Patterns {
    fn from(patterns: &[Pattern]) -> Self {
        Self(patterns.to_vec())
    }
}

impl From<&Vec<Pattern>> for Patterns {
    fn from(patterns: &Vec<Pattern>) -> Self {
        Self::from(patterns.as_slice())
    }
}

/// What stands between its stars: `a*b?*` is `a`, `b?` and nothing.
#[derive(Clone, Debug)]
struct Glob {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
struct Piece {
    bytes: Vec<u8>,
    /// Whether a `?` is in it.
    has_any: bool,
}

impl Glob {
    fn new(glob: &str) -> Self {
        let piece = |bytes: &[u8]| Piece { bytes: bytes.to_vec(), has_any: bytes.contains(&b'?') };
        Self { pieces: glob.as_bytes().split(|&byte| byte == b'*').map(piece).collect() }
    }

    /// The first piece stands at the beginning, the last one at the end, and each of the others as early as
    /// it can, which leaves most to those behind it. So the time is at most glob times text.
    fn fits(&self, text: &[u8]) -> bool {
        let Some((first, others)) = self.pieces.split_first() else { return false };
        let Some((start, rest)) = text.split_at_checked(first.bytes.len()) else { return false };
        if !first.is(start) {
            return false;
        }
        let Some((last, middle)) = others.split_last() else { return rest.is_empty() };
        let Some(until) = rest.len().checked_sub(last.bytes.len()) else { return false };
        let (mut rest, end) = rest.split_at(until);
        if !last.is(end) {
            return false;
        }
        for piece in middle {
            let Some(behind) = piece.behind(rest) else { return false };
            rest = behind;
        }
        true
    }
}

impl Piece {
    /// Whether a text of its length is it.
    fn is(&self, text: &[u8]) -> bool {
        if !self.has_any {
            return self.bytes == text;
        }
        self.bytes.iter().zip(text).all(|(&piece, &byte)| piece == b'?' || piece == byte)
    }

    /// What comes after its first place in a text.
    fn behind<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let Some(&first) = self.bytes.first() else { return Some(text) };
        let mut rest = text;
        loop {
            if first != b'?' {
                let at = rest.iter().position(|&byte| byte == first)?;
                rest = rest.get(at..)?;
            }
            let (here, behind) = rest.split_at_checked(self.bytes.len())?;
            if self.is(here) {
                return Some(behind);
            }
            rest = rest.get(1..)?;
        }
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn a_glob_matches_the_whole_text() {
        for (glob, text, expected) in [
            ("cc1plus", "cc1plus", true),
            ("cc1", "cc1plus", false),
            ("cc1*", "cc1", true),
            ("*.service", "nginx.service", true),
            ("*.service", "nginx.services", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b", false),
            ("python3.?", "python3.9", true),
            ("python3.?", "python3.", false),
            ("*", "", true),
            ("?", "", false),
            ("**", "x", true),
            ("a*a", "a", false),
            ("a*?", "a", false),
            ("*pytest*", "python3 -m pytest -n 4", true),
            ("*pytest*", "python3 -m pytes", false),
            ("*a?c*", "ab-abd-abc-", true),
            ("*??*", "x", false),
            ("*.so.?", "libc.so.6", true),
            ("*ab*ab", "xab", false),
        ] {
            assert_eq!(Pattern::new(glob).unwrap().matches(text.as_bytes()), expected, "{glob} of {text}");
        }
    }

    #[test]
    fn a_glob_takes_no_more_than_glob_times_text() {
        let glob = Pattern::new(&"a*".repeat(200)).unwrap();
        assert!(!glob.matches("a".repeat(199).as_bytes()));
        assert!(!Pattern::new("*a*a*a*a*a*b").unwrap().matches("a".repeat(4000).as_bytes()));
    }

    #[cfg(feature = "regex")]
    #[test]
    fn an_expression_matches_anywhere_and_takes_bytes_that_are_no_text() {
        assert!(Pattern::new("regex:(^|/)(init|sshd)$").unwrap().matches(b"/usr/sbin/sshd"));
        assert!(!Pattern::new("regex:^sshd$").unwrap().matches(b"sshd:"));
        assert!(Pattern::new("regex:^b.d$").unwrap().matches(b"b\xffd"));
        assert!(Pattern::new("regex:(").unwrap_err().contains("no regular expression"));
        assert!(Pattern::new("regex:(.{99}){99}").unwrap_err().contains("no regular expression"));
    }

    #[cfg(not(feature = "regex"))]
    #[test]
    fn an_expression_needs_its_feature() {
        assert!(Pattern::new("regex:^a").unwrap_err().contains("feature `regex`"));
    }

    #[test]
    fn what_is_no_pattern_is_said() {
        assert!(Pattern::new("").unwrap_err().contains("matches nothing"));
        let read: Result<Vec<Pattern>, _> = serde_json::from_str(r#"["a*", ""]"#);
        assert!(read.unwrap_err().to_string().starts_with("\"\" is empty"));
        assert!(std::panic::catch_unwind(|| Patterns::from(["a", ""])).is_err());
    }

    #[test]
    fn several_are_met_by_any() {
        let patterns = Patterns::from(["ld", "cc1*"]);
        assert_eq!(patterns.iter().filter_map(Pattern::literal).collect::<Vec<_>>(), ["ld"]);
        let fitting: Vec<bool> = [b"ld".as_slice(), b"cc1plus", b"lld"].map(|it| patterns.matches(it)).into();
        assert_eq!(fitting, [true, true, false]);
    }
}
