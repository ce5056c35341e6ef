//! Packages from PyPI, each in an environment of its own below `target`.

use std::path::PathBuf;

use anyhow::Result;

use crate::{call, debian, remove, target_dir, text_of};

/// Packages and the folder of their environment.
pub(crate) struct Package {
    /// With their versions, as pip takes them.
    pub(crate) names: &'static [&'static str],
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
        println!("installing {}, {}", self.names.join(" and "), self.purpose);
        let folder = self.path("");
        if call("python3", &["-m", "venv", text_of(&folder)?]).is_err() {
            // Debian has the means for that in a package of its own.
            debian::install("python3 -m venv", &["python3-venv"], "which keeps packages from PyPI apart")?;
            remove(&folder)?;
            call("python3", &["-m", "venv", text_of(&folder)?])?;
        }
        call(text_of(&self.path("bin/pip"))?, &[&["install", "--quiet"], self.names].concat())
    }
}
