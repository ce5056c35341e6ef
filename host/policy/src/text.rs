//! Words of a policy, made fit for a log: one line, bounded, with nothing that a terminal would obey.

use jettison_model::limits::LOG_LINE_BYTES_MAX;
use jettison_model::text::Escaped;

/// Escapes control characters. Ordinary text comes back as it is, without a copy.
pub(crate) fn one_line(text: String) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text;
    }
    let lines: Vec<String> = text.lines().map(|line| Escaped(line.as_bytes()).to_string()).collect();
    lines.join(" ")
}

/// The same, of no more than a log line's length.
pub(crate) fn short_line(text: &str) -> String {
    one_line(text[..text.floor_char_boundary(LOG_LINE_BYTES_MAX)].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_policy_stay_on_one_line() {
        assert_eq!(one_line(r"a \ b 'c'".into()), r"a \ b 'c'");
        assert_eq!(
            one_line("panicked:\nkäse \u{1b}[31m\r\n\u{202e}".into()),
            "panicked: käse \\u{1b}[31m \\u{202e}"
        );
        assert_eq!(short_line(&"ä".repeat(1000)).len(), LOG_LINE_BYTES_MAX);
    }
}
