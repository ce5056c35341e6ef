//! `cargo xtask bench`: the benchmarks, and what they come to as ratios within this run.

use std::path::Path;

use anyhow::{Context, Result};

use crate::{cargo, setup};

/// What is set against what, and what it may come to.
struct Ratio {
    what: &'static str,
    of: &'static str,
    to: &'static str,
    most: Option<f64>,
}

const RATIOS: [Ratio; 2] = [
    Ratio {
        what: "consulting balanced for 300 processes, of sensing them",
        of: "consult_300",
        to: "sense_300",
        most: Some(0.05),
    },
    Ratio {
        what: "sensing 300 processes, of opening, reading and closing their files",
        of: "sense_300",
        to: "floor_300",
        most: None,
    },
];

/// What takes at most so long, in milliseconds.
const TIMES: [(&str, &str, f64); 2] = [
    ("consulting balanced for 10,000 processes", "consult_10000", 3.0),
    ("from a snapshot of 300 processes to the first signal", "signal_300", 1.0),
];

pub(crate) fn run(target_dir: &Path) -> Result<()> {
    for (package, bench) in [("jettison", "tick"), ("jettison", "idle"), ("jettison-policy", "border")] {
        cargo(&["bench", "--package", package, "--bench", bench])?;
    }
    if rustix::process::geteuid().is_root() {
        let root_benches = [
            ("jettison-act", "mrelease"),
            ("jettison-sense", "scan"),
            ("jettison-sense", "leaves"),
            ("jettison", "armed"),
            ("jettison", "journal"),
        ];
        for (package, bench) in root_benches {
            cargo(&["bench", "--package", package, "--bench", bench])?;
        }
        setup::clang()?;
        let by_bpf = ["--package", "jettison-sense", "--features", "bpf", "--bench", "at_once"];
        cargo(&[&["bench"][..], &by_bpf].concat())?;
    } else {
        println!(
            "NOT RUN: what process_mrelease gains, a scan of 5,000 processes and an armed tick among 10,000 need \
             root, to make a memcg"
        );
    }
    println!();
    for Ratio { what, of, to, most } in RATIOS {
        let ratio = mean_ns(target_dir, of)? / mean_ns(target_dir, to)?;
        println!("{what}: {:.1} %{}", ratio * 100.0, verdict(ratio, most));
    }
    for (what, name, most) in TIMES {
        let ms = mean_ns(target_dir, name)? / 1e6;
        println!("{what}: {ms:.2} ms{}", verdict(ms, Some(most)));
    }
    // It compares by turns, so it comes to its verdicts itself.
    let border = target_dir.join("criterion/border.txt");
    print!("{}", std::fs::read_to_string(&border).with_context(|| border.display().to_string())?);
    Ok(())
}

fn verdict(value: f64, most: Option<f64>) -> &'static str {
    match most {
        None => "",
        Some(most) if value <= most => " (within its bound)",
        Some(_) => " (ABOVE its bound)",
    }
}

/// The mean of a benchmark, as criterion left it.
fn mean_ns(target_dir: &Path, name: &str) -> Result<f64> {
    let file = target_dir.join("criterion").join(name).join("new/estimates.json");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let estimates: serde_json::Value = serde_json::from_str(&text)?;
    estimates["mean"]["point_estimate"].as_f64().with_context(|| format!("{}: no mean", file.display()))
}
