//! Installs what is missing, and says what it does.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::python::Package;
use crate::{call, cargo_program, debian, guest, kubernetes, root, vm};

/// What guests are compiled for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Everything.
pub(crate) fn all() -> Result<()> {
    toolchain()?;
    nextest()?;
    dbus()?;
    systemd_analyze()?;
    databases()?;
    chromium()?;
    promtool()?;
    clang()?;
    registry()?;
    duckdb()?;
    kubernetes::set_up()?;
    vm::set_up()?;
    guest::set_up()
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
    tool("cargo-nextest", "which runs the tests")
}

/// What makes a Debian package.
pub(crate) fn cargo_deb() -> Result<()> {
    tool("cargo-deb", "which makes the package")
}

fn tool(name: &str, purpose: &str) -> Result<()> {
    let found = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    println!("installing {name}, {purpose}; this takes some minutes");
    call(&cargo_program(), &["install", "--locked", name])
}

/// The databases that run out of memory in tests/services, without a cluster of PostgreSQL.
pub(crate) fn databases() -> Result<()> {
    vm::set_up_postgres()?;
    program("/usr/sbin/mariadbd", "mariadb-server", "a database of tests/services")?;
    program("/usr/bin/redis-server", "redis-server", "a database of tests/services")
}

/// A message bus of their own, for the tests that ask systemd's stand-in.
pub(crate) fn dbus() -> Result<()> {
    program("dbus-daemon", "dbus-daemon", "which the tests of stopping units start")
}

/// The browser that opens the page of `jettison report`.
pub(crate) fn chromium() -> Result<()> {
    program("chromium", "chromium", "which opens the page of an incident")
}

/// What makes a component of a policy in JavaScript.
pub(crate) fn npm() -> Result<()> {
    program("npm", "npm", "which fetches what makes a component of JavaScript")
}

/// What compiles a policy in C.
pub(crate) fn clang() -> Result<()> {
    let packages = ["clang", "lld", "wasi-libc", "libclang-rt-dev-wasm32"];
    let missing = || ["clang", "wasm-ld"].into_iter().filter(|it| !debian::is_there(it)).collect();
    debian::provide(missing, &packages, "which compile a policy in C")
}

/// The registry that tests push policies to, and what makes its certificate.
pub(crate) fn registry() -> Result<()> {
    program("docker-registry", "docker-registry", "which tests push policies to")?;
    program("openssl", "openssl", "which makes the certificate of a registry")
}

/// Prometheus' checker of what `jettison metrics` prints.
pub(crate) fn promtool() -> Result<()> {
    program("promtool", "prometheus", "whose promtool checks the metrics")
}

/// The database that docs/guide/fleet.md asks, for the test of its queries.
pub(crate) fn duckdb() -> Result<()> {
    const DUCKDB: Package = Package {
        names: &["duckdb==1.5.5"],
        folder: "duckdb",
        proof: "installed",
        purpose: "which a test of docs/guide/fleet.md asks",
    };
    DUCKDB.set_up()?;
    std::fs::write(DUCKDB.path(DUCKDB.proof), "").context("target/duckdb cannot be written")
}

/// What builds an image without a daemon, and what runs it.
pub(crate) fn containers() -> Result<()> {
    program("buildah", "buildah", "which builds the image")?;
    program("runc", "runc", "which runs the image")?;
    program("podman", "podman", "which runs the image")
}

/// What measures how exposed the unit is.
pub(crate) fn systemd_analyze() -> Result<()> {
    program("systemd-analyze", "systemd", "which measures how exposed the unit is")
}

/// A program, installed with its package as root on Debian.
fn program(program: &'static str, package: &str, purpose: &str) -> Result<()> {
    let missing = || if debian::is_there(program) { Vec::new() } else { vec![program] };
    debian::provide(missing, &[package], purpose)
}
