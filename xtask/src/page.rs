//! A page whose sections are made by several commands.

use std::fs;

use anyhow::{Context, Result};

use crate::root;

/// Puts what a command found below its `## ` heading, in place of what stood there; at the end, if that
/// heading is new.
pub(crate) fn replace_section(page: &str, heading: &str, body: &str) -> Result<()> {
    let path = root().join(page);
    let text = fs::read_to_string(&path).context(page.to_owned())?;
    fs::write(&path, with_section(&text, heading, body)).context(page.to_owned())
}

fn with_section(text: &str, heading: &str, body: &str) -> String {
    let title = format!("## {heading}\n");
    let (before, rest) = match text.split_once(&format!("\n{title}")) {
        Some((before, old)) => (before, old.find("\n## ").and_then(|at| old.get(at..)).unwrap_or("")),
        None => (text, ""),
    };
    format!("{}\n\n{title}\n{}\n{rest}", before.trim_end(), body.trim())
}

#[cfg(test)]
mod tests {
    use super::with_section;

    #[test]
    fn a_section_is_replaced_and_the_others_stay() {
        let text = "# Page\n\nIntro.\n\n## One\n\nold\n\n## Two\n\nstays\n";
        let expected = "# Page\n\nIntro.\n\n## One\n\nnew\n\n## Two\n\nstays\n";
        assert_eq!(with_section(text, "One", "new\n"), expected);
        assert_eq!(with_section(expected, "One", "new\n"), expected, "again");
        assert_eq!(with_section(text, "Two", "x"), "# Page\n\nIntro.\n\n## One\n\nold\n\n## Two\n\nx\n");
    }

    #[test]
    fn a_new_section_stands_at_the_end() {
        assert_eq!(with_section("# Page\n", "One", "new"), "# Page\n\n## One\n\nnew\n");
    }
}
