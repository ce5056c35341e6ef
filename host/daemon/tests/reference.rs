//! The pages of docs/reference have every command, every option and every field of the JSON.

mod kit;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use kit::Daemon;
use serde_json::Value;

const MACHINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/machines/plain-v2");

fn page(name: &str) -> String {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    std::fs::read_to_string(pages.join(name)).expect("the page is there")
}

fn printed(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_jettison")).args(args).output().expect("the binary runs");
    String::from_utf8(output.stdout).expect("it is text")
}

/// What a page has in backticks, word by word.
fn words(page: &str) -> BTreeSet<&str> {
    let code = page.split('`').skip(1).step_by(2);
    code.flat_map(|code| code.split(|c: char| !c.is_ascii_alphanumeric() && !"_-".contains(c))).collect()
}

/// The keys of an object and of all below it.
fn keys<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
    match value {
        Value::Object(object) => {
            found.extend(object.keys().map(String::as_str));
            object.values().for_each(|value| keys(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

fn check(text: &str) {
    let value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let pages = page("json.md") + &page("wit.md");
    let (known, mut found) = (words(&pages), BTreeSet::new());
    keys(&value, &mut found);
    let missing: Vec<_> = found.difference(&known).collect();
    assert!(missing.is_empty(), "json.md lacks {missing:?} of {}", value["schema"]);
}

#[test]
fn json_of_a_machine_is_in_the_reference() {
    check(&printed(&["explain", "--json", "--root", MACHINE]));
    check(&printed(&["snapshot", "--root", MACHINE]));
    check(&printed(&["doctor", "--json", "--root", MACHINE]));
}

#[test]
fn json_of_a_daemon_is_in_the_reference() {
    let state = tempfile::tempdir().expect("a folder");
    let mut daemon = Daemon::start(state.path(), &["--dry-run"]);
    daemon.says("jettison is watching");
    let path = state.path().display().to_string();
    let pid = std::process::id().to_string();
    for command in [&["reload"][..], &["status"], &["history"], &["why", &pid]] {
        check(&printed(&[command, &["--json", "--state-dir", &path]].concat()));
    }
}

#[test]
fn commands_and_options_are_in_the_reference() {
    let page = page("command-line.md");
    let known = words(&page);
    let help = printed(&["--help"]);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.len() > 8, "{help}");
    for command in commands {
        assert!(known.contains(command), "{command}");
        let help = printed(&[command, "--help"]);
        let options = help.split_whitespace().filter(|word| word.starts_with("--") && *word != "--help");
        for option in options.map(|word| word.trim_end_matches([',', '.', '\'', '`', ']'])) {
            assert!(known.contains(option), "{command} {option}");
        }
    }
}
