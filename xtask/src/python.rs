//! Packages from PyPI, each in an environment of its own below `target`.

use std::path::PathBuf;

use anyhow::Result;

use crate::{call, debian, remove, target_dir, text_of};

/// A package and the folder of its environment.
pub(crate) struct Package {
    /// With its version, as pip takes it; more than one are separated by a space.
    pub(crate) name: &'static str,
    pub(crate) folder: &'static str,
    /// A file that is there once it is installed, below the folder.
    pub(crate) proof: &'static str,
    /// For people.
    pub(crate) purpose: &'static str,
}

impl Package {
    /// A file of its environment.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        target_dir().join(self.folder).join(below)
    }

    /// Installs it, if it is not there.
    pub(crate) fn set_up(&self) -> Result<()> {
        if self.path(self.proof).exists() {
            return Ok(());
        }
        println!("installing {}, {}", self.name, self.purpose);
        let folder = self.path("");
        if call("python3", &["-m", "venv", text_of(&folder)?]).is_err() {
            // Debian has the means for that in a package of its own.
            debian::install("python3 -m venv", &["python3-venv"], "which keeps packages from PyPI apart")?;
            remove(&folder)?;
            call("python3", &["-m", "venv", text_of(&folder)?])?;
        }
        let names: Vec<&str> = self.name.split(' ').collect();
        call(text_of(&self.path("bin/pip"))?, &[&["install", "--quiet"], &names[..]].concat())
    }
}
