//! What would be uploaded of the SDK has all that its build needs. `cargo xtask test` builds it, too.

use std::process::Command;

#[test]
fn the_sdk_has_its_wit_its_licence_and_its_changes() {
    let output = Command::new(env!("CARGO"))
        .args(["package", "--list", "--allow-dirty", "--offline", "--package", "jettison-sdk"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files = String::from_utf8(output.stdout).expect("text");
    let has = |file: &str| files.lines().any(|line| line == file);
    for file in ["wit/world.wit", "wit/policy.wit", "LICENSE", "README.md", "CHANGELOG.md", "src/lib.rs"] {
        assert!(has(file), "{file} is not among\n{files}");
    }
    assert!(!files.contains("wit/released"), "{files}");
}

#[test]
fn the_newest_change_is_of_this_version() {
    let changes = include_str!("../../sdk/CHANGELOG.md");
    let newest = changes.lines().find_map(|line| line.strip_prefix("## ")).expect("a version");
    let version = newest.split(',').next();
    assert_eq!(version, Some(env!("CARGO_PKG_VERSION")), "all crates have one version");
}
