//! `jettison dev DIR`: the project again after each change, until Ctrl-C.
//!
//! ```text
//! a change ─▶ build ─┬─▶ test ─▶ the order on this host
//!                    └─ failed: what cargo says, and the order by the last module that was built
//! ```

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use super::{cargo, test};
use crate::cli;
use crate::explain::explain;
use crate::failure::{Failure, printed, say, unwritable};

/// How often the files are looked at. A few dozen that are open in an editor: no need for inotify, which
/// some file systems do not have.
const LOOK: Duration = Duration::from_millis(300);
/// What cargo writes itself.
const NOT_LOOKED_AT: [&str; 2] = ["target", "Cargo.lock"];
/// Other hidden files are those of editors and of git.
const HIDDEN: &str = ".cargo";
/// Folders in folders, more than any project has: a link may lead back.
const DEPTH_MAX: usize = 16;

/// Clears the terminal and goes to its first line (console_codes(4)).
const CLEAR: &str = "\x1b[2J\x1b[3J\x1b[H";

pub(crate) fn dev(args: &cli::Dev) -> Result<(), Failure> {
    let directory = args.directory.as_deref().unwrap_or(Path::new("."));
    let runtime = Builder::new_current_thread().enable_all().build();
    let cannot = |error: std::io::Error| Failure::Failed(format!("cannot begin: {error}"));
    cargo::manifest_of(directory)?;
    let mut project = Project { directory: directory.into(), top: args.top, module: None };
    runtime.map_err(cannot)?.block_on(async {
        // From here on a build that is going on comes to its end first.
        let mut ctrl_c = signal(SignalKind::interrupt()).map_err(cannot)?;
        let mut shown = None;
        loop {
            let now = files(directory);
            if shown.as_ref() != Some(&now) {
                project.show()?;
                shown = Some(now);
            }
            tokio::select! {
                _ = ctrl_c.recv() => return Ok(()),
                () = sleep(LOOK) => {}
            }
        }
    })
}

/// A file as it was when it was looked at.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    path: PathBuf,
    changed: Duration,
    bytes: u64,
}

/// All files of a project. What cannot be read is not there.
fn files(directory: &Path) -> Vec<Seen> {
    let mut seen = Vec::new();
    look(directory, 0, &mut seen);
    seen.sort();
    seen
}

fn look(directory: &Path, depth: usize, seen: &mut Vec<Seen>) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if NOT_LOOKED_AT.contains(&&*name) || (name.starts_with('.') && name != HIDDEN) {
            continue;
        }
        let Ok(about) = fs::metadata(&path) else { continue };
        if about.is_dir() {
            if depth < DEPTH_MAX {
                look(&path, depth + 1, seen);
            }
            continue;
        }
        let changed = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        seen.push(Seen { path, changed: changed.unwrap_or_default(), bytes: about.len() });
    }
}

struct Project {
    directory: PathBuf,
    top: usize,
    /// The last one that was built.
    module: Option<PathBuf>,
}

impl Project {
    /// Builds, tests and explains. Whatever fails is said; only an output that is closed ends it.
    fn show(&mut self) -> Result<(), Failure> {
        let head = format!("{}: building", self.directory.display());
        let clear = if std::io::stdout().is_terminal() { CLEAR } else { "" };
        line(&format!("{clear}{head}"))?;
        match cargo::module_of(&self.directory) {
            Ok(module) => {
                self.module = Some(module);
                let tested = test(&cli::Test { target: Some(self.text()), machine: Vec::new() });
                tell(tested)?;
            }
            Err(failure) => {
                tell(Err(failure))?;
                if self.module.is_some() {
                    line("\nthe order on this host is that of the last module that was built")?;
                }
            }
        }
        if let Some(module) = &self.module {
            line("")?;
            tell(explain(&self.explained(module)))?;
        }
        line("\nwaiting for a change; Ctrl-C ends")
    }

    fn text(&self) -> String {
        self.directory.display().to_string()
    }

    fn explained(&self, module: &Path) -> cli::Explain {
        cli::Explain {
            look: cli::Look {
                policy: vec![module.display().to_string()],
                cache: Some(self.directory.join("target/jettison")),
                ..cli::Look::default()
            },
            without: Vec::new(),
            kernel: false,
            tree: false,
            top: self.top,
            json: false,
        }
    }
}

fn line(text: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{text}").map_err(|error| unwritable(&error))
}

/// Says what failed, and goes on.
fn tell(result: Result<(), Failure>) -> Result<(), Failure> {
    match result {
        Ok(()) | Err(Failure::Told | Failure::BadModules) => {}
        Err(Failure::Failed(message) | Failure::Usage(message)) => say(&message),
        Err(Failure::Config(problems)) => problems.iter().for_each(say),
    }
    printed(std::io::stdout().flush())
}
