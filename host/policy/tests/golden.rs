//! Policies in the field: what was built against a released contract is loaded and consulted for ever.

mod kit;

use std::fs;
use std::path::{Path, PathBuf};

use jettison_policy::{Policy, digest};
use kit::{HOOKS, compiler, engine, three_processes};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Of all files of the release, by name.
const RELEASED_0_1_0: &str = "19067ae20af5e25dad114e9db625404341456352e72b13fd9c0841d9c67662d8";

#[test]
fn what_was_released_is_never_edited() {
    let mut files: Vec<PathBuf> = fs::read_dir(repository().join("wit/released/0.1.0"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let text: Vec<u8> = files.iter().flat_map(|file| fs::read(file).unwrap()).collect();
    assert_eq!(digest(&text), RELEASED_0_1_0, "a change of the contract belongs into wit/, and only adds");
}

#[test]
fn a_module_of_0_1_0_that_imports_every_function_still_works() {
    let module = fs::read(repository().join("tests/golden/0.1.0/every-function.wasm")).unwrap();
    let compiled = compiler().compile(&module).unwrap();
    for to_do in ["columns", "good"] {
        let config = format!(r#"{{"do": "{to_do}"}}"#);
        let policy = Policy::load(engine(), &compiled, None, &HOOKS.map(String::from), &config).unwrap();
        let consultation = policy.consult(&three_processes());
        assert!(consultation.answer.is_ok(), "{to_do}: {:?}", consultation.answer);
    }
}
