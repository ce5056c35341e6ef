//! `cargo xtask services`: real databases that run out of memory, with Jettison and with the kernel alone.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use jettison_services::Contender;
use jettison_services::scenarios::{ALL, Outcome};

use crate::{cargo, root};

const PAGE: &str = "docs/benchmarks/databases.md";
const CONTENDERS: [(&str, Contender); 2] =
    [("kernel alone", Contender::Kernel), ("Jettison", Contender::Jettison)];

const HEAD: &str = "# Databases short of memory

PostgreSQL 15, MariaDB and Redis of Debian, each in a memcg of its own with a limit, under load. What became of a
service stands in its own log, of which the last telling lines are shown. `cargo xtask services` (as root) makes this
page. Each scenario is a function in [tests/services](../../tests/services/src/scenarios.rs).

*Kept* means: the service answers, or was shut down cleanly and answers after its next start, and it neither crashed
nor had to recover. earlyoom is left out: it goes by the memory of the host and takes any process of it, so it cannot be
confined to a memcg. systemd-oomd needs systemd and cgroup v2, which the machine of this page does not have.

| scenario | contender | kept | taken by the kernel | its log |
|---|---|---|---|---|
";

/// Runs all scenarios, prints the table and writes the page.
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
    std::fs::write(root().join(PAGE), page).context(PAGE)?;
    ensure!(lost.is_empty(), "Jettison lost:\n{}", lost.join("\n"));
    Ok(())
}

fn line(name: &str, contender: &str, outcome: &Outcome) -> String {
    let is_kept = if outcome.is_up && outcome.is_clean { "yes" } else { "**no**" };
    let mut told: Vec<&str> = outcome.told.iter().map(|line| without_date(line)).collect();
    told.dedup();
    let told =
        told.iter().rev().take(3).rev().map(|line| format!("`{line}`")).collect::<Vec<_>>().join("<br>");
    format!("| {name} | {contender} | {is_kept} | {} | {told} |", outcome.kernel_kills)
}

/// From the word on that a person reads.
fn without_date(line: &str) -> &str {
    let starts = ["LOG:", "[Note]", "* ", "# "].iter().filter_map(|start| line.find(start)).min();
    line.get(starts.unwrap_or(0)..).unwrap_or(line).trim()
}
