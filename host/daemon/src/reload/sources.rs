//! The files that a running daemon is made of.

use std::collections::BTreeSet;
use std::fs::{metadata, read_dir};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::{DEFAULT_PATH, Source};
use crate::policies::Policies;

/// What tells one state of a file from another without reading it; `None` if it is not there.
type Print = Option<(u64, u64, u64, i64, i64)>;

/// The state of all files.
pub(crate) type Prints = Vec<(PathBuf, Print)>;

/// The configuration, its drop-ins and the modules.
pub(crate) struct Sources {
    config: PathBuf,
    modules: Vec<PathBuf>,
}

impl Sources {
    pub(crate) fn of(config_path: Option<&Path>, policies: &Policies) -> Self {
        let module = |source: &Source| match source {
            // What a digest names does not change.
            Source::Builtin(_) | Source::Registry(_) => None,
            Source::File(path) => Some(path.clone()),
        };
        Self {
            config: config_path.unwrap_or(Path::new(DEFAULT_PATH)).to_path_buf(),
            modules: policies.loaded.iter().filter_map(|loaded| module(&loaded.config.source)).collect(),
        }
    }

    fn drop_ins(&self) -> PathBuf {
        parent(&self.config).join("policies.d")
    }

    /// The directories in which something happens when one of the files changes: each file's own, that of
    /// what a link leads to and, where a directory is not there, the nearest one above it.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let drop_ins = self.drop_ins();
        let files = self.modules.iter().chain([&self.config]);
        let own = files.clone().map(|file| parent(file));
        let behind_links = files.filter_map(|file| Some(file.canonicalize().ok()?.parent()?.to_path_buf()));
        let mut directories: Vec<PathBuf> =
            own.chain([drop_ins]).map(nearest_existing).chain(behind_links).collect();
        directories.sort();
        directories.dedup();
        directories
    }

    /// The names of the files, and of those that links lead to.
    pub(crate) fn names(&self) -> BTreeSet<Vec<u8>> {
        let files = self.modules.iter().chain([&self.config]);
        let behind_links = files.clone().filter_map(|file| file.canonicalize().ok());
        let name = |file: PathBuf| Some(file.file_name()?.as_encoded_bytes().to_vec());
        files.cloned().chain(behind_links).filter_map(name).collect()
    }

    /// Their state now.
    pub(crate) fn prints(&self) -> Prints {
        let listed = read_dir(self.drop_ins()).into_iter().flatten();
        let drop_ins = listed.filter_map(|entry| Some(entry.ok()?.path()));
        let mut files: Vec<PathBuf> =
            drop_ins.chain([self.config.clone()]).chain(self.modules.clone()).collect();
        files.sort();
        files.into_iter().map(|file| (file.clone(), print(&file))).collect()
    }
}

fn print(file: &Path) -> Print {
    let found = metadata(file).ok()?;
    let changed_ns = found.ctime() * 1_000_000_000 + found.ctime_nsec();
    Some((found.dev(), found.ino(), found.size(), found.mtime_nsec(), changed_ns))
}

fn parent(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn nearest_existing(directory: PathBuf) -> PathBuf {
    let existing = directory.ancestors().find(|ancestor| ancestor.is_dir());
    existing.map_or_else(|| PathBuf::from("/"), Path::to_path_buf)
}
