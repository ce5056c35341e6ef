//! `cargo xtask package`: the daemon as a Debian package, tried before it is handed over.
//!
//! ```text
//! build ─▶ manual pages, completions, configuration, compiled policies ─▶ cargo-deb ─▶ trial ─▶ its path
//! ```

mod configuration;
mod pages;
mod portable;
mod trial;
mod unit;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::vm::copy;
use crate::{call, cargo, cargo_program, remove, root, setup, target_dir, text_of};

use portable::Arch;
pub(crate) use unit::check as check_unit;

#[derive(clap::Args)]
pub(crate) struct PackageArgs {
    /// Package the debug build: to try the packaging, not to install it
    #[arg(long)]
    debug: bool,
    /// Build for hosts with glibc 2.31 or later (Debian 11, Ubuntu 20.04) of this architecture
    #[arg(long, conflicts_with = "debug")]
    arch: Option<Arch>,
}

pub(crate) fn run(args: &PackageArgs) -> Result<()> {
    let package = match args.arch {
        Some(arch) => build_for(arch)?,
        None => build(args.debug)?,
    };
    if args.arch.is_none_or(Arch::is_ours) {
        trial::of(&package)?;
    }
    if let Some(not_run) = check_unit()? {
        println!("NOT RUN: {not_run}");
    }
    println!("{}", package.display());
    Ok(())
}

/// A profile of cargo, and its folder.
pub(crate) fn profile(is_debug: bool) -> (&'static str, &'static str) {
    if is_debug { ("dev", "debug") } else { ("release", "release") }
}

/// The package, not tried.
pub(crate) fn build(is_debug: bool) -> Result<PathBuf> {
    let (profile, folder) = profile(is_debug);
    setup::cargo_deb()?;
    let folder = target_dir().join(folder);
    programs(&["build", "--locked"], profile, &folder, cargo)?;
    let files = folder.join("package");
    make_files(&files)?;
    let program = folder.join("jettison");
    call(text_of(&program)?, &["compile-builtin", text_of(&files.join("compiled"))?])?;
    deb(profile, &[])
}

/// Builds both programs into the folder of a profile: the daemon without what only the other one has, in a
/// build of its own, since features are one for all that is built at once; and where it is not for debugging,
/// with a profile of its own.
pub(crate) fn programs(
    build: &[&str],
    profile: &str,
    folder: &Path,
    cargo: impl Fn(&[&str]) -> Result<()>,
) -> Result<()> {
    let of = ["--package", "jettison", "--bin"];
    cargo(&[build, &["--profile", profile], &of, &["jettison"]].concat())?;
    let small = if profile == "release" { "daemon" } else { profile };
    cargo(&[build, &["--profile", small], &of, &["jettisond", "--no-default-features"]].concat())?;
    if small != profile {
        copy(&folder.with_file_name(small).join("jettisond"), &folder.join("jettisond"))?;
    }
    Ok(())
}

/// The package for another glibc or architecture. What is in it was tried, the package was not.
fn build_for(arch: Arch) -> Result<PathBuf> {
    setup::cargo_deb()?;
    let program = portable::build(arch)?;
    let files = program.with_file_name("package");
    make_files(&files)?;
    let compiled = files.join("compiled");
    portable::run(arch, &program, &["compile-builtin", text_of(&compiled)?])?;
    portable::explains(arch, &program, &compiled)?;
    deb("release", &["--no-strip", "--target", arch.target()])
}

/// What the assets in host/daemon/Cargo.toml take from here.
fn make_files(folder: &Path) -> Result<()> {
    // What an older build left behind would be packaged, too.
    remove(folder)?;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    pages::write(folder)?;
    let example = root().join("examples/jettison.toml");
    let example = fs::read_to_string(&example).with_context(|| example.display().to_string())?;
    fs::write(folder.join("jettison.toml"), configuration::of(&example)?)?;
    Ok(())
}

/// cargo-deb prints the path of what it made as its last line.
fn deb(profile: &str, options: &[&str]) -> Result<PathBuf> {
    let mut args = vec!["deb", "--locked", "--package", "jettison", "--no-build", "--profile", profile];
    // A debug build is large, and its package is thrown away.
    if profile == "dev" {
        args.push("--fast");
    }
    args.extend(options);
    println!("\n$ cargo {}", args.join(" "));
    let mut command = Command::new(cargo_program());
    let output = command.args(args).current_dir(root()).stderr(Stdio::inherit()).output();
    let output = output.context("cargo-deb cannot be started")?;
    ensure!(output.status.success(), "cargo-deb failed: {}", output.status);
    let said = String::from_utf8(output.stdout)?;
    let path = said.lines().last().map(|line| root().join(line.trim()));
    path.filter(|path| path.exists()).with_context(|| format!("cargo-deb named no package: {said:?}"))
}
