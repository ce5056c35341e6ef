//! The examples of policies: each is built as an author would, does on its machines what is expected there,
//! and loads as its configuration says.
//!
//! ```text
//! examples/policies/NAME/    Cargo.toml, src/lib.rs: the policy; jettison.toml: how it is loaded;
//!                            machines/*.toml: where it is tested, with the same configuration and companions
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml::{Table, Value};

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/policies");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().canonicalize().unwrap());
    let mut examples: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    examples.sort();
    assert!(examples.len() >= 7, "{examples:?}");
    examples
}

fn name(example: &Path) -> &str {
    example.file_name().unwrap().to_str().unwrap()
}

fn table(file: &Path) -> Table {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn machines(example: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(example.join("machines")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// The policies that its configuration loads: those beside it, and itself.
fn policies(example: &Path) -> (BTreeSet<String>, Table) {
    let configuration = table(&example.join("jettison.toml"));
    let policies = configuration["policy"].as_array().unwrap().iter().map(|it| it.as_table().unwrap());
    let (own, beside): (Vec<&Table>, Vec<&Table>) =
        policies.partition(|policy| policy["name"].as_str() == Some(name(example)));
    let sources = beside.iter().map(|policy| policy["source"].as_str().unwrap().to_owned());
    (sources.collect(), own[0].clone())
}

fn jettison(args: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        command.env_remove(name);
    }
    let output = command.args(args).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), text)
}

#[test]
fn each_is_laid_out_alike_and_tested_as_it_is_loaded() {
    for example in examples() {
        let at = name(&example);
        let (beside, own) = policies(&example);
        let file = format!("/etc/jettison/policies.d/{}.wasm", at.replace('-', "_"));
        assert_eq!(own["source"].as_str(), Some(&*file), "{at}");
        let config = own.get("config").cloned().unwrap_or(Value::Table(Table::new()));
        let machines = machines(&example);
        assert!(!machines.is_empty(), "{at} has no machine");
        for machine in machines {
            let machine = table(&machine);
            let tested = machine.get("config").cloned().unwrap_or(Value::Table(Table::new()));
            assert_eq!(tested, config, "{at}");
            let list = machine.get("beside").and_then(Value::as_array).cloned().unwrap_or_default();
            let tested: BTreeSet<String> = list.iter().map(|it| it.as_str().unwrap().to_owned()).collect();
            assert_eq!(tested, beside, "{at}");
        }
        let code = fs::read_to_string(example.join("src/lib.rs")).unwrap();
        let lines = code.split("#[cfg(test)]").next().unwrap().lines().count();
        assert!((10..=100).contains(&lines), "{at}: {lines} lines, to be read at once");
    }
}

#[test]
fn each_does_what_is_expected_and_loads_as_its_configuration_says() {
    let scratch = tempfile::tempdir().unwrap();
    for example in examples() {
        let (passes, said) = jettison(&["test", example.to_str().unwrap()]);
        assert!(passes, "{said}");
        let (builds, module) = jettison(&["build", example.to_str().unwrap()]);
        assert!(builds, "{module}");
        let text = fs::read_to_string(example.join("jettison.toml")).unwrap();
        let (_, own) = policies(&example);
        let file = scratch.path().join(name(&example)).with_extension("toml");
        fs::write(&file, text.replace(own["source"].as_str().unwrap(), module.trim())).unwrap();
        let (is_good, said) = jettison(&["check", "--config", file.to_str().unwrap()]);
        assert!(is_good, "{said}");
    }
}
