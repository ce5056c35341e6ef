//! `cargo xtask javascript`: examples/javascript, built from `wit/`, on the machine of examples/c.

use anyhow::{Context, Result};

use crate::{call, cargo, root, setup, target_dir, text_of};

const EXAMPLE: &str = "examples/javascript";
/// What makes the component, in `target/javascript`.
const FILES: [&str; 4] = ["package.json", "build.mjs", "policy.js", "world.wit"];
const MACHINE: &str = "examples/c/machines/two-conversions.toml";

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
    call(text_of(&jettison)?, &["test", text_of(&module)?, "--machine", MACHINE])
}
