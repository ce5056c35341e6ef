//! `cargo xtask guest --peers`: databases, or hosts, short of memory beside Jettison and its peers, in the
//! same guest.
//!
//! A guest runs all scenes beside one contender, one after another, and says
//!
//! ```text
//! GUEST SCENE runaway
//! GUEST KEPT yes up              or `yes stopped`, or `no, it crashed`
//! GUEST KILLS 0                  by the kernel's OOM killer
//! GUEST TOLD LOG: ...            a telling line of the service's log
//! GUEST TOOK 12.30               seconds until that was over
//! GUEST STALLED 0.40             seconds in which all tasks stalled on memory
//! GUEST SAMPLES 12.1:300 12.6:290    MiB available at these seconds since boot
//! GUEST COST 0 310 8200          major faults, milliseconds of processor time and KiB of PSS of the daemon
//! GUEST DONE runaway
//! ```
//!
//! One that hangs is booted again for the scenes that are left.

mod plot;
pub(crate) mod suite;

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use self::suite::Suite;
use super::{Disks, GuestArgs, ensure_known, said, start};
use crate::page::replace_section;
use crate::qemu::disk;

/// Their name in a guest, and in the table.
const CONTENDERS: [(&str, &str); 6] = [
    ("kernel", "kernel alone"),
    ("earlyoom", "earlyoom"),
    ("tuned", "earlyoom, tuned"),
    ("nohang", "nohang"),
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

/// What became of a service, once.
#[derive(Clone, Default, Deserialize, Serialize)]
struct Seen {
    /// `yes up`, `yes stopped`, or `no`, with the reason.
    kept: String,
    kills: u64,
    /// Of its own log.
    told: Vec<String>,
    #[serde(default)]
    took_s: Option<f64>,
    #[serde(default)]
    stalled_s: Option<f64>,
    #[serde(default)]
    cost: Option<Cost>,
    /// Seconds, and MiB available.
    #[serde(default)]
    samples: Vec<(f64, u32)>,
}

/// What the daemon took in a scene.
#[derive(Clone, Copy, Deserialize, Serialize)]
struct Cost {
    major_faults: u64,
    cpu_ms: u64,
    pss_kib: u64,
}

impl Cost {
    fn parse(text: &str) -> Option<Self> {
        let numbers: Option<Vec<u64>> = text.split_whitespace().map(|word| word.parse().ok()).collect();
        let [major_faults, cpu_ms, pss_kib] = <[u64; 3]>::try_from(numbers?).ok()?;
        Some(Self { major_faults, cpu_ms, pss_kib })
    }
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
pub(super) fn run(suite: Suite, args: &GuestArgs) -> Result<()> {
    let all_scenes = suite.scenes()?;
    ensure_known(&args.scenarios, &all_scenes)?;
    ensure_known(&args.contender, &CONTENDERS.map(|(name, _)| name.to_owned()))?;
    let scenes = if args.scenarios.is_empty() { &all_scenes } else { &args.scenarios };
    let is_meant = |name: &str| args.contender.is_empty() || args.contender.iter().any(|it| it == name);
    let is_whole = args.add || args.scenarios.is_empty() && args.contender.is_empty();
    let disks = Disks::build(args.debug)?;
    let file = suite.runs();
    let mut rows = if args.add { read(&file)? } else { Vec::new() };
    for number in 1..=args.repeat {
        // Jettison first: it is the one that is under test.
        for (contender, name) in CONTENDERS.into_iter().rev().filter(|(contender, _)| is_meant(contender)) {
            println!("guest: {name}, run {number} of {}", args.repeat);
            let seen = watch(suite, contender, scenes, &disks, number)?;
            if args.add {
                // Another call may have added to them meanwhile.
                rows = read(&file)?;
            }
            for (scene, seen) in seen {
                println!("guest: {scene}: {}; kernel kills {}", seen.kept, seen.kills);
                add(&mut rows, scene, contender, seen);
            }
            // What was measured is not lost with a run that is broken off, nor by one of a few scenes.
            if is_whole {
                write(&file, &rows)?;
                plot::draw(suite, &rows)?;
                replace_section(suite.page(), suite.heading(), &suite.section(&rows, args.debug)?)?;
            }
        }
    }
    println!("\n{}", suite.table(&rows)?);
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

/// Keeps the runs beside the page that is made of them, a line for each row.
fn write(file: &Path, rows: &[Row]) -> Result<()> {
    let folder = file.parent().context("a page in a folder")?;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let lines: Vec<String> = rows.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    let text = format!("[\n{}\n]\n", lines.join(",\n"));
    fs::write(file, text).with_context(|| file.display().to_string())
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
fn watch(
    suite: Suite,
    contender: &str,
    scenes: &[String],
    disks: &Disks,
    number: u32,
) -> Result<Vec<(String, Seen)>> {
    let mut seen: Vec<(String, Seen)> = Vec::new();
    let swap = disks.file(&format!("swap-{contender}.img"));
    while let Some(left) = scenes.get(seen.len()..).filter(|left| !left.is_empty()) {
        File::create(&swap)?.set_len(SWAP_BYTES)?;
        let name = format!("{}-{contender}-{number}-{}", suite.name(), seen.len());
        let before = seen.len();
        let ended = boot(&append(suite, contender, left), disks, &swap, &name, &mut seen);
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

/// What tells the guest what to do.
fn append(suite: Suite, contender: &str, scenes: &[String]) -> String {
    let (suite, scenes) = (suite.name(), scenes.join(","));
    format!("scenario=peers suite={suite} contender={contender} scenes={scenes}")
}

/// One guest. What it says is added to `seen`.
fn boot(append: &str, disks: &Disks, swap: &Path, name: &str, seen: &mut Vec<(String, Seen)>) -> Result<()> {
    let journal = disks.file(&format!("{name}.journal"));
    let machine =
        start(MEMORY_MIB, append, disks, &journal, |qemu| disk(qemu, swap, "swap", "cache=unsafe"))?;
    machine.listen_closely((LIMIT, SILENCE), &disks.file(&format!("{name}.log")), |line, _| {
        let (word, rest) = said(line)?;
        let last = seen.last_mut().map(|(_, last)| last);
        match (word, last) {
            ("SCENE", _) => seen.push((rest.to_owned(), Seen::default())),
            ("KEPT", Some(last)) => rest.clone_into(&mut last.kept),
            ("KILLS", Some(last)) => last.kills = rest.parse().unwrap_or(0),
            ("TOOK", Some(last)) => last.took_s = rest.parse().ok(),
            ("STALLED", Some(last)) => last.stalled_s = rest.parse().ok(),
            ("SAMPLES", Some(last)) => last.samples = plot::samples(rest),
            ("COST", Some(last)) => last.cost = Cost::parse(rest),
            ("TOLD", Some(last)) => last.told.push(rest.to_owned()),
            ("WRONG", _) => return Some(Err(rest.to_owned())),
            ("END", _) => return Some(Ok(())),
            _ => {}
        }
        None
    })
}
