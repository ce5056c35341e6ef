//! Builds the built-in policies, so that the program carries them as the very modules that an author
//! elsewhere would build, and names what their compiled code depends on.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

#[path = "build/compatibility.rs"]
mod compatibility;
#[path = "build/guest.rs"]
mod guest;

fn main() -> ExitCode {
    match builtins() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            for line in problem.lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

/// The crates below `policies/`.
const BUILTINS: [&str; 3] = ["services", "balanced", "rules"];

fn builtins() -> Result<(), String> {
    let here = directory("CARGO_MANIFEST_DIR")?;
    let out = directory("OUT_DIR")?;
    let root = guest::workspace_root(&here);
    for input in ["policies", "sdk", "wit", "host/policy/build", "host/policy/build.rs"] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }
    for name in BUILTINS {
        let module = guest::build(&root.join("policies").join(name), &out.join("guest"))?;
        copy(&module, &out.join(name).with_extension("wasm"))?;
    }
    println!("cargo::rustc-env=JETTISON_COMPATIBILITY={}", compatibility::name(&root)?);
    Ok(())
}

fn directory(variable: &str) -> Result<PathBuf, String> {
    env::var_os(variable)
        .map(PathBuf::from)
        .ok_or_else(|| format!("cargo sets {variable} for build scripts, but it is not set"))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to)
        .map(drop)
        .map_err(|error| format!("{} could not be copied to {}: {error}", from.display(), to.display()))
}
