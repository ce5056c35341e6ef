//! What a policy author gets from crates.io and docs.rs: it builds from what would be uploaded, and its pages
//! have no warning.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{cargo, cargo_program, root};

pub(crate) fn check() -> Result<()> {
    pages()?;
    // For the target, where it needs `wit`, which is a link here.
    let package = ["publish", "--dry-run", "--allow-dirty", "--package", "jettison-sdk"];
    cargo(&[&package[..], &["--target", "wasm32-unknown-unknown"]].concat())
}

fn pages() -> Result<()> {
    let args = ["doc", "--no-deps", "--all-features", "--package", "jettison-sdk"];
    println!("\n$ cargo {}", args.join(" "));
    let status = Command::new(cargo_program())
        .args(args)
        .env("RUSTDOCFLAGS", "--deny warnings")
        .current_dir(root())
        .status()
        .context("`cargo doc` cannot be started")?;
    ensure!(status.success(), "`cargo doc` failed: {status}");
    Ok(())
}
