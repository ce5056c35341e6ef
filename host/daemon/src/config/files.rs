//! The files of a configuration.

use std::path::{Path, PathBuf};

use jettison_act::HookCommand;
use tracing::warn;

use super::meant::Config;
use super::places::Places;
use super::reader::Problem;
use super::sections;
use crate::bounded::{Unread, read_text};
use crate::trust::distrust_path;

/// Where the configuration is looked for.
pub(crate) const DEFAULT_PATH: &str = "/etc/jettison/jettison.toml";

/// Of one file: the example with every key has 3 KiB.
const BYTES_MAX: u64 = 1 << 20;

impl Config {
    /// Reads a file and the drop-ins in `policies.d` beside it. Without `path` the default place is read if
    /// there is something, and the defaults hold if there is not. With `is_wary` what others could have
    /// written is a problem, as are such programs of hooks.
    ///
    /// # Errors
    /// All problems of all files.
    pub(crate) fn read(path: Option<&Path>, is_wary: bool) -> Result<Self, Vec<Problem>> {
        let file = path.unwrap_or(Path::new(DEFAULT_PATH));
        let mut config = match read_text(file, BYTES_MAX, is_wary) {
            Ok(text) => Self::parse(file, &text),
            Err(unread) if unread.is_absent() && path.is_none() => Ok(Self::default()),
            Err(unread) => Err(vec![unreadable(file, &unread)]),
        };
        if let Ok(read) = &config
            && is_wary
        {
            let problems = read.distrusted_hooks(file);
            config = if problems.is_empty() { config } else { Err(problems) };
        }
        for drop_in in drop_ins(file) {
            let read = read_text(&drop_in, BYTES_MAX, is_wary)
                .map_err(|unread| vec![unreadable(&drop_in, &unread)])
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

    /// Hooks run as root, so their programs are trusted as the configuration is.
    fn distrusted_hooks(&self, file: &Path) -> Vec<Problem> {
        let why = |(name, hook): (&String, &HookCommand)| {
            let why = distrust_path(&hook.program)?;
            let message = format!("hook {name} is not trusted: {why}");
            Some(Problem { file: file.into(), line: 0, message })
        };
        self.live.hooks.iter().filter_map(why).collect()
    }

    /// Logs the warnings.
    pub(crate) fn warn(&self) {
        for warning in &self.warnings {
            warn!("{warning}");
        }
    }

    /// Reads the text of a configuration file; `file` is for messages.
    ///
    /// # Errors
    /// All problems.
    pub(crate) fn parse(file: &Path, text: &str) -> Result<Self, Vec<Problem>> {
        sections::config(file, text)
    }
}

/// Reads a file that is one `[policy.config]`.
pub(super) fn policy_config(file: &Path) -> Result<(String, Places), Vec<Problem>> {
    let text = read_text(file, BYTES_MAX, false).map_err(|error| vec![unreadable(file, &error)])?;
    sections::policy_config(file, &text)
}

fn unreadable(file: &Path, unread: &Unread) -> Problem {
    Problem { file: file.into(), line: 0, message: unread.to_string() }
}

/// `policies.d/*.toml` beside the configuration, by name.
fn drop_ins(file: &Path) -> Vec<PathBuf> {
    toml_files(&file.parent().unwrap_or(Path::new(".")).join("policies.d")).unwrap_or_default()
}

/// `*.toml` of a folder, by name.
pub(crate) fn toml_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    Ok(files)
}
