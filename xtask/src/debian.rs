//! Packages of Debian: installed as root, and never started.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use crate::call;

/// Has what is needed there. `missing` names what is not, and `packages` have it. As root on Debian; else it
/// says what to do.
pub(crate) fn provide(
    missing: impl Fn() -> Vec<&'static str>,
    packages: &[&str],
    purpose: &str,
) -> Result<()> {
    if missing().is_empty() {
        return Ok(());
    }
    install(&missing().join(", no "), packages, purpose)?;
    ensure!(missing().is_empty(), "still no {}", missing().join(", no "));
    Ok(())
}

/// Whether a program can be started.
pub(crate) fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

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
