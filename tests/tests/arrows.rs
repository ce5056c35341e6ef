//! The crates depend on each other as ARCHITECTURE.md says, and wasmtime stays behind its one border.

use std::process::Command;

use serde_json::Value;

/// What each of our own crates may depend on. Tests and benchmarks (dev-dependencies) are free.
const ARROWS: &[(&str, &[&str])] = &[
    ("jettison-model", &[]),
    ("jettison-sense", &["jettison-model"]),
    ("jettison-policy", &["jettison-model"]),
    ("jettison-decide", &["jettison-model"]),
    ("jettison-act", &["jettison-model"]),
    ("jettison-record", &["jettison-decide", "jettison-model"]),
    ("jettison-registry", &[]),
    ("jettison-tick", &["jettison-act", "jettison-decide", "jettison-model", "jettison-sense"]),
    (
        "jettison",
        &[
            "jettison-act",
            "jettison-decide",
            "jettison-machines",
            "jettison-model",
            "jettison-policy",
            "jettison-record",
            "jettison-registry",
            "jettison-scaffold",
            "jettison-sense",
            "jettison-tick",
        ],
    ),
    ("jettison-machines", &[]),
    ("jettison-scaffold", &[]),
    ("jettison-sdk", &[]),
    ("jettison-policy-balanced", &["jettison-sdk"]),
    ("jettison-policy-rules", &["jettison-sdk"]),
    ("jettison-policy-services", &["jettison-sdk"]),
];

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    serde_json::from_value(metadata["packages"].take()).expect("a list of packages")
}

fn dependencies(package: &Value) -> Vec<&str> {
    let dependencies = package["dependencies"].as_array().expect("a list");
    let real = dependencies.iter().filter(|dependency| dependency["kind"] != "dev");
    let mut names: Vec<&str> = real.filter_map(|dependency| dependency["name"].as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn our_crates_point_the_way_the_data_flows() {
    let packages = packages();
    for &(name, expected) in ARROWS {
        let package = packages.iter().find(|package| package["name"] == name);
        let package =
            package.unwrap_or_else(|| panic!("there is no crate {name}: mend ARROWS and ARCHITECTURE.md"));
        let ours: Vec<&str> = dependencies(package)
            .into_iter()
            .filter(|dependency| dependency.starts_with("jettison"))
            .collect();
        assert_eq!(ours, expected, "{name}");
    }
}

#[test]
fn only_the_policy_border_knows_wasmtime() {
    let packages = packages();
    let knowing: Vec<&str> = packages
        .iter()
        .filter(|package| dependencies(package).contains(&"wasmtime"))
        .filter_map(|package| package["name"].as_str())
        .collect();
    assert_eq!(knowing, ["jettison-policy"]);
}

#[test]
fn only_the_registry_knows_http() {
    let packages = packages();
    let knowing: Vec<&str> = packages
        .iter()
        .filter(|package| dependencies(package).iter().any(|it| ["ureq", "rustls"].contains(it)))
        .filter_map(|package| package["name"].as_str())
        .collect();
    assert_eq!(knowing, ["jettison-registry"]);
}

#[test]
fn every_crate_inherits_the_lints() {
    for package in packages() {
        let manifest = package["manifest_path"].as_str().expect("a path");
        let text = std::fs::read_to_string(manifest).expect("it is there");
        assert!(
            text.contains("[lints]\nworkspace = true"),
            "{manifest} does not inherit the workspace's lints"
        );
    }
}
