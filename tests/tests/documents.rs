//! What the Markdown files point to exists: links, headings, and paths of this repository in backticks.
//!
//! ```text
//! [text](docs/faults.md#what-it-cannot-know)    a file, from the folder of the document, and a heading in it
//! `host/*/tests`, `daemon/tests/run.rs`         from the root, or a crate of the host; * is any name
//! ```

use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

/// Folders that are made, not checked in.
const MADE: [&str; 3] = ["fuzz/artifacts", "fuzz/corpus", "target/"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the repository").into()
}

/// The names in a folder, but for hidden ones and what cargo builds.
fn names(folder: &Path) -> Vec<String> {
    let entries = read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter(|name| !name.starts_with('.') && !["target", "machines"].contains(&&**name)).collect();
    names.sort();
    names
}

fn files_with(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for name in names(folder) {
        let path = folder.join(&name);
        if path.is_dir() {
            files_with(&path, endings, found);
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
}

/// The text without blocks of code, which show other machines and other files.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence && !line.starts_with("    ")
    })
}

/// `](target)`
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0))
}

/// What stands in backticks and is a path, not an example: no spaces, no placeholder in capitals.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    let is_placeholder = |part: &str| part.len() > 1 && part.bytes().all(|byte| byte.is_ascii_uppercase());
    line.split('`').skip(1).step_by(2).map(|code| code.trim_end_matches('/')).filter(move |code| {
        let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-*".contains(&byte);
        code.contains('/') && code.bytes().all(is_path) && !code.split('/').any(is_placeholder)
    })
}

/// What a heading is called in a link: lower case, words joined by dashes, punctuation left out.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    heading.trim().to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn has_heading(file: &Path, wanted: &str) -> bool {
    let text = read_to_string(file).unwrap_or_default();
    prose(&text).any(|line| line.starts_with('#') && anchor(line.trim_start_matches('#')) == wanted)
}

/// Whether a path exists; `*` stands for any one name.
fn exists(folder: &Path, path: &str) -> bool {
    match path.split_once('*') {
        None => folder.join(path).exists(),
        Some((before, after)) => {
            let (parent, start) = before.rsplit_once('/').unwrap_or(("", before));
            let (end, rest) = after.split_once('/').unwrap_or((after, ""));
            let parent = folder.join(parent);
            let is_meant = |name: &String| name.starts_with(start) && name.ends_with(end);
            names(&parent).iter().filter(|name| is_meant(name)).any(|name| exists(&parent.join(name), rest))
        }
    }
}

/// What is wrong with one document of a repository.
fn problems(root: &Path, document: &Path, text: &str) -> Vec<String> {
    let folder = document.parent().unwrap_or(root);
    let mut problems = Vec::new();
    for line in prose(text) {
        for link in links(line).filter(|link| !link.contains(':')) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let file = if path.is_empty() { document.to_path_buf() } else { folder.join(path) };
            if !file.exists() || !(heading.is_empty() || has_heading(&file, heading)) {
                problems.push(format!("{}: ({link}) leads nowhere", document.display()));
            }
        }
        for path in paths(line) {
            let first = path.split('/').next().unwrap_or_default();
            let from = [root.to_path_buf(), root.join("host")];
            let mut from = from.iter().filter(|from| from.join(first).is_dir()).peekable();
            let is_ours =
                !first.is_empty() && from.peek().is_some() && !MADE.iter().any(|made| path.starts_with(made));
            if is_ours && !from.any(|from| exists(from, path)) {
                problems.push(format!("{}: there is no `{path}`", document.display()));
            }
        }
    }
    problems
}

#[test]
fn links_and_paths_of_every_document_exist() {
    let root = root();
    let mut documents = Vec::new();
    files_with(&root, &[".md"], &mut documents);
    assert!(documents.len() > 20, "{documents:?}");
    let text = |document: &PathBuf| read_to_string(document).expect("it is text");
    let problems: Vec<String> =
        documents.iter().flat_map(|document| problems(&root, document, &text(document))).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn bad_links_headings_and_paths_are_found_and_good_ones_are_not() {
    let root = root();
    let of = |text: &str| problems(&root, &root.join("docs/faults.md"), text).len();
    assert_eq!(of("[here](testing.md), [there](testing.md#fuzzing), [us](#what-it-cannot-know)"), 0);
    assert_eq!(of("`tests/tests/arrows.rs`, `host/*/Cargo.toml`, `policies/`, `act/src/lib.rs`"), 0);
    assert_eq!(of("[far](https://example.org/nowhere.md), `/proc/self`, `host/CRATE/lib.rs`, `a / b`"), 0);
    assert_eq!(of("```\n[bad](bad.md) `tests/bad.rs`\n```"), 0);
    assert_eq!(of("[bad](bad.md)"), 1);
    assert_eq!(of("[bad](testing.md#no-such-heading)"), 1);
    assert_eq!(of("`tests/tests/bad.rs` and `host/*/bad.toml` and `act/src/bad.rs`"), 3);
}

/// Documents that are not in the repository, or parts of them.
const NOT_HERE: [&str; 2] = ["contract, section", "contract.md"];

#[test]
fn nothing_cites_a_document_that_is_not_here() {
    let root = root();
    let mut files = Vec::new();
    files_with(&root, &[".md", ".toml"], &mut files);
    for file in files {
        let text = read_to_string(&file).unwrap_or_default();
        let cited = NOT_HERE.iter().find(|cited| text.contains(**cited));
        assert_eq!(cited, None, "{} cites it", file.display());
    }
}

#[test]
fn decisions_are_numbered_without_gaps() {
    let decisions = names(&root().join("docs/decisions"));
    for (number, name) in (1..).zip(&decisions) {
        assert!(name.starts_with(&format!("{number:04}-")), "{name} is number {number}");
    }
}

#[test]
fn the_reference_has_every_function_of_the_wit() {
    let reference = read_to_string(root().join("docs/reference/wit.md")).expect("it is text");
    let wit = root().join("wit");
    for file in names(&wit).iter().filter(|name| name.ends_with(".wit")) {
        let text = read_to_string(wit.join(file)).expect("it is text");
        for name in text.lines().filter_map(|line| Some(line.trim().split_once(": func(")?.0)) {
            let name = name.trim_start_matches('%');
            let (column, call) = (format!("`{name}`"), format!("`{name}("));
            assert!(
                reference.contains(&column) || reference.contains(&call),
                "{file}: {name} is not in wit.md"
            );
        }
    }
}

#[test]
fn the_reference_has_every_key_of_the_example() {
    let reference = read_to_string(root().join("docs/reference/configuration.md")).expect("it is text");
    let example = read_to_string(root().join("examples/jettison.toml")).expect("it is text");
    // Keys without a default are commented out.
    let lines = example.lines().map(|line| line.trim_start_matches("# "));
    let keys = lines.filter_map(|line| line.split_once(" = ")).map(|(key, _)| key);
    for key in keys.filter(|key| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')) {
        let is_there = reference.contains(&format!("`{key}`"));
        assert!(is_there || in_policy_border(key), "{key} is not in configuration.md");
    }
}

/// `[limits]` has its table there.
fn in_policy_border(key: &str) -> bool {
    let text = read_to_string(root().join("docs/policy-border.md")).expect("it is text");
    text.contains(&format!("`{key}`"))
}
