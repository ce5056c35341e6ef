//! ARCHITECTURE.md and the folders on disk name the same things.
//!
//! ```text
//! | [host/model](host/model/) | its job |       a row of the table: each crate has one
//!
//! host/sense/src                              the tree, in a block of code: each folder below `src`
//!   memcg/      a row for each cgroup         of a stage has a line
//! ```

use std::collections::BTreeSet;

/// Links in rows of the table that lead nowhere, and crates without a row.
pub(super) fn of_table(
    architecture: &str,
    crates: &BTreeSet<String>,
    exists: impl Fn(&str) -> bool,
) -> Vec<String> {
    let rows = architecture.lines().filter(|line| line.starts_with('|'));
    let links: BTreeSet<&str> = rows
        .flat_map(|row| row.split("](").skip(1).filter_map(|rest| rest.split(')').next()))
        .map(|path| path.split('#').next().unwrap_or(path).trim_end_matches('/'))
        .collect();
    let gone = links.iter().filter(|path| !exists(path)).map(|path| format!("{path} is not there"));
    let unnamed = crates.iter().filter(|path| !links.contains(path.as_str()));
    let unnamed = unnamed.map(|path| format!("no row of the table names the crate {path}"));
    gone.chain(unnamed).map(|line| format!("ARCHITECTURE.md: {line}")).collect()
}

/// Folders of the tree that are not on disk, and the other way round, of the crates that the tree has.
pub(super) fn of_tree(architecture: &str, folders: &BTreeSet<String>) -> Vec<String> {
    let tree = drawn(architecture);
    let is_drawn = |folder: &&String| tree.iter().any(|(top, _)| folder.starts_with(&format!("{top}/")));
    let drawn: BTreeSet<String> =
        tree.iter().flat_map(|(top, below)| below.iter().map(move |name| format!("{top}/{name}"))).collect();
    let gone = drawn.difference(folders).map(|path| format!("{path} is not there"));
    let unnamed = folders.iter().filter(is_drawn).filter(|path| !drawn.contains(*path));
    let unnamed = unnamed.map(|path| format!("the tree does not have {path}"));
    let mut lines: Vec<String> = gone.chain(unnamed).collect();
    if tree.is_empty() {
        lines.push("there is no tree of folders".into());
    }
    lines.iter().map(|line| format!("ARCHITECTURE.md: {line}")).collect()
}

/// Each `host/NAME/src` at the start of a line, with the folders on the indented lines below it.
fn drawn(architecture: &str) -> Vec<(&str, Vec<&str>)> {
    let mut tree: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut is_below = false;
    for line in architecture.lines() {
        let word = line.split_whitespace().next().unwrap_or_default();
        if line.starts_with("host/") && word.ends_with("/src") {
            tree.push((word, Vec::new()));
            is_below = true;
        } else if !line.starts_with("  ") {
            is_below = false;
        } else if let (true, Some(name), Some((_, below))) =
            (is_below, word.strip_suffix('/'), tree.last_mut())
        {
            below.push(name);
        }
    }
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(paths: &[&str]) -> BTreeSet<String> {
        paths.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn a_folder_that_is_gone_and_a_crate_that_is_new_are_named() {
        let text = "[out of the table](x)\n| [host/a](host/a/) | one |\n| [b](host/b/), [c](c.rs) | two |\n";
        let found = of_table(text, &set(&["host/a", "host/new"]), |path| path == "host/a");
        assert_eq!(
            found,
            [
                "ARCHITECTURE.md: c.rs is not there",
                "ARCHITECTURE.md: host/b is not there",
                "ARCHITECTURE.md: no row of the table names the crate host/new"
            ]
        );
    }

    #[test]
    fn the_tree_is_the_one_on_disk() {
        let text =
            "host/a/src   stage 1\n  one/       x\n  two.rs     y\n  gone/      z\nhost/b/src\n\n  prose/\n";
        let found = of_tree(text, &set(&["host/a/src/one", "host/a/src/new", "host/c/src/other"]));
        assert_eq!(
            found,
            [
                "ARCHITECTURE.md: host/a/src/gone is not there",
                "ARCHITECTURE.md: the tree does not have host/a/src/new"
            ]
        );
        assert_eq!(of_tree("none", &set(&[])), ["ARCHITECTURE.md: there is no tree of folders"]);
    }
}
