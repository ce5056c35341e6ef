//! `cargo xtask tidy`: rules about the text of this repository, each with its reason. It reads files and
//! builds nothing.

mod circles;
mod folders;
mod text;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Crates whose files must not import each other in a circle: one cannot be read before the other.
const STAGES: [&str; 9] = [
    "host/model",
    "host/sense",
    "host/policy",
    "host/decide",
    "host/act",
    "host/record",
    "host/registry",
    "host/tick",
    "host/daemon",
];
/// Where words stay: a released interface is frozen, and the list of the words has them.
const ANY_WORDS: [&str; 2] = ["wit/released/", "xtask/src/tidy/text.rs"];

/// A file by its path from the root, and its text.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

pub(crate) fn run(root: &Path) -> Result<()> {
    let mut paths = Vec::new();
    text_files(root, &mut paths)?;
    paths.sort_unstable();
    let read = |path: &PathBuf| -> Result<Source> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let path = path.strip_prefix(root).unwrap_or(path).display().to_string();
        Ok(Source { path, text })
    };
    let sources = paths.iter().map(read).collect::<Result<Vec<Source>>>()?;
    let settings = fs::read_to_string(root.join("rustfmt.toml")).context("rustfmt.toml")?;
    let width = text::max_width(&settings).context("rustfmt.toml has no max_width")?;
    let mut wrong = Vec::new();
    for stage in STAGES {
        let folder = format!("{stage}/src");
        let is_own = |source: &&Source| source.is_rust() && source.path.starts_with(&format!("{folder}/"));
        let own: Vec<&Source> = sources.iter().filter(is_own).collect();
        wrong.extend(circles::found(&own, &folder));
    }
    for source in &sources {
        if source.is_rust() {
            wrong.extend(text::too_long(source));
            wrong.extend(text::too_wide(source, width));
        }
        if !ANY_WORDS.iter().any(|path| source.path.starts_with(path)) {
            wrong.extend(text::persons(source));
        }
    }
    let architecture = fs::read_to_string(root.join("ARCHITECTURE.md")).context("ARCHITECTURE.md")?;
    let is_crate = |source: &&Source| source.path.ends_with("/Cargo.toml");
    let crates = sources.iter().filter(is_crate).map(|source| source.folder().to_owned()).collect();
    wrong.extend(folders::of_table(&architecture, &crates, |path| root.join(path).exists()));
    wrong.extend(folders::of_tree(&architecture, &folders_of_stages(&sources)));
    wrong.iter().for_each(|line| println!("{line}"));
    ensure!(wrong.is_empty(), "{} rules are broken", wrong.len());
    println!("{} files are tidy", sources.len());
    Ok(())
}

/// The folders right below `src` of a stage. Those of programs (`bin`) are cargo's.
fn folders_of_stages(sources: &[Source]) -> BTreeSet<String> {
    let below = |source: &Source| {
        let stage = STAGES.iter().find(|stage| source.path.starts_with(&format!("{stage}/src/")))?;
        let (folder, _) = source.path.strip_prefix(&format!("{stage}/src/"))?.split_once('/')?;
        (folder != "bin").then(|| format!("{stage}/src/{folder}"))
    };
    sources.iter().filter_map(below).collect()
}

/// Programs, manifests and interfaces of all of the repository. What is built, and hidden folders, are not.
fn text_files(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if entry.file_type()?.is_dir() {
            if name != "target" && !name.starts_with('.') {
                text_files(&path, into)?;
            }
        } else if [".rs", ".toml", ".wit"].iter().any(|ending| name.ends_with(ending)) {
            into.push(path);
        }
    }
    Ok(())
}
