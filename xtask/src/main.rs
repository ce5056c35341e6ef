//! `cargo xtask`: set-up, demo, tests, benchmarks and virtual machines of this repository.
//!
//! Every command sets up what it needs and does not find.
#![expect(clippy::print_stdout, reason = "what it finds is for the terminal")]
#![expect(
    clippy::disallowed_methods,
    reason = "a tool at the desk: it may wait, ask for the time and read the environment"
)]

mod bench;
mod demo;
mod setup;
mod test;
mod vm;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

/// Set-up, demo, tests, benchmarks and virtual machines.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing: the wasm target, cargo-nextest, QEMU and a guest kernel
    Setup,
    /// See it work: explain this machine, then stage a rescue in a memcg of its own
    Demo,
    /// Formatting, lints, all tests, and three scenarios in a virtual machine
    Test,
    /// Run the benchmarks and print their ratios
    Bench,
    /// Run scenarios in a virtual machine, with and without Jettison
    Vm(vm::VmArgs),
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Setup => setup::all(),
        Task::Demo => setup::toolchain().and_then(|()| demo::run(&target_dir())),
        Task::Test => test::run(),
        Task::Bench => setup::toolchain().and_then(|()| bench::run(&target_dir())),
        Task::Vm(args) => setup::toolchain().and_then(|()| vm::run(&args)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of this repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Where cargo builds to.
fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Runs a command to its end, in the repository. It says itself what is wrong.
fn call(program: &str, args: &[&str]) -> Result<()> {
    let shown = [&[program], args].concat().join(" ");
    let status = Command::new(program)
        .args(args)
        .current_dir(root())
        .status()
        .with_context(|| format!("`{shown}` cannot be started"))?;
    ensure!(status.success(), "`{shown}` failed: {status}");
    Ok(())
}

/// The cargo that runs us.
fn cargo_program() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}

/// Runs cargo, the one that runs us.
fn cargo(args: &[&str]) -> Result<()> {
    println!("\n$ cargo {}", args.join(" "));
    call(&cargo_program(), args)
}
