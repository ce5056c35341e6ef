//! Text for people: at most 100 columns, coloured on a terminal only.

use anstream::{AutoStream, ColorChoice};
use jettison_model::text::Bytes;

/// Columns of a line.
pub(crate) const WIDTH: usize = 100;

/// Lines of at most so many characters, broken between words; a longer word is cut.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').map(|word| cut(word, width)) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// At most so many characters, with an ellipsis where something is missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.into();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// Colours of what goes to standard output: on a terminal only, and not against `NO_COLOR`.
#[derive(Clone, Copy)]
pub(crate) struct Paint {
    is_on: bool,
}

impl Paint {
    pub(crate) fn of_stdout() -> Self {
        Self { is_on: AutoStream::choice(&std::io::stdout()) != ColorChoice::Never }
    }

    /// What stands for a tier, or for an exclusion, in its colour.
    pub(crate) fn tier(self, tier: &str, text: &str) -> String {
        match tier {
            "sacrifice" => self.red(text),
            "unranked" => self.with("33", text),
            "protected" => self.green(text),
            _ => self.with("36", text),
        }
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.is_on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() }
    }
}

/// The `oom_score_adj` of a process, and the one that is to be held if that is another.
pub(crate) fn adj<T: PartialEq + std::fmt::Display>(now: T, wanted: T) -> String {
    if now == wanted { now.to_string() } else { format!("→{wanted}") }
}

/// A size for people.
pub(crate) fn bytes(bytes: u64) -> String {
    Bytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_too_wide_and_no_word_is_lost() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("unbreakable", 5), ["unbr…"]);
        assert_eq!(wrap("", 5), [""]);
    }
}
