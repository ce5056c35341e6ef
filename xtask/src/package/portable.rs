//! `cargo xtask package --arch`: for hosts with an older glibc, and for another architecture.
//!
//! Zig links, since it carries the stubs of every glibc. It and cargo-zigbuild come from PyPI, into a folder
//! of their own. What is built for another architecture is tried under QEMU's user mode.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::programs;
use crate::python::Package;
use crate::{call, cargo_program, debian, root, target_dir, text_of};

/// The oldest that a package is for, which Debian 11 and Ubuntu 20.04 have.
const GLIBC: &str = "2.31";
const TOOLS: Package = Package {
    names: &["cargo-zigbuild==0.24.1", "ziglang==0.15.2"],
    folder: "zig",
    proof: "bin/cargo-zigbuild",
    purpose: "which link for an older glibc",
};
/// A machine that each program has to explain before it is packaged.
const MACHINE: &str = "tests/machines/linux-6.12";

/// As Debian names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Arch {
    Amd64,
    Arm64,
}

impl Arch {
    /// As Rust names it.
    pub(super) fn target(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// As the kernel and QEMU name it.
    fn machine(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    pub(super) fn is_ours(self) -> bool {
        self.machine() == env::consts::ARCH
    }

    /// Where Debian's cross-compilers have the libraries of this architecture.
    fn libraries(self) -> PathBuf {
        Path::new("/usr").join(format!("{}-linux-gnu", self.machine()))
    }
}

/// Builds the programs, in the release profile, and returns the one that has all commands.
pub(super) fn build(arch: Arch) -> Result<PathBuf> {
    let tools = set_up(arch)?;
    let target = format!("{}.{GLIBC}", arch.target());
    let folder = target_dir().join(arch.target()).join("release");
    let build = ["zigbuild", "--locked", "--target", &target];
    programs(&build, "release", &folder, |args| zigbuild(&tools, args))?;
    Ok(folder.join("jettison"))
}

fn zigbuild(tools: &Path, args: &[&str]) -> Result<()> {
    println!("\n$ cargo-{}", args.join(" "));
    // It looks for Zig where it is itself.
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([tools.to_owned()].into_iter().chain(env::split_paths(&path)))?;
    let mut command = Command::new(tools.join("cargo-zigbuild"));
    let status =
        command.args(args).env("PATH", path).env("CARGO", cargo_program()).current_dir(root()).status();
    ensure!(status.context("cargo-zigbuild cannot be started")?.success(), "cargo-zigbuild failed");
    Ok(())
}

fn set_up(arch: Arch) -> Result<PathBuf> {
    TOOLS.set_up()?;
    call("rustup", &["target", "add", arch.target()])?;
    if !arch.is_ours() {
        let emulator = format!("qemu-{}", arch.machine());
        let libraries = arch.libraries();
        if !debian::is_there(&emulator) || !libraries.exists() {
            let package = format!("libc6-{}-cross", if arch == Arch::Arm64 { "arm64" } else { "amd64" });
            debian::install(
                &emulator,
                &["qemu-user", &package],
                "which run what is built for another processor",
            )?;
        }
    }
    Ok(TOOLS.path("bin"))
}

/// Runs a program of that architecture.
pub(super) fn run(arch: Arch, program: &Path, args: &[&str]) -> Result<()> {
    let program = text_of(program)?;
    if arch.is_ours() {
        return call(program, args);
    }
    let libraries = arch.libraries();
    call(&format!("qemu-{}", arch.machine()), &[&["-L", text_of(&libraries)?, program], args].concat())
}

/// Whether it explains a machine with the policies that it brings along: so they load and can be consulted.
pub(super) fn explains(arch: Arch, program: &Path, compiled: &Path) -> Result<()> {
    run(arch, program, &["explain", "--root", MACHINE, "--cache", text_of(compiled)?, "--top", "3"])
}
