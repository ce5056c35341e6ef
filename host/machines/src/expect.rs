//! What is expected of a policy on a machine.
//!
//! ```toml
//! snapshot = "incident.json"            # of `jettison snapshot`, beside this file; or the machine itself
//! beside = ["builtin:balanced"]         # other policies that are asked, too
//!
//! [config]                              # the policy's [policy.config]
//! primary = "postgres"
//!
//! [expect]
//! first = "tree of pytest"              # goes first: NAME, "process NAME", "tree of NAME", "cgroup /PATH",
//! never = ["sshd"]                      #   or a list, of which one. What does not go
//! kept = ["postgres"]                   # what a policy protects
//! given_up = ["pytest"]                 # what a policy gives up
//! reason = "tests"                      # stands in the reason of the first
//! none = false                          # nothing goes
//! ```
//!
//! A name is a label or a command name.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::{Machine, build};

/// One test: a machine, and what is expected there.
#[derive(Clone, Debug)]
pub struct Case {
    /// Where.
    pub scene: Scene,
    /// The policy's configuration.
    pub config: toml::Table,
    /// Sources of policies that are asked beside it.
    pub beside: Vec<String>,
    /// What should come of it.
    pub expect: Expect,
}

/// What a policy is shown.
#[derive(Clone, Debug)]
pub enum Scene {
    /// A machine that was written.
    Machine(Box<Machine>),
    /// The file of a snapshot.
    Snapshot(PathBuf),
}

/// What should come of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// One of these goes first.
    pub first: Words,
    /// None of these goes.
    pub never: Vec<String>,
    /// A policy protects these.
    pub kept: Vec<String>,
    /// A policy gives these up, and none protects them.
    pub given_up: Vec<String>,
    /// Stands in the reason of the first.
    pub reason: Option<String>,
    /// Nothing goes.
    pub none: bool,
}

/// One text or several.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "OneOrMore")]
pub struct Words(pub Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl From<OneOrMore> for Words {
    fn from(words: OneOrMore) -> Self {
        match words {
            OneOrMore::One(word) => Self(vec![word]),
            OneOrMore::More(words) => Self(words),
        }
    }
}

/// What goes first, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject<'t> {
    /// Whatever goes with the process of this name.
    Any(&'t str),
    /// The process alone.
    Process(&'t str),
    /// It and its descendants.
    Tree(&'t str),
    /// The cgroup of this path.
    Cgroup(&'t str),
}

impl<'t> Subject<'t> {
    /// Reads one.
    #[must_use]
    pub fn of(text: &'t str) -> Self {
        match text.split_once(' ') {
            Some(("process", name)) => Self::Process(name),
            Some(("tree", name)) => Self::Tree(name.strip_prefix("of ").unwrap_or(name)),
            Some(("cgroup", path)) => Self::Cgroup(path),
            _ => Self::Any(text),
        }
    }

    /// The process that must be there for it to make sense.
    #[must_use]
    pub fn name(&self) -> Option<&'t str> {
        match self {
            Self::Any(name) | Self::Process(name) | Self::Tree(name) => Some(name),
            Self::Cgroup(_) => None,
        }
    }
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any(name) => f.write_str(name),
            Self::Process(name) => write!(f, "process {name}"),
            Self::Tree(name) => write!(f, "tree of {name}"),
            Self::Cgroup(path) => write!(f, "cgroup {path}"),
        }
    }
}

impl Expect {
    /// Whether nothing at all is expected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let lists = [&self.first.0, &self.never, &self.kept, &self.given_up];
        lists.iter().all(|list| list.is_empty()) && self.reason.is_none() && !self.none
    }
}

/// A case that names a snapshot.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfSnapshot {
    snapshot: PathBuf,
    #[serde(default)]
    #[expect(dead_code, reason = "for the reader of the file")]
    summary: String,
    #[serde(default)]
    beside: Vec<String>,
    #[serde(default)]
    config: toml::Table,
    expect: Expect,
}

impl Case {
    /// Reads one.
    ///
    /// # Errors
    /// If the file cannot be read or is not as this module says: with file, line and key.
    pub fn load(file: &Path) -> Result<Self> {
        let text = build::text(file)?;
        let table: toml::Table = build::parsed(file, &text)?;
        let case = if table.contains_key("snapshot") {
            let of: OfSnapshot = build::parsed(file, &text)?;
            let scene = Scene::Snapshot(file.with_file_name("").join(of.snapshot));
            Self { scene, config: of.config, beside: of.beside, expect: of.expect }
        } else {
            let (machine, author) = build::load_with(file, &text)?;
            let expect = author.expect.with_context(|| {
                format!(
                    "{}: has no [expect]: say what should come of it, as in first = \"NAME\"",
                    file.display()
                )
            })?;
            Self {
                scene: Scene::Machine(Box::new(machine)),
                config: author.config,
                beside: author.beside,
                expect,
            }
        };
        let expect = &case.expect;
        ensure!(!expect.is_empty(), "{}: [expect] is empty, so nothing could fail", file.display());
        ensure!(
            !expect.none || (expect.first.0.is_empty() && expect.reason.is_none()),
            "{}: [expect] says both that something goes first and that nothing goes",
            file.display()
        );
        Ok(case)
    }
}
