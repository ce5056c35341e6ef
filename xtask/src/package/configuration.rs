//! The configuration that a package installs: the example with everything commented out, in a dry run.

use anyhow::{Result, ensure};

const HEAD: &str = "\
# The configuration of jettison. Every key is here with its default, commented out; a section's line goes with its keys.
# docs/reference/configuration.md has ranges and meanings. `jettison check` says what is wrong. A change is live a moment
# after it is written, but that of `mode` in [act] needs `systemctl restart jettison`.
";
/// What is not commented out.
const SET: &str = "[act]
mode = \"dry-run\"                # decides and logs, touches nothing; \"enforce\" acts
";

/// Made from `examples/jettison.toml`, so that no key is missing.
pub(super) fn of(example: &str) -> Result<String> {
    // Its head says what it is.
    let body = example.lines().skip_while(|line| line.starts_with('#'));
    let text = body.fold(HEAD.to_owned(), |text, line| {
        let is_comment = line.is_empty() || line.starts_with('#');
        match line {
            line if line.starts_with("[act]") => text + SET,
            line if line.starts_with("mode = ") => text,
            line => text + if is_comment { "" } else { "# " } + line + "\n",
        }
    });
    ensure!(text.contains(SET), "examples/jettison.toml has no [act] any more");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_the_example_is_there_and_only_the_mode_is_set() {
        let example = include_str!("../../../examples/jettison.toml");
        let text = of(example).unwrap();
        let table: toml::Table = toml::from_str(&text).unwrap();
        assert_eq!(table, toml::from_str("[act]\nmode = \"dry-run\"").unwrap(), "{text}");
        let is_key = |line: &&str| line.contains(" = ") && !line.starts_with('#');
        for line in example.lines().filter(is_key) {
            assert!(line.starts_with("mode = ") || text.contains(&format!("\n# {line}\n")), "{line}");
        }
        let sections = text.lines().filter(|line| line.trim_start_matches("# ") == "[act]");
        assert_eq!(sections.count(), 1, "a second one, uncommented, would be an error:\n{text}");
    }
}
