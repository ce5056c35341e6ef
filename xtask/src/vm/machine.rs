//! QEMU, emulated in software: boots the image, listens to its serial console, ends it in time.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use jettison_vm_guest::Scenario;

use super::image::{BUSYBOX, Image};
use crate::debian;

const QEMU: &str = "qemu-system-x86_64";
/// Debian's names for what a machine takes.
const PACKAGES: [&str; 3] = ["qemu-system-x86", "linux-image-cloud-amd64", "busybox-static"];
/// Boot, start of the daemon and the end, beyond the scenario's own time.
const OVERHEAD: Duration = Duration::from_secs(180);
/// Starts what follows before what else the host does: the machine's clock runs on while the host is busy, so
/// that a leak is fast in it and the daemon slow. Where sched(7) groups by session, niceness only counts
/// within one, so it gets a session, and the group's niceness. Ctrl-C does not reach it there, so it ends
/// with us. Without the right to any of this, nice(1) says so and goes on.
const FIRST: [&str; 6] = [
    "setsid",
    "setpriv",
    "--pdeathsig=KILL",
    "sh",
    "-c",
    r#"{ echo -15 >/proc/self/autogroup; } 2>/dev/null; exec nice -n -15 "$0" "$@""#,
];
/// Of a machine that fails.
const LAST_WORDS: usize = 12;

/// What a machine said.
pub(super) struct Said {
    /// Its report, JSON.
    pub(super) line: String,
    /// From the start of QEMU to the first line of our program.
    pub(super) boot_ms: u64,
}

/// Installs the packages that are missing, as root on Debian; else says which they are.
pub(super) fn set_up() -> Result<()> {
    if missing().is_empty() {
        return Ok(());
    }
    debian::install(&missing().join(", no "), &PACKAGES, "which the virtual machine is made of")?;
    ensure!(missing().is_empty(), "still no {}", missing().join(", no "));
    Ok(())
}

fn missing() -> Vec<&'static str> {
    let is_there = |program: &str| {
        let tried =
            Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        tried.is_ok()
    };
    let mut missing = Vec::new();
    missing.extend((!is_there(QEMU)).then_some("QEMU"));
    missing.extend(kernel().is_none().then_some("guest kernel in /boot"));
    missing.extend((!is_there(BUSYBOX)).then_some("busybox"));
    missing
}

/// The newest kernel for virtual machines.
fn kernel() -> Option<PathBuf> {
    let entries = fs::read_dir("/boot").ok()?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_kernel = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.starts_with("vmlinuz-") && name.contains("cloud-amd64") && File::open(path).is_ok()
    };
    paths.filter(is_kernel).max()
}

/// Runs one scenario to its end.
pub(super) fn run(
    name: &str,
    scenario: &Scenario,
    has_jettison: bool,
    image: &Image,
    log: &Path,
) -> Result<Said> {
    let kernel = kernel().context("no guest kernel in /boot")?;
    let started = Instant::now();
    let machine = Machine::start(name, scenario, has_jettison, image, &kernel)?;
    let deadline = started + Duration::from_secs(scenario.seconds) + OVERHEAD;
    let mut log = File::create(log).with_context(|| log.display().to_string())?;
    let mut last_words = VecDeque::new();
    let mut boot_ms = None;
    loop {
        let line = match machine.console.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return Err(failure("it hangs", &last_words)),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(failure("it ended without a report", &last_words));
            }
        };
        writeln!(log, "{line}")?;
        if line.ends_with("UP") && boot_ms.is_none() {
            boot_ms = Some(u64::try_from(started.elapsed().as_millis())?);
        }
        if let Some((_, report)) = line.split_once("REPORT ") {
            return Ok(Said { line: report.to_owned(), boot_ms: boot_ms.unwrap_or_default() });
        }
        if let Some((_, error)) = line.split_once("FAILED ") {
            return Err(failure(error, &last_words));
        }
        if line.contains("Kernel panic") {
            return Err(failure(&line, &last_words));
        }
        if last_words.len() == LAST_WORDS {
            last_words.pop_front();
        }
        last_words.push_back(line);
    }
}

fn failure(what: &str, last_words: &VecDeque<String>) -> anyhow::Error {
    let said: Vec<&str> = last_words.iter().map(String::as_str).filter(|line| !line.is_empty()).collect();
    match said.as_slice() {
        [] => anyhow::anyhow!("the machine failed: {what}; it had said nothing"),
        said => anyhow::anyhow!("the machine failed: {what}; its last words: {}", said.join(" | ")),
    }
}

/// A machine that runs. Ended when dropped.
struct Machine {
    qemu: Child,
    console: Receiver<String>,
}

impl Machine {
    fn start(
        name: &str,
        scenario: &Scenario,
        has_jettison: bool,
        image: &Image,
        kernel: &Path,
    ) -> Result<Self> {
        let jettison = u8::from(has_jettison);
        let append = format!(
            "console=ttyS0 quiet psi=1 panic=-1 mitigations=off rdinit=/init scenario={name} jettison={jettison}"
        );
        let [program, options @ ..] = FIRST;
        let mut qemu = Command::new(program)
            .args(options)
            .arg(QEMU)
            .args(["-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"])
            .args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio"])
            .args(["-m", &scenario.memory_mib.to_string(), "-append", &append])
            .arg("-kernel")
            .arg(kernel)
            .arg("-initrd")
            .arg(image.file(scenario.image)?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{program} cannot be started"))?;
        let Some(serial) = qemu.stdout.take() else { bail!("the serial console is not piped") };
        let (sender, console) = channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(serial).split(b'\n').map_while(Result::ok);
            let text = |line: Vec<u8>| String::from_utf8_lossy(&line).trim_end().to_owned();
            lines.map(text).try_for_each(|line| sender.send(line))
        });
        Ok(Self { qemu, console })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        self.qemu.kill().ok();
        self.qemu.wait().ok();
    }
}
