//! The commented example: every key with its default, ready to be changed.

use std::fmt::Write;

use super::key::{Form, Key, Section, plain};
use super::sections;

const HEAD: &str = "\
# Every key, most with their defaults. What is commented out has none. docs/reference/configuration.md has ranges and
# meanings; `jettison check` says what is wrong. \"Restart\": a change takes effect on the next start.
";
/// What is loaded without any [[policy]].
const POLICIES: &str = "\
[[policy]]
name = \"services\"
source = \"builtin:services\"     # knows databases and servers of workers
grants = [\"cmdlines\", \"exes\"]   # by which it knows them

[[policy]]
name = \"balanced\"
source = \"builtin:balanced\"     # or the path of a .wasm file, or \"oci://HOST/NAME@sha256:...\"
weight = 1                      # multiplies the urgency of its sacrifices, 1 to 100
shadow = false                  # consulted and recorded, but without a say
grants = []                     # of \"cmdlines\", \"exes\", \"pss-bytes\"; of a built-in one what it imports

# [[policy]]
# name = \"rules\"
# source = \"builtin:rules\"      # your own rules, without code: docs/reference/rules.md
# [policy.config]
# rules = [{ avoid = 600, unit = \"postgresql*.service\" }, { prefer = true, cgroup = \"/batch.slice\", takes = \"cgroup\" }]
";
/// Columns that stand before what a key means.
const BEFORE_MEANING: usize = 32;
/// A line of text.
const WIDTH: usize = 120;

pub(super) fn example() -> String {
    let mut text = HEAD.to_owned();
    for section in sections::ALL {
        match section.form {
            Form::Inner => continue,
            Form::List if section.name == "policy" => text += &format!("\n# {}\n{POLICIES}", section.about),
            Form::List => text += &rules(section),
            Form::Table | Form::Named => text += &table(section),
        }
    }
    text
}

/// Each key as a rule of its own, since together they would hardly match a process.
fn rules(section: &Section) -> String {
    let mut text = format!("\n# {}\n", section.about);
    for key in section.keys {
        let shown = key.shown.unwrap_or_default();
        text += &format!("# [[{}]]\n{}\n", section.name, line("# ", key, shown));
    }
    text
}

/// A section without any default is commented out with its head. Hooks have names, so that of the example is,
/// too.
fn table(section: &Section) -> String {
    let (head, is_named) = match section.form {
        Form::Named => (format!("[{}.drain-ci]", section.name), true),
        _ => (format!("[{}]", section.name), false),
    };
    let has_default = !is_named && section.keys.iter().any(|key| in_force(key).is_some());
    let mut text = String::new();
    // Writing to a string cannot fail.
    write!(text, "\n{}\n", commented(if has_default { "" } else { "# " }, &head, section.about)).ok();
    for key in section.keys {
        let said = match in_force(key).filter(|_| has_default) {
            Some(default) => line("", key, default),
            None => line("# ", key, key.shown.or(key.default).unwrap_or_default()),
        };
        text += &said;
        text.push('\n');
    }
    text
}

/// The default, unless another value shows better what the key is for.
fn in_force(key: &Key) -> Option<&'static str> {
    key.default.filter(|_| key.shown.is_none())
}

fn line(mark: &str, key: &Key, value: &str) -> String {
    commented(mark, &format!("{} = {value}", key.name), &plain(key.means))
}

/// Code with a comment, behind it or, where that would be too long, above it.
fn commented(mark: &str, code: &str, comment: &str) -> String {
    let width = BEFORE_MEANING - mark.len();
    let line = format!("{mark}{code:width$}# {comment}");
    let is_short = code.chars().count() < width && line.chars().count() <= WIDTH;
    if is_short { line } else { format!("# {comment}\n{mark}{code}") }
}
