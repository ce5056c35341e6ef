//! Names what compiled code depends on, for a program that has no compiler to ask.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::{env, fs};

/// Where the compiler's settings, and the sizes in them, stand.
const SETTINGS: [&str; 4] = [
    "host/policy/src/engine.rs",
    "host/policy/src/settings.rs",
    "host/policy/src/limits.rs",
    "host/model/src/limits.rs",
];
/// Which versions were locked.
const LOCK: &str = "Cargo.lock";
/// Packages that make compiled code, or read it, begin with these.
const MAKERS: [&str; 2] = ["wasmtime", "cranelift"];

/// Sixteen hexadecimal digits, the same for all programs that are built of this tree.
pub(crate) fn name(root: &Path) -> Result<String, String> {
    let mut hasher = DefaultHasher::new();
    for variable in ["CARGO_PKG_VERSION", "CARGO_CFG_TARGET_ARCH"] {
        env::var_os(variable)
            .ok_or_else(|| format!("cargo sets {variable}, but it is not set"))?
            .hash(&mut hasher);
    }
    for path in SETTINGS {
        read(root, path)?.hash(&mut hasher);
    }
    let lock = read(root, LOCK)?;
    let versions = versions(&lock);
    if versions.is_empty() {
        return Err(format!("{LOCK} has no {}", MAKERS[0]));
    }
    versions.hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

fn read(root: &Path, path: &str) -> Result<String, String> {
    let path = root.join(path);
    println!("cargo::rerun-if-changed={}", path.display());
    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// `name = "wasmtime-environ"` and the line with its version below it, of each.
fn versions(lock: &str) -> Vec<(&str, &str)> {
    let named = lock.lines().zip(lock.lines().skip(1));
    let named = named.filter_map(|(line, next)| Some((line.strip_prefix("name = \"")?, next)));
    named.filter(|(name, _)| MAKERS.iter().any(|maker| name.starts_with(maker))).collect()
}
