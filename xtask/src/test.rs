//! `cargo xtask test`: what must hold before anything lands.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{cargo, judge, kubernetes, package, publish, root, setup, tidy, vm};

/// Scenarios that must pass in a virtual machine. `cargo xtask vm --all` has more.
const SCENARIOS: [&str; 3] = ["leak", "memcg", "hold"];

pub(crate) fn run() -> Result<()> {
    tidy::run(root())?;
    setup::toolchain()?;
    setup::nextest()?;
    setup::dbus()?;
    let mut not_run = Vec::new();
    if let Err(error) = setup::duckdb() {
        not_run.push(format!("the queries of docs/guide/fleet.md: {error:#}"));
    }
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"])?;
    fuzz_targets_compile()?;
    daemon_alone_compiles()?;
    // Cargo builds a package's programs only for that package's own tests; these are started by others'.
    cargo(&["build", "--workspace", "--bins"])?;
    if rustix::process::geteuid().is_root() {
        setup::databases()?;
        setup::chromium()?;
        setup::promtool()?;
        setup::clang()?;
        setup::registry()?;
        setup::systemd_analyze()?;
        cargo(&["nextest", "run", "--workspace", "--run-ignored", "all"])?;
        match Path::new(KERNEL_TYPES).exists() {
            true => by_bpf()?,
            false => {
                println!("NOT RUN: processes by BPF: this kernel offers no {KERNEL_TYPES}, so there are none")
            }
        }
    } else {
        cargo(&["nextest", "run", "--workspace"])?;
        not_run.extend(root_tests()?.into_iter().map(|test| format!("{test}: needs root")));
    }
    cargo(&["test", "--workspace", "--doc"])?;
    publish::check()?;
    judge::run(&judge::JudgeArgs::quick())?;
    not_run.extend(package::check_unit()?);
    match kubernetes::set_up() {
        Ok(()) => kubernetes::check()?,
        Err(error) => not_run.push(format!("the schemas of packaging/kubernetes: {error:#}")),
    }
    match vm::set_up() {
        Ok(()) => vm::check(&SCENARIOS)?,
        Err(error) => not_run.push(format!("the virtual machine's scenarios: {error:#}")),
    }
    report(&not_run)
}

/// What a BPF program is fitted to the kernel by.
const KERNEL_TYPES: &str = "/sys/kernel/btf/vmlinux";

/// `jettisond` as a package has it: without what only `jettison` does.
fn daemon_alone_compiles() -> Result<()> {
    let daemon = ["--package", "jettison", "--bin", "jettisond", "--no-default-features"];
    cargo(&[&["clippy"][..], &daemon, &["--", "--deny", "warnings"]].concat())
}

/// A feature of its own, since it needs clang.
fn by_bpf() -> Result<()> {
    let feature = ["--package", "jettison-sense", "--features", "bpf"];
    cargo(&[&["clippy"][..], &feature, &["--all-targets", "--", "--deny", "warnings"]].concat())?;
    let tests = ["--lib", "--run-ignored", "all", "-E", "test(/bpf|at_once/)"];
    cargo(&[&["nextest", "run"][..], &feature, &tests].concat())
}

/// What they do is tried by ordinary tests, `tests/fuzzed.rs` of the crates.
fn fuzz_targets_compile() -> Result<()> {
    let target_dir = crate::target_dir();
    let target_dir = target_dir.to_str().context("the target folder's name is not UTF-8")?;
    cargo(&["check", "--locked", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", target_dir])
}

/// What did not run is said: silence would look like success.
fn report(not_run: &[String]) -> Result<()> {
    if not_run.is_empty() {
        println!("\nall tests ran and passed");
        return Ok(());
    }
    for what in not_run {
        println!("NOT RUN: {what}");
    }
    if std::env::var_os("CI").is_some() {
        bail!("{} of the tests did not run, and CI skips none", not_run.len());
    }
    println!("\nall other tests passed");
    Ok(())
}

/// The tests that are ignored without the rights they need.
fn root_tests() -> Result<Vec<String>> {
    let args = ["nextest", "list", "--workspace", "--run-ignored", "only", "--message-format", "oneline"];
    let output = Command::new(crate::cargo_program())
        .args(args)
        .current_dir(root())
        .output()
        .context("`cargo nextest list` cannot be started")?;
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}
