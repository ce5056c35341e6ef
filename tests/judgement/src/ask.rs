//! Asks `jettison explain` what it would take on a machine.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::{Machine, Taken, snapshot};

/// Which ranking of Jettison's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The policies that it has without any configuration.
    Default,
    /// Its built-in ranking, which decides where no policy can be asked.
    BuiltIn,
}

/// What of `jettison.explain/1` matters here.
#[derive(Deserialize)]
struct Explanation {
    cause: String,
    ranking: Vec<Rank>,
    plan: Plan,
}

#[derive(Deserialize)]
struct Rank {
    pid: u32,
    unit: Unit,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Unit {
    Process {},
    Tree {},
    Memcg { path: String },
}

#[derive(Default, Deserialize)]
struct Plan {
    #[serde(default)]
    idle: Option<String>,
    #[serde(default)]
    victims: Vec<Victim>,
}

#[derive(Deserialize)]
struct Victim {
    pid: u32,
    members: usize,
    #[serde(default)]
    reason: String,
}

/// What the binary would take. It keeps compiled policies in `cache`.
///
/// # Errors
/// If it cannot be run, does not like the snapshot, or says what cannot be read.
pub fn ask(binary: &Path, machine: &Machine, ask: Ask, cache: &Path) -> Result<Taken> {
    let folder = tempfile::tempdir()?;
    let (file, config) = (folder.path().join("snapshot.json"), folder.path().join("empty.toml"));
    std::fs::File::create(&file)?.write_all(snapshot(machine).to_string().as_bytes())?;
    std::fs::write(&config, "")?;
    let mut command = Command::new(binary);
    command.args(["explain", "--json", "--snapshot"]).arg(file).arg("--config").arg(config);
    // Compiling the policies takes longer than all else, so it is done once for all machines.
    command.arg("--cache").arg(cache);
    if ask == Ask::BuiltIn {
        // Its only policy is a fault, so that no ballot is left.
        command.arg("--policy").arg(folder.path().join("missing.wasm"));
    }
    let output = command.output().with_context(|| binary.display().to_string())?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {}: {errors}", binary.display(), output.status);
    let explanation: Explanation = serde_json::from_slice(&output.stdout).context("what explain says")?;
    Ok(taken(machine, &explanation))
}

fn taken(machine: &Machine, explanation: &Explanation) -> Taken {
    let labels: BTreeMap<u32, &str> =
        machine.processes.iter().map(|process| (process.pid, process.label.as_str())).collect();
    let label = |pid: u32| labels.get(&pid).copied().unwrap_or("?").to_owned();
    let victims = explanation.plan.victims.iter();
    let units = victims
        .map(|victim| {
            let unit = explanation.ranking.iter().find(|rank| rank.pid == victim.pid).map(|rank| &rank.unit);
            members(machine, victim, unit).into_iter().map(label).collect()
        })
        .collect();
    let reasons: Vec<&str> = explanation.plan.victims.iter().map(|victim| victim.reason.as_str()).collect();
    let why = explanation.plan.idle.as_deref().map_or_else(|| reasons.join(" | "), str::to_owned);
    Taken { units, note: format!("{}: {why}", explanation.cause) }
}

/// The plan tells a victim's root and how many they are, the ranking what kind of unit it is.
fn members(machine: &Machine, victim: &Victim, unit: Option<&Unit>) -> Vec<u32> {
    if let Some(Unit::Memcg { path }) = unit {
        return machine.members(path).map(|process| process.pid).collect();
    }
    let mut tree = BTreeSet::from([victim.pid]);
    if victim.members > 1 {
        for process in &machine.processes {
            if tree.contains(&process.parent) {
                tree.insert(process.pid);
            }
        }
    }
    let others = tree.iter().copied().filter(|&pid| pid != victim.pid);
    std::iter::once(victim.pid).chain(others).collect()
}
