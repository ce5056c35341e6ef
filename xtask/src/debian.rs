//! Packages of Debian: installed as root, and never started.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::call;

/// Installs what is missing and says so; where it may not, says what to do. `missing` names what is not
/// there, and `packages` have it.
pub(crate) fn install(missing: &str, packages: &[&str], purpose: &str) -> Result<()> {
    let may_install = Path::new("/usr/bin/apt-get").exists() && rustix::process::geteuid().is_root();
    let packages_listed = packages.join(" ");
    ensure!(may_install, "no {missing}: as root run `apt-get install {packages_listed}`");
    println!("installing {packages_listed}, {purpose}");
    not_started(|| {
        call("apt-get", &["update"])?;
        call("apt-get", &[&["install", "--yes", "--no-install-recommends"], packages].concat())
    })
}

/// Packages start no service while this file says so (invoke-rc.d(8)).
fn not_started(install: impl FnOnce() -> Result<()>) -> Result<()> {
    let file = Path::new("/usr/sbin/policy-rc.d");
    let is_ours = !file.exists();
    if is_ours {
        std::fs::write(file, "#!/bin/sh\nexit 101\n")?;
        std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    }
    let installed = install();
    if is_ours {
        std::fs::remove_file(file)?;
    }
    installed
}
