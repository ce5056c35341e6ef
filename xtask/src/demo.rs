//! `cargo xtask demo`: the main job, seen. Explains the live machine, then stages a rescue twice in a
//! memory-limited memcg of its own: without Jettison, and with it.

use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use jettison_tests::Memcg;
use rustix::process::{Pid, Signal, kill_process};

const MIB: u64 = 1 << 20;
/// What both have to share.
const LIMIT_BYTES: u64 = 320 * MIB;
/// The primary holds 60 % of the limit and does not grow.
const PRIMARY_MIB: u64 = 192;
/// The helper starts with less than a tenth of it.
const HELPER_MIB: u64 = 24;
const LEAK_MIB_PER_S: u64 = 40;
/// One stage takes 3 s; this is when something is wrong.
const STAGE_DEADLINE: Duration = Duration::from_secs(12);

pub(crate) fn run(target_dir: &Path) -> Result<()> {
    let programs = Programs::build(target_dir)?;
    let show = Show { is_coloured: std::io::stdout().is_terminal(), started: Instant::now() };
    show.title("This machine, as Jettison sees it");
    println!("$ jettison explain --top 8");
    let explained = Command::new(&programs.jettison).args(["explain", "--top", "8"]).status()?;
    ensure!(explained.success(), "`jettison explain` ended with {explained}");
    let memcg = match Memcg::new("demo", LIMIT_BYTES) {
        Ok(memcg) => memcg,
        Err(error) => return dry_run(&show, &programs, &error),
    };
    println!();
    println!(
        "The stage: a memcg ({}) of {} MiB. A primary holds {PRIMARY_MIB} MiB and is steady; beside it a helper,",
        memcg.version(),
        LIMIT_BYTES / MIB
    );
    println!("smaller than the primary, leaks {LEAK_MIB_PER_S} MiB/s. The right one to go is the helper.");
    without(&show, &programs, &memcg)?;
    with(&show, &programs, &memcg)
}

/// The release binaries that the demo runs.
struct Programs {
    jettison: PathBuf,
    workload: PathBuf,
}

impl Programs {
    fn build(target_dir: &Path) -> Result<Self> {
        let built = Command::new(crate::cargo_program())
            .args(["build", "--release", "--bin", "jettison", "--bin", "workload"])
            .status()
            .context("cargo cannot be run")?;
        ensure!(built.success(), "the build failed");
        let program = |name: &str| target_dir.join("release").join(name);
        Ok(Self { jettison: program("jettison"), workload: program("workload") })
    }
}

fn without(show: &Show, programs: &Programs, memcg: &Memcg) -> Result<()> {
    show.title("Without Jettison: the kernel takes the biggest");
    let mut stage = Stage::open(show, programs, memcg)?;
    let died = stage.wait_for_a_death()?;
    ensure!(memcg.oom_kills()? >= 1, "the kernel's OOM killer did not fire: {}", died.how());
    ensure!(died.who == Who::Primary, "the kernel took the helper, which it does not do for its size");
    show.bad(&format!(
        "the kernel killed the {} ({}): no marker, no clean exit",
        died.who.name(),
        died.how()
    ));
    ensure!(!stage.marker.exists(), "the primary wrote its marker although it was killed");
    stage.close()?;
    Ok(())
}

fn with(show: &Show, programs: &Programs, memcg: &Memcg) -> Result<()> {
    show.title("With Jettison: scoped to the memcg, no configuration");
    let kills_before = memcg.oom_kills()?;
    let mut stage = Stage::open(show, programs, memcg)?;
    let daemon = Daemon::start(*show, programs, &["--scope", memcg.path()], &stage.directory)?;
    let died = stage.wait_for_a_death()?;
    daemon.stop()?;
    let kills = memcg.oom_kills()? - kills_before;
    ensure!(died.who == Who::Helper, "the {} went ({})", died.who.name(), died.how());
    ensure!(kills == 0, "the kernel's OOM killer fired {kills} times");
    show.good(&format!("the helper went by {}; the kernel's OOM killer fired {kills} times", died.how()));
    ensure!(stage.is_primary_alive()?, "the primary is not alive");
    show.good("the primary is alive");
    let marker = stage.close()?;
    ensure!(marker, "the primary wrote no marker on its clean exit");
    show.good("asked to end, the primary wrote its marker and exited cleanly");
    Ok(())
}

/// Without the rights for a memcg: what would be done, for three seconds.
fn dry_run(show: &Show, programs: &Programs, error: &anyhow::Error) -> Result<()> {
    show.bad(&format!("NOT RUN: the rescue needs a memcg of its own: {error:#}; run as root to see it"));
    show.title("A dry run instead: decides and logs, touches nothing");
    let directory = scratch()?;
    let daemon = Daemon::start(*show, programs, &["--dry-run"], &directory)?;
    std::thread::sleep(Duration::from_secs(3));
    daemon.stop()?;
    std::fs::remove_dir_all(&directory).with_context(|| directory.display().to_string())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Primary,
    Helper,
}

impl Who {
    fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Helper => "helper",
        }
    }
}

struct Death {
    who: Who,
    status: ExitStatus,
}

impl Death {
    fn how(&self) -> String {
        use std::os::unix::process::ExitStatusExt;
        match self.status.signal() {
            Some(number) if number == Signal::KILL.as_raw() => "SIGKILL".into(),
            Some(number) if number == Signal::TERM.as_raw() => "SIGTERM".into(),
            Some(number) => format!("signal {number}"),
            None => self.status.to_string(),
        }
    }
}

/// The primary and the helper in their memcg. Both are ended when it is dropped.
struct Stage<'a> {
    show: &'a Show,
    memcg: &'a Memcg,
    primary: Child,
    helper: Child,
    directory: PathBuf,
    marker: PathBuf,
}

impl<'a> Stage<'a> {
    fn open(show: &'a Show, programs: &Programs, memcg: &'a Memcg) -> Result<Self> {
        let directory = scratch()?;
        let marker = directory.join("clean-exit");
        let primary_mib = PRIMARY_MIB.to_string();
        let marker_text = marker.to_string_lossy().into_owned();
        let primary =
            enter(memcg, &programs.workload, &["--hold-mib", &primary_mib, "--marker", &marker_text])?;
        let settled = Instant::now();
        while memcg.usage_bytes()? < PRIMARY_MIB * MIB && settled.elapsed() < STAGE_DEADLINE {
            std::thread::sleep(Duration::from_millis(10));
        }
        show.step(&format!("the primary (pid {}) holds {PRIMARY_MIB} MiB", primary.id()));
        let (helper_mib, rate) = (HELPER_MIB.to_string(), LEAK_MIB_PER_S.to_string());
        let helper =
            enter(memcg, &programs.workload, &["--hold-mib", &helper_mib, "--leak-mib-per-s", &rate])?;
        show.step(&format!("the helper (pid {}) starts to leak {LEAK_MIB_PER_S} MiB/s", helper.id()));
        Ok(Self { show, memcg, primary, helper, directory, marker })
    }

    fn wait_for_a_death(&mut self) -> Result<Death> {
        let (started, mut shown) = (Instant::now(), Instant::now());
        while started.elapsed() < STAGE_DEADLINE {
            for (who, child) in [(Who::Primary, &mut self.primary), (Who::Helper, &mut self.helper)] {
                if let Some(status) = child.try_wait()? {
                    return Ok(Death { who, status });
                }
            }
            if shown.elapsed() >= Duration::from_millis(500) {
                shown = Instant::now();
                let used = self.memcg.usage_bytes()?;
                self.show.step(&format!("{} of {} MiB used", used / MIB, LIMIT_BYTES / MIB));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("no process died within {} s", STAGE_DEADLINE.as_secs())
    }

    fn is_primary_alive(&mut self) -> Result<bool> {
        Ok(self.primary.try_wait()?.is_none())
    }

    /// Asks the primary to end and says whether it left its marker.
    fn close(mut self) -> Result<bool> {
        if self.is_primary_alive()? {
            signal(&self.primary, Signal::TERM)?;
            self.primary.wait()?;
        }
        Ok(self.marker.exists())
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        for child in [&mut self.primary, &mut self.helper] {
            // Both fail if it has ended already, which is what we want.
            child.kill().ok();
            child.wait().ok();
        }
        if let Err(error) = std::fs::remove_dir_all(&self.directory) {
            eprintln!("{} stays behind: {error}", self.directory.display());
        }
    }
}

/// Starts a workload in the memcg.
fn enter(memcg: &Memcg, workload: &Path, args: &[&str]) -> Result<Child> {
    let mut command = memcg.command(workload);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).spawn().context("sh cannot be run")
}

/// `jettison run`, its log shown as it comes.
struct Daemon {
    child: Child,
    log: JoinHandle<()>,
}

impl Daemon {
    fn start(show: Show, programs: &Programs, args: &[&str], directory: &Path) -> Result<Self> {
        let mut child = Command::new(&programs.jettison)
            .arg("run")
            .args(args)
            .arg("--state-dir")
            .arg(directory.join("state"))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| programs.jettison.display().to_string())?;
        let log = child.stderr.take().context("the daemon's log is not piped")?;
        let log = std::thread::spawn(move || {
            BufReader::new(log).lines().map_while(Result::ok).for_each(|line| show.log(&line));
        });
        Ok(Self { child, log })
    }

    /// Ends it as an administrator would.
    fn stop(mut self) -> Result<()> {
        // It says what came of its victim right after the victim's end.
        std::thread::sleep(Duration::from_millis(200));
        signal(&self.child, Signal::TERM)?;
        let status = self.child.wait()?;
        ensure!(self.log.join().is_ok(), "the daemon's log could not be shown");
        ensure!(status.success(), "the daemon ended with {status}");
        Ok(())
    }
}

fn signal(child: &Child, signal: Signal) -> Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a pid out of range")?;
    kill_process(pid, signal).with_context(|| format!("pid {} cannot be signalled", child.id()))
}

fn scratch() -> Result<PathBuf> {
    let base = std::env::temp_dir();
    for number in 0..1000 {
        let directory = base.join(format!("jettison-demo-{}-{number}", std::process::id()));
        match std::fs::create_dir(&directory) {
            Ok(()) => return Ok(directory),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| directory.display().to_string()),
        }
    }
    bail!("{} is full of our own directories", base.display())
}

/// The timeline, coloured on a terminal.
#[derive(Clone, Copy)]
struct Show {
    is_coloured: bool,
    started: Instant,
}

impl Show {
    fn title(&self, text: &str) {
        println!("\n{}", self.paint("1", text));
    }

    fn step(&self, text: &str) {
        self.line("  ", text);
    }

    fn good(&self, text: &str) {
        self.line(&self.paint("32", "✓ "), text);
    }

    fn bad(&self, text: &str) {
        self.line(&self.paint("31", "✗ "), text);
    }

    /// A line of the daemon's log, without its own time.
    fn log(&self, text: &str) {
        let text = text.split_once('Z').map_or(text, |(_, text)| text.trim_start());
        self.line("  ", &self.paint("36", text));
    }

    fn line(&self, mark: &str, text: &str) {
        println!("  {:>5.2} s  {mark}{text}", self.started.elapsed().as_secs_f64());
        // Progress is for a terminal.
        std::io::stdout().flush().ok();
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.is_coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() }
    }
}
