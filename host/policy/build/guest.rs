//! Builds a policy of this repository for wasm32-unknown-unknown, as its author would: `cargo build
//! --release`. Shared by the build script and the tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What policies are compiled to.
const TARGET: &str = "wasm32-unknown-unknown";

/// Settings that were meant for the outer build. A wrapper or a flag of its would change or break the guest.
const NOT_INHERITED: [&str; 8] = [
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
];

/// The core module of the crate in `crate_dir`, built with everything in between below `target_dir`.
pub(crate) fn build(crate_dir: &Path, target_dir: &Path) -> Result<PathBuf, String> {
    check_target()?;
    let manifest = crate_dir.join("Cargo.toml");
    let mut cargo = Command::new(tool("CARGO", "cargo"));
    cargo
        .args(["build", "--quiet", "--release", "--lib", "--target", TARGET])
        .arg("--manifest-path")
        .arg(&manifest)
        .arg("--target-dir")
        .arg(target_dir);
    for name in NOT_INHERITED {
        cargo.env_remove(name);
    }
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PROFILE_") {
            cargo.env_remove(name);
        }
    }
    cargo.env("CARGO_PROFILE_RELEASE_LTO", "true").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1");
    // Each consultation clears the whole stack first, and a ranking needs far less than the linker's 1 MiB.
    // Each call puts the account of fuel away and takes it up again, so more is inlined than would pay
    // elsewhere.
    cargo.env("RUSTFLAGS", "-Clink-arg=-zstack-size=262144 -Cllvm-args=-inline-threshold=400");
    if workspace_root(crate_dir).join("Cargo.lock").is_file() {
        cargo.arg("--locked");
    }
    let output = cargo.output().map_err(|error| format!("cargo could not be started: {error}"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} does not build:\n{errors}", manifest.display()));
    }
    let name = library_name(&manifest)?;
    Ok(target_dir.join(TARGET).join("release").join(format!("{name}.wasm")))
}

/// The repository's root: `host/policy` is two levels below.
pub(crate) fn workspace_root(crate_dir: &Path) -> PathBuf {
    crate_dir.ancestors().find(|dir| dir.join("wit").is_dir()).unwrap_or(crate_dir).to_path_buf()
}

fn check_target() -> Result<(), String> {
    let output = Command::new(tool("RUSTC", "rustc"))
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .map_err(|error| format!("rustc could not be started: {error}"))?;
    let libraries = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if fs::read_dir(libraries).is_ok_and(|mut files| files.next().is_some()) {
        return Ok(());
    }
    Err(format!("policies need the target {TARGET}: run `rustup target add {TARGET}`"))
}

fn tool(variable: &str, default: &str) -> PathBuf {
    env::var_os(variable).map_or_else(|| default.into(), PathBuf::from)
}

/// The crate's name, as the compiler writes it.
fn library_name(manifest: &Path) -> Result<String, String> {
    let text = fs::read_to_string(manifest).map_err(|error| format!("{}: {error}", manifest.display()))?;
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("name = \""))
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or_else(|| format!("{} has no line `name = \"…\"`", manifest.display()))?;
    Ok(name.replace('-', "_"))
}
