//! `jettison.toml`: as written, into what is meant (contract, section 5).

mod reader;
mod sections;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jettison_decide::Settings;
use jettison_policy::Limits;
use jettison_sense::trigger::PsiSpec;

pub(crate) use reader::Problem;

/// Where the configuration is looked for.
pub(crate) const DEFAULT_PATH: &str = "/etc/jettison/jettison.toml";

/// Whether decisions are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Enforce,
    DryRun,
}

/// Where a policy's module comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Embedded in the binary, by name.
    Builtin(String),
    File(PathBuf),
}
use jettison_act::HookCommand;

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Builtin(name) => write!(f, "builtin:{name}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Which functions of `details` a policy may import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Grants {
    Listed(Vec<String>),
    /// What `--policy` gives: somebody is trying a module by hand.
    All,
}

/// One `[[policy]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PolicyConfig {
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) weight: u32,
    pub(crate) shadow: bool,
    pub(crate) grants: Grants,
    /// `[policy.config]`, as JSON text.
    pub(crate) config: String,
}

impl PolicyConfig {
    /// A policy with nothing but a name and a source.
    pub(crate) fn plain(name: &str, source: Source) -> Self {
        let grants = Grants::Listed(Vec::new());
        Self { name: name.into(), source, weight: 1, shadow: false, grants, config: "{}".into() }
    }

    /// What `--policy MODULE` stands for.
    pub(crate) fn of_module(module: &str) -> Self {
        let source = match module.strip_prefix("builtin:") {
            Some(name) => Source::Builtin(name.into()),
            None => Source::File(module.into()),
        };
        let name = Path::new(module).file_stem().map_or_else(|| module.into(), |stem| stem.to_string_lossy());
        let name = module.strip_prefix("builtin:").unwrap_or(&name);
        Self { grants: Grants::All, ..Self::plain(name, source) }
    }
}

/// The whole configuration, as meant.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    pub(crate) psi: Vec<PsiSpec>,
    pub(crate) mode: Mode,
    /// `adjust.interval_ms`: between routine ticks.
    pub(crate) interval_ms: u64,
    pub(crate) scope: Option<String>,
    /// `[hooks]` by name, which steps of a ballot and notifications may name.
    pub(crate) hooks: BTreeMap<String, HookCommand>,
    /// `notify.warn`: hooks that are run once when memory gets short.
    pub(crate) notify_warn: Vec<String>,
    /// `[limits]`: what one consultation may use.
    pub(crate) limits: Limits,
    /// `limits.quarantine_faults`: so many faults in a row put a module into quarantine.
    pub(crate) quarantine_faults: u32,
    pub(crate) policies: Vec<PolicyConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            psi: vec![sections::default_psi()],
            mode: Mode::Enforce,
            interval_ms: 10_000,
            scope: None,
            hooks: BTreeMap::new(),
            notify_warn: Vec::new(),
            limits: Limits::default(),
            quarantine_faults: 3,
            policies: vec![PolicyConfig::plain("balanced", Source::Builtin("balanced".into()))],
        }
    }
}

impl Config {
    /// Reads a file and the drop-ins in `policies.d` beside it. Without `path` the default place is read if
    /// there is something, and the defaults hold if there is not.
    ///
    /// # Errors
    /// All problems of all files.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self, Vec<Problem>> {
        let file = path.unwrap_or(Path::new(DEFAULT_PATH));
        let mut config = match std::fs::read_to_string(file) {
            Ok(text) => Self::parse(file, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && path.is_none() => {
                Ok(Self::default())
            }
            Err(error) => Err(vec![unreadable(file, &error)]),
        };
        for drop_in in drop_ins(file) {
            let read = std::fs::read_to_string(&drop_in)
                .map_err(|error| vec![unreadable(&drop_in, &error)])
                .and_then(|text| sections::drop_in(&drop_in, &text));
            match (&mut config, read) {
                (Ok(config), Ok(policy)) if config.policies.iter().any(|other| other.name == policy.name) => {
                    let message =
                        format!("there is already a policy named `{}`: give it another name", policy.name);
                    return Err(vec![Problem { file: drop_in, line: 0, message }]);
                }
                (Ok(config), Ok(policy)) => config.policies.push(policy),
                (Ok(_), Err(problems)) => config = Err(problems),
                (Err(all), Err(problems)) => all.extend(problems),
                (Err(_), Ok(_)) => {}
            }
        }
        config
    }

    /// Reads the text of a configuration file; `file` is for messages.
    ///
    /// # Errors
    /// All problems.
    pub(crate) fn parse(file: &Path, text: &str) -> Result<Self, Vec<Problem>> {
        sections::config(file, text)
    }
}

fn unreadable(file: &Path, error: &std::io::Error) -> Problem {
    Problem { file: file.into(), line: 0, message: format!("cannot be read: {error}") }
}

/// `policies.d/*.toml` beside the configuration, by name.
fn drop_ins(file: &Path) -> Vec<PathBuf> {
    let directory = file.parent().unwrap_or(Path::new(".")).join("policies.d");
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    paths
}
