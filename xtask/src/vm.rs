//! `cargo xtask vm`: scenarios on a kernel of our own, with Jettison and with the kernel alone.
//!
//! ```text
//! scenarios/NAME.toml ─▶ image (initramfs) ─▶ machine (QEMU, emulated) ─▶ Report ─▶ judge ─▶ table
//! ```
//!
//! The machine says `UP` when it has booted and `REPORT {json}` when the scenario is over. One that hangs,
//! panics or says nothing is a failure with its last words.

mod image;
mod judge;
mod machine;
mod postgres;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use jettison_vm_guest::{Extra, Report, Scenario};

use crate::{root, target_dir};

use image::Image;
pub(crate) use image::{copy, copy_libraries};

/// What to run.
#[derive(Args)]
pub(crate) struct VmArgs {
    /// Scenarios: the files in `tests/vm/scenarios`, without `.toml`
    scenarios: Vec<String>,
    /// All scenarios
    #[arg(long, conflicts_with = "scenarios")]
    all: bool,
    /// Only with Jettison, or only with the kernel alone
    #[arg(long, value_name = "with|without", value_parser = ["with", "without"])]
    only: Option<String>,
    /// So often each; their logs are numbered
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
}

/// A run that has been judged.
struct Run {
    name: String,
    report: Report,
    boot_ms: u64,
    wrong: Vec<String>,
}

/// Runs scenarios, prints a line of JSON for each run and the table, and fails if one was not as expected.
pub(crate) fn run(args: &VmArgs) -> Result<()> {
    set_up()?;
    let names = if args.all { all()? } else { args.scenarios.clone() };
    ensure!(!names.is_empty(), "name scenarios, or give --all; there are {}", all()?.join(", "));
    let halves: &[bool] = match args.only.as_deref() {
        Some("with") => &[true],
        Some(_) => &[false],
        None => &[true, false],
    };
    check_each(&names, halves, args.repeat)
}

/// What the tests run.
pub(crate) fn check(names: &[&str]) -> Result<()> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    check_each(&names, &[true, false], 1)
}

/// PostgreSQL of the host, which the tests of databases use, too.
pub(crate) fn set_up_postgres() -> Result<()> {
    postgres::set_up()
}

/// Installs what is missing to run a machine.
pub(crate) fn set_up() -> Result<()> {
    machine::set_up()
}

fn check_each(names: &[String], halves: &[bool], repeat: u32) -> Result<()> {
    let directory = target_dir().join("vm");
    std::fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    let scenarios = names.iter().map(|name| scenario(name)).collect::<Result<Vec<_>>>()?;
    let extras: Vec<Extra> = scenarios.iter().filter_map(|scenario| scenario.image).collect();
    if extras.contains(&Extra::Postgres) {
        postgres::set_up()?;
    }
    let image = Image::build(&directory, &extras)?;
    let mut runs = Vec::new();
    for (name, scenario) in names.iter().zip(&scenarios) {
        for &has_jettison in halves {
            for number in 1..=repeat {
                let half = if has_jettison { "with" } else { "without" };
                let number = if repeat > 1 { format!("-{number}") } else { String::new() };
                let log = directory.join(format!("{name}-{half}{number}.log"));
                println!("vm: {name}{number}, {half} Jettison");
                runs.push(run_one(name, scenario, has_jettison, &image, &log)?);
            }
        }
    }
    table::print(&runs);
    if repeat > 1 {
        table::print_summary(&runs);
    }
    let wrong = runs.iter().filter(|run| !run.wrong.is_empty()).count();
    ensure!(
        wrong == 0,
        "{wrong} of {} runs were not as expected; their logs are in {}",
        runs.len(),
        directory.display()
    );
    Ok(())
}

/// A machine that fails is a run that is wrong, so that the others still run.
fn run_one(name: &str, scenario: &Scenario, has_jettison: bool, image: &Image, log: &Path) -> Result<Run> {
    let (report, boot_ms, wrong) = match machine::run(name, scenario, has_jettison, image, log) {
        Ok(said) => {
            println!("{}", said.line);
            let report: Report = serde_json::from_str(&said.line).context("the machine's report")?;
            let mut wrong = judge::judge(scenario, &report);
            if report.journal_records_lost.is_some()
                && let Some(differs) = machine::replay(&machine::recorded(log))?
            {
                wrong.push(format!("its journal is decided otherwise here: {differs}"));
            }
            (report, said.boot_ms, wrong)
        }
        Err(error) => (Report { jettison: has_jettison, ..Report::default() }, 0, vec![format!("{error:#}")]),
    };
    for what in &wrong {
        println!("vm: {name}: {what} (its log: {})", log.display());
    }
    Ok(Run { name: name.to_owned(), report, boot_ms, wrong })
}

fn scenarios() -> PathBuf {
    root().join("tests/vm/scenarios")
}

fn scenario(name: &str) -> Result<Scenario> {
    let file = scenarios().join(format!("{name}.toml"));
    match std::fs::read_to_string(&file) {
        Ok(text) => Scenario::parse(&text).with_context(|| file.display().to_string()),
        Err(_) => bail!("there is no scenario {name}; there are {}", all()?.join(", ")),
    }
}

fn all() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(scenarios()).context("tests/vm/scenarios")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}
