//! A policy in C, from `wit/` alone: examples/c, built as docs/guide/other-languages.md says.
//!
//! As root `cargo xtask test` installs clang and runs these; else it says that they did not run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What `wit-bindgen c wit/` writes.
fn bindings(folder: &Path) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(repository().join("wit")).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    let mut files = Files::default();
    wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files).unwrap();
    for (name, content) in files.iter() {
        fs::write(folder.join(name), content).unwrap();
    }
}

fn built(folder: &Path) -> PathBuf {
    bindings(folder);
    let module = folder.join("convert.wasm");
    let output = Command::new("sh")
        .arg(repository().join("examples/c/build.sh"))
        .args([folder, &module])
        .output()
        .expect("a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    module
}

fn jettison(args: &[&Path]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_jettison")).args(args).output().expect("the binary runs");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
#[ignore = "needs root, to install clang"]
fn a_policy_in_c_sees_what_it_calls_and_does_what_is_expected() {
    let folder = tempfile::tempdir().expect("a folder");
    let module = built(folder.path());
    let bytes = fs::metadata(&module).expect("it was built").len();
    assert!(bytes < 40 << 10, "{bytes} bytes");
    let (_, said) = jettison(&[Path::new("inspect"), &module]);
    let sees: Vec<&str> = said.lines().skip_while(|line| *line != "sees").map(str::trim).collect();
    assert_eq!(sees, ["sees", "processes   ages-ms comms", "request     config"], "{said}");
    let machines = fs::read_dir(repository().join("examples/c/machines")).expect("it has some");
    for machine in machines.map(|entry| entry.expect("it is readable").path()) {
        let (passes, said) = jettison(&[Path::new("test"), &module, Path::new("--machine"), &machine]);
        assert!(passes, "{said}");
    }
}

#[test]
#[ignore = "needs root, to install clang"]
fn its_problems_are_shown_where_they_are_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let module = built(folder.path());
    let file = folder.path().join("jettison.toml");
    let config = format!(
        "[[policy]]\nname = \"convert\"\nsource = {module:?}\n[policy.config]\nnames = \"mencoder\"\n"
    );
    fs::write(&file, config).expect("it is ours");
    let (is_good, said) = jettison(&[Path::new("check"), Path::new("--config"), &file]);
    assert!(!is_good && said.contains("takes no configuration: remove [policy.config]"), "{said}");
}
