//! `cargo xtask services`: real databases that run out of memory, with Jettison and with the kernel alone.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use jettison_services::Contender;
use jettison_services::scenarios::{ALL, Outcome};

use crate::cargo;
use crate::page::replace_section;

pub(crate) const PAGE: &str = "docs/benchmarks/databases.md";
const CONTENDERS: [(&str, Contender); 2] =
    [("kernel alone", Contender::Kernel), ("Jettison", Contender::Jettison)];

const HEADING: &str = "In a memcg of its own, beside the kernel alone";
const HEAD: &str =
    "Each service is in a memcg with a limit, under load. `cargo xtask services` (as root) makes this
table. Each scenario is a function in [tests/services](../../tests/services/src/scenarios.rs).

| scenario | contender | kept | taken by the kernel | its log |
|---|---|---|---|---|
";

/// Runs all scenarios, prints the table and writes it to the page.
pub(crate) fn run() -> Result<()> {
    cargo(&["build", "--workspace", "--bin", "jettison", "--bin", "workload"])?;
    let mut page = HEAD.to_owned();
    let mut lost = Vec::new();
    for (name, scenario) in ALL {
        for (contender, which) in CONTENDERS {
            println!("{name}, {contender}");
            let line = match scenario(which) {
                Ok(outcome) => {
                    let is_kept = outcome.is_up && outcome.is_clean;
                    if which == Contender::Jettison && !is_kept {
                        lost.push(format!("{name}: {outcome:#?}"));
                    }
                    line(name, contender, &outcome)
                }
                Err(error) if which == Contender::Kernel => {
                    format!("| {name} | {contender} | no end: {error} | | |")
                }
                Err(error) => return Err(error).context(name),
            };
            println!("{line}");
            writeln!(page, "{line}")?;
        }
    }
    replace_section(PAGE, HEADING, &page)?;
    ensure!(lost.is_empty(), "Jettison lost:\n{}", lost.join("\n"));
    Ok(())
}

fn line(name: &str, contender: &str, outcome: &Outcome) -> String {
    let is_kept = if outcome.is_up && outcome.is_clean { "yes" } else { "**no**" };
    format!("| {name} | {contender} | {is_kept} | {} | {} |", outcome.kernel_kills, telling(&outcome.told))
}

/// The last of these lines, as a cell.
pub(crate) fn telling(told: &[String]) -> String {
    let mut told: Vec<&str> = told.iter().map(|line| without_date(line)).collect();
    told.dedup();
    told.iter().rev().take(3).rev().map(|line| format!("`{line}`")).collect::<Vec<_>>().join("<br>")
}

/// From the word on that a person reads.
fn without_date(line: &str) -> &str {
    let starts = ["LOG:", "[Note]", "* ", "# "].iter().filter_map(|start| line.find(start)).min();
    line.get(starts.unwrap_or(0)..).unwrap_or(line).trim()
}
