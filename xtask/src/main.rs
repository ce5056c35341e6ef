//! `cargo xtask`: set-up, demo, tests, benchmarks and virtual machines of this repository.
//!
//! Every command sets up what it needs and does not find.
#![expect(clippy::print_stdout, reason = "what it finds is for the terminal")]
#![expect(
    clippy::disallowed_methods,
    reason = "a tool at the desk: it may wait, ask for the time and read the environment"
)]

mod bench;
mod debian;
mod demo;
mod guest;
mod image;
mod javascript;
mod judge;
mod kubernetes;
mod package;
mod page;
mod publish;
mod python;
mod qemu;
mod services;
mod setup;
mod soak;
mod test;
mod tidy;
mod vm;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::OnceLock;

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
    /// Rules about the text of the repository: circles of imports, sizes, words, paths
    Tidy,
    /// Run the benchmarks and print their ratios
    Bench,
    /// Build a Debian package of the daemon and try it, unpacked; prints its path
    Package(package::PackageArgs),
    /// Build a container image of the daemon, without a container daemon, and try it; prints its path
    Image(image::ImageArgs),
    /// Build the policy in JavaScript, and try it on its machines
    Javascript,
    /// The simulation and the tests of arbitrary bytes, for hours
    Soak(soak::SoakArgs),
    /// Judge what Jettison and its peers would take on machines short of memory
    Judge(judge::JudgeArgs),
    /// Run real databases out of memory, with Jettison and with the kernel alone
    Services,
    /// Run the Debian package under a real systemd, in a guest; with `--peers` beside other OOM daemons
    Guest(guest::GuestArgs),
    /// Run scenarios in a virtual machine, with and without Jettison
    Vm(vm::VmArgs),
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Setup => setup::all(),
        Task::Demo => setup::toolchain().and_then(|()| demo::run(&target_dir())),
        Task::Test => test::run(),
        Task::Tidy => tidy::run(root()),
        Task::Bench => setup::toolchain().and_then(|()| bench::run(&target_dir())),
        Task::Package(args) => setup::toolchain().and_then(|()| package::run(&args)),
        Task::Image(args) => setup::toolchain().and_then(|()| image::run(&args)),
        Task::Javascript => setup::toolchain().and_then(|()| javascript::run()),
        Task::Soak(args) => setup::toolchain().and_then(|()| soak::run(&args)),
        Task::Judge(args) => setup::toolchain().and_then(|()| judge::run(&args)),
        Task::Services => setup::databases().and_then(|()| services::run()),
        Task::Guest(args) => setup::toolchain().and_then(|()| guest::run(&args)),
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

/// The root of the repository that we are called in: the program may have been built for another checkout.
fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        located().unwrap_or_else(|error| {
            eprintln!("xtask: {error:#}");
            std::process::exit(1)
        })
    })
}

/// Cargo looks from the current folder upwards.
fn located() -> Result<PathBuf> {
    let output = Command::new(cargo_program())
        .args(["locate-project", "--workspace", "--message-format", "plain"])
        .output()
        .context("`cargo locate-project` cannot be started")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    let manifest = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    Ok(manifest.parent().context("a manifest without a folder")?.to_owned())
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

/// Removes a file or a folder with all that is in it, if it is there.
fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| path.display().to_string())
        }
        _ => Ok(()),
    }
}

/// A path as an argument.
fn text_of(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{}: a path that is not UTF-8", path.display()))
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
