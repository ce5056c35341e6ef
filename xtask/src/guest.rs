//! `cargo xtask guest`: the Debian package under a real systemd, in a guest of our own.
//!
//! ```text
//! image (Debian, once) + payload (package, scenarios) ─▶ machine (QEMU, emulated) ─▶ figures ─▶ table
//! ```
//!
//! Each run has an overlay that is thrown away. A scenario is a shell script that says on the console
//!
//! ```text
//! GUEST UP leak                     systemd has started everything else
//! GUEST FIGURE exposure 2.3
//! GUEST WRONG the primary is gone
//! GUEST END leak                    the journal has been written to a second console
//! ```

mod image;
mod payload;
mod peers;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use self::peers::suite::Suite;
use crate::qemu::{Machine, disk};
use crate::{root, target_dir};

const SCENARIOS: &str = "tests/guest/scenarios";
const MEMORY_MIB: u32 = 640;
/// Of a whole run, boot included. The longest takes half of it.
const LIMIT: Duration = Duration::from_secs(300);

/// What to run.
#[derive(Args)]
pub(crate) struct GuestArgs {
    /// Scenarios: the files in `tests/guest/scenarios`, without `.sh`; without any they are listed
    scenarios: Vec<String>,
    /// All scenarios
    #[arg(long, conflicts_with = "scenarios")]
    all: bool,
    /// Take the debug build of the package: to develop scenarios
    #[arg(long)]
    debug: bool,
    /// Memory runs out beside Jettison and its peers: the scenarios are the files in `tests/guest/peers`,
    /// of hosts in `tests/guest/hosts`, that are named, or all
    #[arg(long, value_name = "OF", num_args = 0..=1, require_equals = true, default_missing_value = "databases", conflicts_with = "all")]
    peers: Option<Suite>,
    /// How often, with `--peers`; the table counts
    #[arg(long, default_value_t = 3, requires = "peers")]
    repeat: u32,
    /// Add to the runs of the last time, with `--peers`
    #[arg(long, requires = "peers")]
    add: bool,
    /// Only these contenders, with `--peers`: kernel, earlyoom, tuned, nohang, oomd, jettison
    #[arg(long, requires = "peers")]
    contender: Vec<String>,
}

/// What one scenario came to.
#[derive(Default)]
struct Outcome {
    /// From the start of QEMU until systemd had started everything else.
    boot_ms: u64,
    /// `what: how much`, in order.
    figures: Vec<String>,
    wrong: Vec<String>,
}

/// Runs scenarios, prints the table, and fails if one was not as it should be.
pub(crate) fn run(args: &GuestArgs) -> Result<()> {
    if let Some(suite) = args.peers {
        return peers::run(suite, args);
    }
    let all = all(SCENARIOS)?;
    let names = if args.all { &all } else { &args.scenarios };
    if names.is_empty() {
        return list(&all);
    }
    ensure_known(names, &all)?;
    let disks = Disks::build(args.debug)?;
    let mut outcomes = Vec::new();
    for name in names {
        println!("guest: {name}");
        outcomes.push((name, run_one(name, &disks)));
    }
    print(&outcomes);
    let wrong = outcomes.iter().filter(|(_, outcome)| !outcome.wrong.is_empty()).count();
    ensure!(
        wrong == 0,
        "{wrong} of {} scenarios went wrong; their logs and journals are in {}",
        outcomes.len(),
        disks.directory.display()
    );
    Ok(())
}

fn ensure_known(names: &[String], all: &[String]) -> Result<()> {
    match names.iter().find(|name| !all.contains(name)) {
        Some(unknown) => bail!("there is no {unknown}; there are {}", all.join(", ")),
        None => Ok(()),
    }
}

/// What a guest is started with.
struct Disks {
    /// Where logs go, too.
    directory: PathBuf,
    image: PathBuf,
    payload: PathBuf,
}

impl Disks {
    fn build(is_debug: bool) -> Result<Self> {
        set_up()?;
        let directory = target_dir().join("guest");
        std::fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
        let image = image::build(&directory)?;
        let payload = payload::build(&directory, is_debug)?;
        Ok(Self { directory, image, payload })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Installs what is missing to make and run a guest.
pub(crate) fn set_up() -> Result<()> {
    image::set_up()
}

/// A guest that fails is an outcome that is wrong, so that the others still run.
fn run_one(name: &str, disks: &Disks) -> Outcome {
    let mut outcome = Outcome::default();
    let log = disks.file(&format!("{name}.log"));
    let journal = disks.file(&format!("{name}.journal"));
    let started = start(MEMORY_MIB, &format!("scenario=scenarios/{name}"), disks, &journal, |_| {});
    let ended = started.and_then(|machine| {
        machine.listen(LIMIT, &log, |line, now_ms| {
            match said(line) {
                Some(("UP", _)) => outcome.boot_ms = now_ms,
                Some(("FIGURE", figure)) => outcome.figures.push(figure.to_owned()),
                Some(("WRONG", what)) => outcome.wrong.push(what.to_owned()),
                Some(("END", _)) => return Some(Ok(())),
                _ => {}
            }
            None
        })
    });
    if let Err(error) = ended {
        outcome.wrong.push(format!("{error:#}"));
    }
    for what in &outcome.wrong {
        println!("guest: {name}: {what} (its log: {})", log.display());
    }
    outcome
}

/// A word, and what follows it. systemd and the kernel may write to the same console, into the line before
/// ours.
fn said(line: &str) -> Option<(&str, &str)> {
    line.split_once("GUEST ").and_then(|(_, said)| said.split_once(' '))
}

/// Two disks: the image below an overlay, and the archive. `append` names what it does.
fn start(
    memory_mib: u32,
    append: &str,
    disks: &Disks,
    journal: &Path,
    complete: impl FnOnce(&mut Command),
) -> Result<Machine> {
    let append = format!(
        "root=/dev/nvme0n1 rootfstype=ext4 rw apparmor=0 audit=0 nokaslr systemd.show_status=0 {append}"
    );
    Machine::start(memory_mib, &append, |qemu| {
        // Debian's libraries would use instructions that are slow when emulated.
        qemu.args(["-cpu", "max,la57=off,erms=off,fsrm=off"]);
        disk(qemu, &disks.image, "image", "snapshot=on,cache=unsafe");
        disk(qemu, &disks.payload, "payload", "readonly=on");
        qemu.arg("-serial").arg(format!("file:{}", journal.display()));
        complete(qemu);
    })
}

fn print(outcomes: &[(&String, Outcome)]) {
    println!("\n{:<14} {:<6} {:>6}  FIGURES", "SCENARIO", "RESULT", "BOOT");
    for (name, Outcome { boot_ms, figures, wrong }) in outcomes {
        let result = if wrong.is_empty() { "ok" } else { "WRONG" };
        println!("{name:<14} {result:<6} {:>4.1} s  {}", *boot_ms as f64 / 1000.0, figures.join("; "));
        wrong.iter().for_each(|what| println!("{:<14} {what}", ""));
    }
}

fn list(names: &[String]) -> Result<()> {
    for name in names {
        println!("{name:<14} {}", summary(SCENARIOS, name)?);
    }
    Ok(())
}

/// Its first line.
fn summary(folder: &str, name: &str) -> Result<String> {
    let script = root().join(folder).join(format!("{name}.sh"));
    let text = std::fs::read_to_string(script).with_context(|| name.to_owned())?;
    Ok(text.lines().next().unwrap_or_default().trim_start_matches("# ").to_owned())
}

fn all(folder: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root().join(folder)).context(folder.to_owned())? {
        names
            .extend(entry?.file_name().to_str().and_then(|name| name.strip_suffix(".sh")).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}
