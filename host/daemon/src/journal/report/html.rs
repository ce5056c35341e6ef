//! What a process calls itself is text, not HTML.

/// Text as HTML: what a process calls itself stays text. Control characters are shown.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            letter if letter.is_control() => html.extend(letter.escape_default()),
            letter => html.push(letter),
        }
    }
    html
}
