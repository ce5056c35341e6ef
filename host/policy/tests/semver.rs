//! The contract only grows: what fits a released version fits `wit/`, by the judgement of the WebAssembly
//! tools' own library.

use std::fs;
use std::path::Path;

use wit_component::semver_check;
use wit_parser::{Resolve, SourceMap};

/// The version that is being written, and those that were released and are compatible with it.
const NOW: &str = "";
const RELEASED: [&str; 1] = ["released/0.1.0"];

/// The files of a version and their text.
type Files = Vec<(String, String)>;

fn files(version: &str) -> Files {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit").join(version);
    let entries = fs::read_dir(dir).expect("it is there").map(|entry| entry.expect("a name").path());
    let mut files: Files = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "wit"))
        .map(|path| (path.display().to_string(), fs::read_to_string(&path).expect("it is text")))
        .collect();
    files.sort_unstable();
    files
}

/// The same with one piece of text in the place of another, which must be there.
fn edited(mut files: Files, from: &str, to: &str) -> Files {
    let before = files.clone();
    for (_, text) in &mut files {
        *text = text.replace(from, to);
    }
    assert_ne!(files, before, "there is no `{from}` to edit");
    files
}

/// Whether a policy built for `old` loads in a host of `new`; else why not, on one line.
fn compatible(old: Files, new: Files) -> Result<(), String> {
    let mut resolve = Resolve::default();
    // One set of packages cannot hold a version twice; the check itself ignores versions.
    let [old, new] = [(old, "0.0.1"), (new, "0.0.2")].map(|(files, version)| {
        let mut sources = SourceMap::new();
        for (path, text) in edited(files, "jettison:policy@0.1.0", &format!("jettison:policy@{version}")) {
            sources.push_str(&path, text);
        }
        let parsed = sources.parse().unwrap_or_else(|(_, error)| panic!("{error}"));
        let package = resolve.push_group(parsed).expect("it resolves");
        resolve.select_world(&[package], Some("guest")).expect("it has the world")
    });
    semver_check(resolve, old, new).map_err(|error| format!("{error:#}").replace('\n', " "))
}

#[test]
fn the_contract_takes_what_was_built_for_each_release() {
    for released in RELEASED {
        assert_eq!(compatible(files(released), files(NOW)), Ok(()), "{released}");
    }
}

#[test]
fn a_new_function_and_a_new_interface_break_nothing() {
    let grown = edited(
        files(NOW),
        "interface host {",
        "interface moon {\n phase: func() -> u32;\n}\ninterface host {\n swappiness: func() -> u32;",
    );
    let grown = edited(grown, "import host;", "import host;\n import moon;");
    assert_eq!(compatible(files(NOW), grown), Ok(()));
}

#[test]
fn every_other_change_is_noticed() {
    let changes = [
        ("a function that is gone", "pids: func() -> list<u32>;", ""),
        ("another type of a column", "pids: func() -> list<u32>;", "pids: func() -> list<u64>;"),
        ("another parameter", "emit: func(level: u32, message", "emit: func(level: u8, message"),
        ("an interface that is gone", "import details;", ""),
        ("a field more in a record", "summary: string,", "summary: string,\n homepage: string,"),
        ("a case more in a variant", "memcg(u32),", "memcg(u32),\n unit(u32),"),
        ("another name of a field", "wait-ms: u32", "wait-us: u32"),
        ("an export that no policy has yet", "rank: func()", "rank2: func();\n rank: func()"),
        ("another result", "result<ballot, string>", "result<ballot>"),
    ];
    for (what, from, to) in changes {
        let found = compatible(files(NOW), edited(files(NOW), from, to));
        let why = found.expect_err(what);
        assert!(why.contains("not semver-compatible"), "{what}: {why}");
    }
}
