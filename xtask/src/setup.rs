//! Installs what is missing, and says what it does.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::{call, cargo_program, root, vm};

/// What guests are compiled for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
/// What runs the tests.
const NEXTEST: &str = "cargo-nextest";
/// A program, and Debian's package of it.
const DBUS: &str = "dbus-daemon";

/// Everything.
pub(crate) fn all() -> Result<()> {
    toolchain()?;
    nextest()?;
    dbus()?;
    vm::set_up()
}

/// The target of the guests, for the toolchain of this repository.
pub(crate) fn toolchain() -> Result<()> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(root())
        .output()
        .context("rustc cannot be started")?;
    ensure!(output.status.success(), "rustc: {}", String::from_utf8_lossy(&output.stderr).trim());
    let directory = String::from_utf8(output.stdout)?;
    if std::path::Path::new(directory.trim()).exists() {
        return Ok(());
    }
    println!("installing the target {TARGET}, which policies are compiled for");
    call("rustup", &["target", "add", TARGET]).with_context(|| {
        format!(
            "install the standard library for {TARGET} as this Rust was installed, if that was not by rustup"
        )
    })
}

/// The test runner.
pub(crate) fn nextest() -> Result<()> {
    let found = Command::new(NEXTEST).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    println!("installing {NEXTEST}, which runs the tests; this takes some minutes");
    call(&cargo_program(), &["install", "--locked", NEXTEST])
}

/// A message bus of their own, for the tests that ask systemd's stand-in; installed as root on Debian.
pub(crate) fn dbus() -> Result<()> {
    let is_there = || {
        let tried = Command::new(DBUS).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    if is_there() {
        return Ok(());
    }
    let may_install =
        std::path::Path::new("/usr/bin/apt-get").exists() && rustix::process::geteuid().is_root();
    ensure!(may_install, "no {DBUS}: as root run `apt-get install {DBUS}`");
    println!("installing {DBUS}, which the tests of stopping units start");
    call("apt-get", &["update"])?;
    call("apt-get", &["install", "--yes", "--no-install-recommends", DBUS])?;
    ensure!(is_there(), "still no {DBUS}");
    Ok(())
}
