//! `cargo xtask javascript`: the policy of examples/javascript, built from `wit/`, on its machines.

use std::path::Path;

use anyhow::{Context, Result};

use crate::{call, cargo, root, setup, target_dir, text_of};

const EXAMPLE: &str = "examples/javascript";
/// What makes the component, in `target/javascript`; the machines stay where they are.
const FILES: [&str; 4] = ["package.json", "build.mjs", "policy.js", "world.wit"];

pub(crate) fn run() -> Result<()> {
    setup::npm()?;
    let folder = target_dir().join("javascript");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for file in FILES {
        std::fs::copy(root().join(EXAMPLE).join(file), folder.join(file)).with_context(|| file.to_owned())?;
    }
    call("npm", &["install", "--no-audit", "--no-fund", "--prefix", text_of(&folder)?])?;
    let module = folder.join("convert.wasm");
    call("node", &[text_of(&folder.join("build.mjs"))?, "wit", text_of(&module)?])?;
    cargo(&["build", "--locked", "--release", "--bin", "jettison"])?;
    let jettison = target_dir().join("release/jettison");
    for machine in machines(&root().join(EXAMPLE).join("machines"))? {
        call(text_of(&jettison)?, &["test", text_of(&module)?, "--machine", &machine])?;
    }
    Ok(())
}

fn machines(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    entries.map(|entry| Ok(text_of(&entry?.path())?.to_owned())).collect()
}
