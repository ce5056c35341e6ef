//! `cargo xtask soak`: what the tests do for seconds, for hours.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::{cargo_program, root, setup};

/// Tests whose inputs come from a seed. Their names begin so.
const FUZZED: &str = "arbitrary_";
const SIMULATION: &str = "whatever_happens_no_process_is_wronged_and_everything_is_put_back";

#[derive(clap::Args)]
pub(crate) struct SoakArgs {
    /// Episodes of the simulation, each of 1,000 ticks
    #[arg(long, default_value_t = 1_000)]
    episodes: u32,
    /// Inputs for each test of arbitrary bytes
    #[arg(long, default_value_t = 10_000_000)]
    inputs: u32,
    /// Only tests whose names contain this
    #[arg(long)]
    only: Option<String>,
}

/// In the profile of development, whose arithmetic is checked.
pub(crate) fn run(args: &SoakArgs) -> Result<()> {
    setup::nextest()?;
    let (episodes, inputs) = (args.episodes.to_string(), args.inputs.to_string());
    let soaks = [
        (SIMULATION, "JETTISON_EPISODES", &episodes, "episodes of 1,000 ticks"),
        (FUZZED, "JETTISON_INPUTS", &inputs, "inputs for each"),
    ];
    for (name, variable, number, what) in soaks {
        println!("soak: {name}: {number} {what}");
        let only = args.only.as_ref().map_or(String::new(), |only| format!(" & test({only})"));
        let filter = format!("test({name}){only}");
        let started = Instant::now();
        let status = Command::new(cargo_program())
            .args([
                "nextest",
                "run",
                "--workspace",
                "--profile",
                "soak",
                "--success-output",
                "immediate",
                "-E",
                &filter,
            ])
            .args(["--no-fail-fast", "--no-tests", "pass"])
            .env(variable, number)
            .current_dir(root())
            .status()
            .context("cargo-nextest")?;
        ensure!(status.success(), "{name}: a test failed; what it prints repeats it");
        println!("soak: {name}: {:.0} s", started.elapsed().as_secs_f64());
    }
    Ok(())
}
