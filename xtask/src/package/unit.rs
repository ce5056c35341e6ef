//! How exposed the service is, in the opinion of `systemd-analyze security`.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::root;

const UNIT: &str = "packaging/jettison.service";
/// Tenths: 2.5 of 10.
const EXPOSURE_MAX: &str = "25";

/// Fails if it is more exposed than it was. Returns why it was not asked, if so: `--offline` came with
/// systemd 250.
pub(crate) fn check() -> Result<Option<String>> {
    let security = |args: &[&str]| {
        Command::new("systemd-analyze").arg("security").args(args).current_dir(root()).output()
    };
    let has_offline = security(&["--help"])
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("--offline"));
    if !has_offline {
        return Ok(Some(format!("the exposure of {UNIT}: needs systemd-analyze of systemd 250")));
    }
    let output = security(&["--no-pager", "--offline=true", "--threshold", EXPOSURE_MAX, UNIT])?;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{UNIT}: more exposed than {EXPOSURE_MAX} tenths:\n{said}");
    println!("{UNIT}: {}", said.lines().last().unwrap_or_default());
    Ok(None)
}
