//! Errors and faults. Before the first scan an unusable file is an error; within a scan it is a fault, and
//! the scan goes on.

use std::fmt;
use std::path::{Path, PathBuf};

use jettison_model::SenseFault;
use jettison_model::text::Escaped;
use rustix::io::Errno;

/// Why a sensor cannot be made. All but [`SenseError::NoScope`] and [`SenseError::NoHierarchy`] mean that
/// nothing can be sensed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SenseError {
    /// A file without which nothing can be sensed could not be opened or read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the system call.
        errno: Errno,
    },
    /// A file without which nothing can be sensed has an unknown form.
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is missing or wrong in it.
        what: &'static str,
    },
    /// There is a scope but no cgroup hierarchy with the memory controller.
    NoHierarchy {
        /// The scope.
        scope: String,
    },
    /// The scope's memcg does not exist.
    NoScope {
        /// The scope.
        scope: String,
        /// The directory that was looked for.
        directory: PathBuf,
    },
}

impl fmt::Display for SenseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, errno } => {
                write!(f, "{}: cannot be read: {errno}", path.display())
            }
            Self::Malformed { path, what } => write!(f, "{}: {what}", path.display()),
            Self::NoHierarchy { scope } => {
                write!(f, "scope {scope}: no cgroup hierarchy with the memory controller is mounted")
            }
            Self::NoScope { scope, directory } => {
                write!(f, "scope {scope}: there is no memcg {}", directory.display())
            }
        }
    }
}

impl std::error::Error for SenseError {}

/// How many faults of one scan are kept; all are counted. Enough to see a pattern, too few to fill a log.
pub(crate) const FAULTS_KEPT_MAX: usize = 32;

/// The faults of one scan.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    kept: Vec<SenseFault>,
    total: u64,
}

impl Faults {
    pub(crate) fn clear(&mut self) {
        self.kept.clear();
        self.total = 0;
    }

    pub(crate) fn kept(&self) -> &[SenseFault] {
        &self.kept
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Counts a fault, and keeps it if there is room. `tree` and the parts below it are joined only then.
    pub(crate) fn add(&mut self, tree: &Path, parts: &[&[u8]], what: &dyn fmt::Display) {
        self.total += 1;
        if self.kept.len() < FAULTS_KEPT_MAX {
            let mut path = tree.display().to_string();
            for part in parts {
                let slash = if part.starts_with(b"/") { "" } else { "/" };
                path += &format!("{slash}{}", Escaped(part));
            }
            self.kept.push(SenseFault { path, what: what.to_string() });
        }
    }
}
