//! `jettison build [DIR]`: the module of a project, by the author's own cargo.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cli;
use crate::failure::{Failure, unwritable};

/// What policies are compiled to.
const TARGET: &str = "wasm32-unknown-unknown";

pub(crate) fn build(args: &cli::Build) -> Result<(), Failure> {
    let module = module_of(args.directory.as_deref().unwrap_or(Path::new(".")))?;
    writeln!(std::io::stdout(), "{}", module.display()).map_err(|error| unwritable(&error))
}

/// The manifest of the project in a directory.
pub(super) fn manifest_of(directory: &Path) -> Result<PathBuf, Failure> {
    let manifest = directory.join("Cargo.toml");
    if manifest.is_file() {
        return Ok(manifest);
    }
    let what = format!("{}: is not there: `jettison new NAME` makes a project", manifest.display());
    Err(Failure::Usage(what))
}

/// Builds the project in a directory.
pub(super) fn module_of(directory: &Path) -> Result<PathBuf, Failure> {
    let manifest = manifest_of(directory)?;
    check_target(directory)?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--quiet", "--release", "--lib", "--target", TARGET])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = cargo.spawn().map_err(|error| not_started("cargo", &error))?;
    let mut module = None;
    for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
        let line = line.map_err(|error| Failure::Failed(format!("cargo cannot be read: {error}")))?;
        module = artifact(&line).or(module);
    }
    let status = child.wait().map_err(|error| Failure::Failed(format!("cargo: {error}")))?;
    if !status.success() {
        return Err(Failure::Failed(format!("{}: does not build: cargo has said why", manifest.display())));
    }
    module.map(PathBuf::from).ok_or_else(|| {
        let what = "builds no module: its library needs crate-type = [\"cdylib\", \"rlib\"]";
        Failure::Failed(format!("{}: {what}", manifest.display()))
    })
}

/// The module in what cargo says of one crate (doc.rust-lang.org/cargo/reference/external-tools.html).
///
/// ```text
/// {"reason":"compiler-artifact","filenames":["/.../release/ci.wasm"],...}
/// ```
fn artifact(line: &str) -> Option<String> {
    let said: serde_json::Value = serde_json::from_str(line).ok()?;
    let files = said.get("filenames").filter(|_| said["reason"] == "compiler-artifact")?.as_array()?;
    files.iter().filter_map(|file| file.as_str()).find(|file| file.ends_with(".wasm")).map(Into::into)
}

fn check_target(directory: &Path) -> Result<(), Failure> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(directory);
    let output = rustc.output().map_err(|error| not_started("rustc", &error))?;
    let libraries = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if std::fs::read_dir(libraries).is_ok_and(|mut files| files.next().is_some()) {
        return Ok(());
    }
    Err(Failure::Failed(format!("policies are compiled to {TARGET}: run `rustup target add {TARGET}`")))
}

fn not_started(program: &str, error: &std::io::Error) -> Failure {
    Failure::Failed(match error.kind() {
        ErrorKind::NotFound => format!("there is no {program}: install Rust, https://rustup.rs says how"),
        _ => format!("{program} cannot be started: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::artifact;

    #[test]
    fn the_module_is_found_among_other_messages() {
        let line = r#"{"reason":"compiler-artifact","filenames":["/t/libci.rlib","/t/ci.wasm"]}"#;
        assert_eq!(artifact(line).as_deref(), Some("/t/ci.wasm"));
        for other in [r#"{"reason":"build-finished","filenames":["a.wasm"]}"#, "no JSON", "{}"] {
            assert_eq!(artifact(other), None, "{other}");
        }
    }
}
