//! Puts the SDK, the WIT and the versions of what the SDK depends on into the program, so that a new policy
//! needs nothing of this repository.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use toml::{Table, Value};

fn main() -> ExitCode {
    match vendored() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            println!("cargo::error={problem}");
            ExitCode::FAILURE
        }
    }
}

fn vendored() -> Result<(), String> {
    let directory =
        |variable: &str| env::var_os(variable).map(PathBuf::from).ok_or(format!("{variable} is not set"));
    let root = directory("CARGO_MANIFEST_DIR")?.join("../..");
    let out = directory("OUT_DIR")?;
    for input in ["sdk", "wit", "Cargo.toml", "Cargo.lock", "LICENSE", "host/scaffold/build.rs"] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }
    let mut files = Vec::new();
    below(&root.join("sdk/src"), &mut files)?;
    in_folder(&root.join("sdk/wit"), &mut files)?;
    files.push(root.join("LICENSE"));
    files.sort();
    let mut list = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&root).map_err(|error| error.to_string())?;
        // Writing to a string cannot fail.
        writeln!(list, "({:?}, include_str!({:?})),", format!("vendor/{}", name.display()), file).ok();
    }
    let made = [("vendor/sdk/Cargo.toml", manifest(&root)?), ("Cargo.lock", lock(&root)?)];
    for (name, text) in made {
        let file = out.join(name.replace('/', "-"));
        fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        writeln!(list, "({name:?}, include_str!({file:?})),").ok();
    }
    list.push(']');
    fs::write(out.join("vendored.rs"), list).map_err(|error| error.to_string())
}

fn in_folder(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    for entry in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

fn below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    in_folder(folder, files)?;
    for entry in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.is_dir() {
            below(&path, files)?;
        }
    }
    Ok(())
}

fn table(file: &Path) -> Result<Table, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    text.parse().map_err(|error| format!("{}: {error}", file.display()))
}

/// The SDK's manifest, with what it inherits from the workspace written out.
fn manifest(root: &Path) -> Result<String, String> {
    let workspace = table(&root.join("Cargo.toml"))?;
    let of_workspace = |table: &str, key: &str| workspace.get("workspace")?.get(table)?.get(key).cloned();
    let mut manifest = table(&root.join("sdk/Cargo.toml"))?;
    manifest.remove("lints");
    if let Some(Value::Table(package)) = manifest.get_mut("package") {
        package.remove("readme");
        for (key, value) in package.iter_mut().filter(|(_, value)| is_inherited(value)) {
            *value = of_workspace("package", key).ok_or(format!("no workspace.package.{key}"))?;
        }
    }
    let resolve = |dependencies: Option<&mut Value>| -> Result<(), String> {
        let Some(Value::Table(dependencies)) = dependencies else { return Ok(()) };
        for (name, value) in dependencies.iter_mut().filter(|(_, value)| is_inherited(value)) {
            let whole = of_workspace("dependencies", name);
            *value = merged(whole.ok_or(format!("no workspace.dependencies.{name}"))?, value);
        }
        Ok(())
    };
    resolve(manifest.get_mut("dependencies"))?;
    if let Some(Value::Table(targets)) = manifest.get_mut("target") {
        for (_, target) in targets.iter_mut() {
            resolve(target.get_mut("dependencies"))?;
        }
    }
    toml::to_string(&manifest).map_err(|error| error.to_string())
}

/// A dependency of the workspace, with what the crate says of its own use.
fn merged(whole: Value, own: &Value) -> Value {
    let mut table = match whole {
        Value::Table(table) => table,
        version => Table::from_iter([("version".to_owned(), version)]),
    };
    let own = own.as_table().into_iter().flatten().filter(|(key, _)| *key != "workspace");
    table.extend(own.map(|(key, value)| (key.clone(), value.clone())));
    Value::Table(table)
}

fn is_inherited(value: &Value) -> bool {
    value.get("workspace").is_some()
}

/// The versions of this repository, without its own packages. Cargo takes what it needs of them.
fn lock(root: &Path) -> Result<String, String> {
    let mut lock = table(&root.join("Cargo.lock"))?;
    if let Some(Value::Array(packages)) = lock.get_mut("package") {
        packages.retain(|package| package.get("source").is_some());
    }
    toml::to_string(&lock).map_err(|error| error.to_string())
}
