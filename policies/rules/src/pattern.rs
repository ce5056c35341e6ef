//! Texts to compare with: a glob, or a regular expression.
//!
//! ```text
//! cc1plus        the whole text
//! python3*       * is any bytes, none too; ? is any one byte
//! regex:^ld\.    a regular expression (docs.rs/regex-lite), anywhere in the text
//! ```

use std::borrow::Cow;

use regex_lite::{Regex, RegexBuilder};

/// Says that a regular expression follows.
const REGEX: &str = "regex:";
/// Bytes that one compiled expression may take: room for any that a person writes, not for `(.{99}){99}`.
const COMPILED_BYTES_MAX: usize = 64 << 10;

/// One text to compare with.
#[derive(Debug)]
pub(crate) enum Pattern {
    Literal(Vec<u8>),
    Glob(Vec<u8>),
    Regex(Regex),
}

impl Pattern {
    /// What is wrong with it, if it is none.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is empty, and matches nothing: leave the key out for anything".into());
        }
        if let Some(expression) = text.strip_prefix(REGEX) {
            let built = RegexBuilder::new(expression).size_limit(COMPILED_BYTES_MAX).build();
            return built
                .map(Self::Regex)
                .map_err(|error| format!("is no regular expression ({error}): {expression:?}"));
        }
        let is_glob = text.contains(['*', '?']);
        Ok(if is_glob { Self::Glob(text.into()) } else { Self::Literal(text.into()) })
    }

    /// The only text that it matches, if there is one.
    pub(crate) fn literal(&self) -> Option<&[u8]> {
        match self {
            Self::Literal(text) => Some(text),
            Self::Glob(_) | Self::Regex(_) => None,
        }
    }

    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Literal(literal) => literal == text,
            Self::Glob(glob) => fits(glob, text),
            Self::Regex(regex) => regex.is_match(&String::from_utf8_lossy(text)),
        }
    }
}

/// Whether a text fits a glob. Of the stars only the last one is ever moved, which is enough, so the time is
/// at most glob times text.
fn fits(glob: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        match glob.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[from] => {
                at += 1;
                from += 1;
            }
            Some(_) | None => {
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                at = place + 1;
                from = taken + 1;
            }
        }
    }
    glob[at..].iter().all(|&byte| byte == b'*')
}

/// A command line as it was typed: one space between arguments, none at the end.
pub(crate) fn as_typed(cmdline: &[u8]) -> Cow<'_, [u8]> {
    let end = cmdline.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let cmdline = &cmdline[..end];
    if !cmdline.contains(&0) {
        return cmdline.into();
    }
    let mut typed = cmdline.to_vec();
    typed.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
    typed.into()
}

/// A path without the mark that the kernel adds after an update (proc_pid_exe(5)).
pub(crate) fn without_mark(exe: &[u8]) -> &[u8] {
    exe.strip_suffix(b" (deleted)").unwrap_or(exe)
}

#[cfg(test)]
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

    #[test]
    fn an_expression_matches_anywhere_and_takes_bytes_that_are_no_text() {
        assert!(Pattern::new("regex:(^|/)(init|sshd)$").unwrap().matches(b"/usr/sbin/sshd"));
        assert!(!Pattern::new("regex:^sshd$").unwrap().matches(b"sshd:"));
        assert!(Pattern::new("regex:^b.d$").unwrap().matches(b"b\xffd"));
    }

    #[test]
    fn what_is_no_pattern_is_said() {
        assert!(Pattern::new("regex:(").unwrap_err().contains("no regular expression"));
        assert!(Pattern::new("regex:(.{99}){99}").unwrap_err().contains("no regular expression"));
        assert!(Pattern::new("").unwrap_err().contains("matches nothing"));
    }

    #[test]
    fn arguments_are_divided_by_one_space() {
        assert_eq!(as_typed(b"python3\0-m\0pytest\0").as_ref(), b"python3 -m pytest");
        assert_eq!(as_typed(b"a title\0\0\0").as_ref(), b"a title");
        assert_eq!(as_typed(b"\0\0").as_ref(), b"");
        assert_eq!(without_mark(b"/usr/bin/x (deleted)"), b"/usr/bin/x");
    }
}
