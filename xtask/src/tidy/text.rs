//! How long a file and a comment may be, and words that speak of a process as a person.

use super::Source;

/// Lines of a file: more is more than one thing.
const LINES_MAX: usize = 400;
/// Uniform tables, which may be longer.
const TABLES: [(&str, &str); 0] = [];
/// A process is "it".
const PERSONS: [&str; 6] = ["whom", "whoever", "nobody", "somebody", "anybody", "everybody"];
/// Not about a process: a column and a configuration key, named so for good, and a Unix user.
const ALLOWED: [&str; 7] =
    ["taken-by-nobody", "taken_by_nobody", ".nobody", "\"nobody\"", "`nobody`", "nobody =", "nobody: vec<"];

/// `max_width = N` of rustfmt.toml.
pub(super) fn max_width(settings: &str) -> Option<usize> {
    let value = settings.lines().find_map(|line| line.strip_prefix("max_width"))?;
    value.trim_start_matches([' ', '=']).trim().parse().ok()
}

pub(super) fn too_long(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    let is_table = TABLES.iter().any(|(path, _)| *path == source.path);
    (lines > LINES_MAX && !is_table)
        .then(|| format!("{}: {lines} lines, at most {LINES_MAX} are readable", source.path))
}

/// rustfmt leaves comments as they are.
pub(super) fn too_wide(source: &Source, width: usize) -> Vec<String> {
    let is_wide = |line: &str| line.trim_start().starts_with("//") && line.chars().count() > width;
    lines_that(source, is_wide, &format!("a comment of more than {width} columns"))
}

pub(super) fn persons(source: &Source) -> Vec<String> {
    let has_person = |line: &str| {
        let line = line.to_lowercase();
        let line = ALLOWED.iter().fold(line, |line, allowed| line.replace(allowed, ""));
        line.split(|c: char| !c.is_alphanumeric()).any(|word| PERSONS.contains(&word))
    };
    lines_that(source, has_person, "a process is \"it\"")
}

fn lines_that(source: &Source, is_wrong: impl Fn(&str) -> bool, what: &str) -> Vec<String> {
    let numbered = (1..).zip(source.text.lines());
    let wrong = numbered.filter(|(_, line)| is_wrong(line));
    wrong.map(|(number, _)| format!("{}:{number}: {what}", source.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source { path: "a.rs".into(), text: text.into() }
    }

    #[test]
    fn a_file_of_more_than_400_lines_is_named() {
        assert_eq!(too_long(&source(&"x\n".repeat(400))), None);
        let said = too_long(&source(&"x\n".repeat(401)));
        assert_eq!(said.as_deref(), Some("a.rs: 401 lines, at most 400 are readable"));
    }

    #[test]
    fn a_wide_comment_is_named_and_a_wide_string_is_not() {
        let width = max_width("edition = \"2024\"\nmax_width = 20\n").unwrap();
        let text =
            format!("fn a() {{}}\n    //! {0}\nlet x = \"{0}\";\n// {1}\n", "y".repeat(20), "ä".repeat(17));
        assert_eq!(too_wide(&source(&text), width), ["a.rs:2: a comment of more than 20 columns"]);
        assert_eq!(max_width("use_small_heuristics = \"Max\""), None);
    }

    #[test]
    fn a_person_is_named_and_a_column_is_not() {
        let text = "// SOMEBODY runs.\nlet n = \"taken-by-nobody-bytes\"; // `nobody`\nfn is_WHOM_() {}\n";
        assert_eq!(persons(&source(text)), ["a.rs:1: a process is \"it\"", "a.rs:3: a process is \"it\""]);
    }
}
