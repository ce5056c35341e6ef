//! `cargo xtask guest --peers`: databases short of memory beside Jettison and its peers, in the same guest.
//!
//! A guest runs all scenes beside one contender, one after another, and says
//!
//! ```text
//! GUEST SCENE runaway
//! GUEST KEPT yes up              or `yes stopped`, or `no, it crashed`
//! GUEST KILLS 0                  by the kernel's OOM killer
//! GUEST TOLD LOG: ...            a telling line of the service's log
//! GUEST DONE runaway
//! ```
//!
//! One that hangs is booted again for the scenes that are left.

use std::fmt::Write;
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{Disks, GuestArgs, all, disk, ensure_known, said, start, summary};
use crate::page::replace_section;
use crate::services::{PAGE, telling};

const SCENES: &str = "tests/guest/peers";
/// Their name in a guest, and in the table.
const CONTENDERS: [(&str, &str); 4] = [
    ("kernel", "kernel alone"),
    ("earlyoom", "earlyoom"),
    ("oomd", "systemd-oomd"),
    ("jettison", "Jettison"),
];
/// Less than scenarios have: all of it has to be filled.
const MEMORY_MIB: u32 = 512;
/// Of a guest with all scenes, and of a scene.
const LIMIT: Duration = Duration::from_secs(1_200);
const SILENCE: Duration = Duration::from_secs(180);
/// For systemd-oomd. It has holes.
const SWAP_BYTES: u64 = 512 << 20;
const HEADING: &str = "In a guest with systemd, beside the peers";

/// What became of a service, once.
#[derive(Clone, Default, Deserialize, Serialize)]
struct Seen {
    /// `yes up`, `yes stopped`, or `no`, with the reason.
    kept: String,
    kills: u64,
    /// Of its own log.
    told: Vec<String>,
}

impl Seen {
    fn lost(why: &str) -> Self {
        Self { kept: format!("no, {why}"), ..Self::default() }
    }

    fn is_kept(&self) -> bool {
        self.kept.starts_with("yes")
    }
}

/// One scene beside one contender.
#[derive(Deserialize, Serialize)]
struct Row {
    scene: String,
    contender: String,
    runs: Vec<Seen>,
}

/// Runs scenes, prints the table, and writes it to the page if nothing is left out. Fails if Jettison lost a
/// service.
pub(super) fn run(args: &GuestArgs) -> Result<()> {
    let all_scenes = all(SCENES)?;
    ensure_known(&args.scenarios, &all_scenes)?;
    ensure_known(&args.contender, &CONTENDERS.map(|(name, _)| name.to_owned()))?;
    let scenes = if args.scenarios.is_empty() { &all_scenes } else { &args.scenarios };
    let is_meant = |name: &str| args.contender.is_empty() || args.contender.iter().any(|it| it == name);
    let is_whole = args.add || args.scenarios.is_empty() && args.contender.is_empty();
    let disks = Disks::build(args.debug)?;
    let file = disks.file("peers.json");
    let mut rows = if args.add { read(&file)? } else { Vec::new() };
    for number in 1..=args.repeat {
        // Jettison first: it is the one that is under test.
        for (contender, name) in CONTENDERS.into_iter().rev().filter(|(contender, _)| is_meant(contender)) {
            println!("guest: {name}, run {number} of {}", args.repeat);
            for (scene, seen) in watch(contender, scenes, &disks, number)? {
                println!("guest: {scene}: {}; kernel kills {}", seen.kept, seen.kills);
                add(&mut rows, scene, contender, seen);
            }
            // What was measured is not lost with a run that is broken off.
            fs::write(&file, serde_json::to_string_pretty(&rows)?)?;
            if is_whole {
                replace_section(PAGE, HEADING, &section(&rows, args.debug)?)?;
            }
        }
    }
    println!("\n{}", table(&rows)?);
    let lost = rows.iter().filter(|row| row.contender == "jettison" && !row.runs.iter().all(Seen::is_kept));
    let lost: Vec<&str> = lost.map(|row| row.scene.as_str()).collect();
    ensure!(
        lost.is_empty(),
        "Jettison lost {}; the logs are in {}",
        lost.join(", "),
        disks.directory.display()
    );
    Ok(())
}

/// What earlier runs left behind.
fn read(file: &Path) -> Result<Vec<Row>> {
    let text = fs::read_to_string(file).with_context(|| format!("{}: nothing to add to", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}: delete it", file.display()))
}

fn add(rows: &mut Vec<Row>, scene: String, contender: &str, seen: Seen) {
    match rows.iter_mut().find(|row| row.scene == scene && row.contender == contender) {
        Some(row) => row.runs.push(seen),
        None => rows.push(Row { scene, contender: contender.to_owned(), runs: vec![seen] }),
    }
}

/// All scenes beside a contender, in as many guests as it takes.
fn watch(contender: &str, scenes: &[String], disks: &Disks, number: u32) -> Result<Vec<(String, Seen)>> {
    let mut seen: Vec<(String, Seen)> = Vec::new();
    let swap = disks.file("swap.img");
    while let Some(left) = scenes.get(seen.len()..).filter(|left| !left.is_empty()) {
        File::create(&swap)?.set_len(SWAP_BYTES)?;
        let name = format!("peers-{contender}-{number}-{}", seen.len());
        let before = seen.len();
        let ended = boot(contender, left, disks, &swap, &name, &mut seen);
        let Err(error) = ended else { break };
        println!("guest: {contender}: {error:#}");
        let is_further = seen.len() > before;
        match seen.last_mut().filter(|(_, last)| last.kept.is_empty()) {
            // It was begun and has no end.
            Some((_, last)) => "no, the guest hangs".clone_into(&mut last.kept),
            None if is_further => {}
            None => seen.extend(left.iter().map(|scene| (scene.clone(), Seen::lost(&format!("{error:#}"))))),
        }
    }
    Ok(seen)
}

/// One guest. What it says is added to `seen`.
fn boot(
    contender: &str,
    scenes: &[String],
    disks: &Disks,
    swap: &Path,
    name: &str,
    seen: &mut Vec<(String, Seen)>,
) -> Result<()> {
    let append = format!("scenario=peers contender={contender} scenes={}", scenes.join(","));
    let journal = disks.file(&format!("{name}.journal"));
    let machine =
        start(MEMORY_MIB, &append, disks, &journal, |qemu| disk(qemu, swap, "swap", "cache=unsafe"))?;
    machine.listen_closely((LIMIT, SILENCE), &disks.file(&format!("{name}.log")), |line, _| {
        let (word, rest) = said(line)?;
        let last = seen.last_mut().map(|(_, last)| last);
        match (word, last) {
            ("SCENE", _) => seen.push((rest.to_owned(), Seen::default())),
            ("KEPT", Some(last)) => rest.clone_into(&mut last.kept),
            ("KILLS", Some(last)) => last.kills = rest.parse().unwrap_or(0),
            ("TOLD", Some(last)) => last.told.push(rest.to_owned()),
            ("WRONG", _) => return Some(Err(rest.to_owned())),
            ("END", _) => return Some(Ok(())),
            _ => {}
        }
        None
    })
}

fn section(rows: &[Row], is_debug: bool) -> Result<String> {
    let build = if is_debug { "the debug build of the package" } else { "the release package" };
    Ok(format!(
        "Debian 12 with systemd 252 in a guest of {MEMORY_MIB} MiB, all of it short. `cargo xtask guest --peers` (as root) makes
this table, here with {build}. Each scenario is a script in [tests/guest/peers](../../tests/guest/peers/). The services
are Debian's units, with its own settings for the OOM killer, in one slice. Their clients are no candidates (-1000), as
if on another machine. earlyoom is as Debian has it, Jettison as installed, set to enforce. systemd-oomd has
`ManagedOOMMemoryPressure=kill` and `ManagedOOMSwap=kill` on that slice, its own limits, and {} MiB of swap, which the
others do not have. The kernel alone has its protection from thrashing (`min_ttl_ms` of 1000): without it the guest
hangs for minutes. One guest runs all scenarios beside one contender, and the numbers are of runs.

{}",
        SWAP_BYTES >> 20,
        table(rows)?
    ))
}

fn table(rows: &[Row]) -> Result<String> {
    let mut text = String::from(
        "| scenario | contender | kept | never stopped | taken by the kernel | its log |\n|---|---|---|---|---|---|\n",
    );
    for scene in all(SCENES)? {
        for (contender, name) in CONTENDERS {
            let row = rows.iter().find(|row| row.scene == scene && row.contender == contender);
            if let Some(row) = row {
                writeln!(text, "| {} | {name} | {} |", summary(SCENES, &scene)?, cells(&row.runs))?;
            }
        }
    }
    Ok(text)
}

/// The lines are of a run that was lost, if there is one.
fn cells(runs: &[Seen]) -> String {
    let count = |is: fn(&Seen) -> bool| runs.iter().filter(|seen| is(seen)).count();
    let (of, kept) = (runs.len(), count(Seen::is_kept));
    let shown = runs.iter().find(|seen| !seen.is_kept()).or(runs.last());
    let why = shown.and_then(|seen| seen.kept.strip_prefix("no, ")).unwrap_or_default().replace('|', "/");
    let told = shown.map(|seen| telling(&seen.told)).unwrap_or_default();
    let kept = if kept == of { format!("{kept} of {of}") } else { format!("**{kept} of {of}**") };
    let kills: Vec<String> = runs.iter().map(|seen| seen.kills.to_string()).collect();
    let log: Vec<&str> = [why.as_str(), told.as_str()].into_iter().filter(|text| !text.is_empty()).collect();
    format!("{kept} | {} | {} | {}", count(|seen| seen.kept == "yes up"), kills.join(", "), log.join("<br>"))
}
