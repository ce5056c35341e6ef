//! QEMU, emulated in software: boots a kernel of Debian, listens to its serial console, ends it in time.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::debian;

const QEMU: &str = "qemu-system-x86_64";
/// Debian's names for what every machine takes.
pub(crate) const PACKAGES: [&str; 2] = ["qemu-system-x86", "linux-image-cloud-amd64"];
/// What a machine's kernel is told, however it boots.
const APPEND: &str = "console=ttyS0 quiet psi=1 panic=-1 mitigations=off";
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

/// What is not installed of what every machine takes.
pub(crate) fn missing() -> Vec<&'static str> {
    let mut missing = Vec::new();
    missing.extend((!debian::is_there(QEMU)).then_some("QEMU"));
    missing.extend(kernel().is_err().then_some("guest kernel in /boot"));
    missing
}

/// What the kernel calls itself: the folder of its modules below /lib/modules.
pub(crate) fn kernel_release() -> Result<String> {
    let kernel = kernel()?;
    let release = kernel.file_name().and_then(|name| name.to_str()?.strip_prefix("vmlinuz-"));
    Ok(release.context("a kernel without a release")?.to_owned())
}

/// The newest kernel for virtual machines.
fn kernel() -> Result<PathBuf> {
    let entries = fs::read_dir("/boot").context("/boot")?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_kernel = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.starts_with("vmlinuz-") && name.contains("cloud-amd64") && File::open(path).is_ok()
    };
    paths.filter(is_kernel).max().context("no guest kernel in /boot")
}

/// A machine that runs. Ended when dropped.
pub(crate) struct Machine {
    qemu: Child,
    console: Receiver<String>,
    started: Instant,
}

impl Machine {
    /// `append` is more for the kernel's command line; `complete` adds the options of this machine.
    pub(crate) fn start(memory_mib: u32, append: &str, complete: impl FnOnce(&mut Command)) -> Result<Self> {
        let [program, options @ ..] = FIRST;
        let mut command = Command::new(program);
        command
            .args(options)
            .arg(QEMU)
            .args(["-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"])
            .args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio"])
            .args(["-m", &memory_mib.to_string(), "-append", &format!("{APPEND} {append}")])
            .arg("-kernel")
            .arg(kernel()?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        complete(&mut command);
        let started = Instant::now();
        let mut qemu = command.spawn().with_context(|| format!("{program} cannot be started"))?;
        let Some(serial) = qemu.stdout.take() else { bail!("the serial console is not piped") };
        let (sender, console) = channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(serial).split(b'\n').map_while(Result::ok);
            let text = |line: Vec<u8>| String::from_utf8_lossy(&line).trim_end().to_owned();
            lines.map(text).try_for_each(|line| sender.send(line))
        });
        Ok(Self { qemu, console, started })
    }

    /// Hands over each line of the console, with the milliseconds since the start, until one has an answer.
    /// The machine may take so long as a whole.
    ///
    /// # Errors
    /// The answer's own; a panic, an end or a silence without an answer, with the machine's last words.
    pub(crate) fn listen<T>(
        &self,
        limit: Duration,
        log: &Path,
        take: impl FnMut(&str, u64) -> Option<Result<T, String>>,
    ) -> Result<T> {
        self.listen_closely((limit, limit), log, take)
    }

    /// Likewise, and it may be silent for so long.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn listen_closely<T>(
        &self,
        (limit, silence): (Duration, Duration),
        log: &Path,
        mut take: impl FnMut(&str, u64) -> Option<Result<T, String>>,
    ) -> Result<T> {
        let mut log = File::create(log).with_context(|| log.display().to_string())?;
        let mut last_words = VecDeque::new();
        loop {
            let left = limit.saturating_sub(self.started.elapsed()).min(silence);
            let line = match self.console.recv_timeout(left) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => {
                    let waited = if left == silence { silence } else { limit };
                    return Err(failure(&format!("no end within {} s", waited.as_secs()), &last_words));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(failure("it ended without a report", &last_words));
                }
            };
            writeln!(log, "{line}")?;
            match take(&line, u64::try_from(self.started.elapsed().as_millis())?) {
                Some(Ok(answer)) => return Ok(answer),
                Some(Err(error)) => return Err(failure(&error, &last_words)),
                None if line.contains("Kernel panic") => return Err(failure(&line, &last_words)),
                None => {}
            }
            if last_words.len() == LAST_WORDS {
                last_words.pop_front();
            }
            last_words.push_back(line);
        }
    }
}

/// Attaches a file as a disk; the first is `/dev/nvme0n1`.
pub(crate) fn disk(qemu: &mut Command, path: &Path, id: &str, how: &str) {
    let path = path.display().to_string().replace(',', ",,");
    qemu.args(["-drive", &format!("file={path},format=raw,if=none,id={id},{how}")]);
    qemu.args(["-device", &format!("nvme,drive={id},serial={id}")]);
}

fn failure(what: &str, last_words: &VecDeque<String>) -> anyhow::Error {
    let said: Vec<&str> = last_words.iter().map(String::as_str).filter(|line| !line.is_empty()).collect();
    match said.as_slice() {
        [] => anyhow::anyhow!("the machine failed: {what}; it had said nothing"),
        said => anyhow::anyhow!("the machine failed: {what}; its last words: {}", said.join(" | ")),
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        self.qemu.kill().ok();
        self.qemu.wait().ok();
    }
}
