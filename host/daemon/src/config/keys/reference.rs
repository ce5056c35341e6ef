//! Rows of the reference's tables.

use super::key::{Holds, Key};

/// `| name | default | range | meaning |`; without the default where every key must be given, as with rules
/// of the guard, of which none has any.
pub(super) fn row(key: &Key, has_default: bool) -> String {
    let name = format!("`{}`", key.name);
    if !has_default {
        return format!("| {name} | {} |", key.means);
    }
    format!("| {name} | {} | {} | {} |", default(key), range(key), key.means)
}

fn default(key: &Key) -> String {
    match (key.without, key.default) {
        (Some(text), _) => text.into(),
        (None, None) => "none".into(),
        (None, Some(toml)) if toml.bytes().all(|byte| byte.is_ascii_alphanumeric()) => toml.into(),
        (None, Some(toml)) => format!("`{toml}`"),
    }
}

fn range(key: &Key) -> String {
    let words = |words: &[&str]| {
        let quoted: Vec<String> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
        quoted.join(", ")
    };
    match (key.range, key.holds) {
        (Some(text), _) => text.into(),
        (None, Holds::Number(least, most)) => format!("{least} to {most}"),
        (None, Holds::Switch) => "true, false".into(),
        (None, Holds::Words(all)) => words(all),
        (None, Holds::ListOf(all)) => format!("of {}", words(all)),
        (None, Holds::WordsOrTexts(all)) => format!("{}, or a list of paths", words(all)),
        (None, Holds::Text | Holds::TextOrNumber) => "a text".into(),
        (None, Holds::Texts) => "a list of texts".into(),
        (None, Holds::Table(_) | Holds::Anything) => "a table".into(),
        (None, Holds::Tables(_)) => "a list of tables".into(),
    }
}
