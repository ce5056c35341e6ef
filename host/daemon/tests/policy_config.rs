//! `[policy.config]`: where its problems stand, and how `check` and `explain --policy` come by it.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn jettison(directory: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
    let output = command.args(args).current_dir(directory).output().unwrap();
    let text = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

const CONFIG: &str = r#"# Rules of this host.
[[policy]]
name = "site"
source = "builtin:rules"

[policy.config]
rules = [
  { never = true, comm = "sshd" },
  { prefer = 5000,
    comm = "regex:(" },
]
"#;

#[test]
fn a_problem_of_a_policy_has_file_and_line() {
    let scratch = tempfile::tempdir().unwrap();
    fs::write(scratch.path().join("j.toml"), CONFIG).unwrap();
    let (status, said) = jettison(scratch.path(), &["check", "--config", "j.toml"]);
    assert_eq!(status, Some(2));
    assert!(said.contains("j.toml:9: rules[1].prefer: is 5000"), "{said}");
    assert!(said.contains("j.toml:10: rules[1].comm: is no regular expression"), "{said}");
}

#[test]
fn a_module_of_the_command_line_has_the_configuration_of_its_source() {
    let scratch = tempfile::tempdir().unwrap();
    let good = CONFIG.replace("5000", "50").replace("regex:(", "no-such-process");
    fs::write(scratch.path().join("j.toml"), good).unwrap();
    fs::write(scratch.path().join("c.toml"), "rules = [\n  { never = true },\n]\n").unwrap();
    let machine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/machines/zram");
    let root = ["--root", machine.to_str().unwrap(), "--json"];
    let explain = |more: &[&str]| -> Value {
        let args = [&["explain", "--config", "j.toml", "--policy", "builtin:rules"], root.as_slice(), more];
        let (status, said) = jettison(scratch.path(), &args.concat());
        assert_eq!(status, Some(0), "{said}");
        serde_json::from_str(&said).unwrap()
    };
    let configured = explain(&[]);
    assert_eq!(
        (&configured["policies"][0]["name"], &configured["policies"][0]["status"]),
        (&"site".into(), &"ok".into())
    );
    let other = explain(&["--policy-config", "c.toml"]);
    let fault = other["policies"][0]["fault"]["message"].as_str().unwrap();
    assert!(fault.contains("c.toml:2: rules[0]: matches every process"), "{fault}");
    let (status, said) =
        jettison(scratch.path(), &["explain", "--policy", "builtin:rules", "--policy-config", "absent"]);
    assert!(status == Some(2) && said.contains("absent: cannot be read"), "{said}");
}
