//! Starts what the scenario names, and asks whether it is up.

use std::ffi::OsString;
use std::fs::{OpenOptions, write};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jettison_vm_guest::{Process, Text};

use crate::machine::{CGROUPS, meminfo_mib};

/// The first argument of this program where it is to become another.
const BECOME: &str = "become";
/// For what is to be there before.
const READY: Duration = Duration::from_secs(180);
/// Between two questions whether it is there.
const AGAIN: Duration = Duration::from_millis(10);
/// Of a log, on the console.
const LOG_LINES: usize = 100;

/// A process of the scenario.
pub(crate) struct Started {
    pub(crate) name: String,
    pub(crate) pid: u32,
    probe: Vec<String>,
}

impl Started {
    /// Whether its probe succeeds, if it has one.
    pub(crate) fn is_up(&self) -> bool {
        is_up(&self.probe)
    }
}

/// Starts a program, or a workload, which has its name from the link that it is started by.
pub(crate) fn start(process: &Process) -> Result<Started> {
    let mut command = command(process)?;
    let child = command.spawn().with_context(|| process.name.clone())?;
    println!("STARTED {} {}", process.name, child.id());
    Ok(Started { name: process.name.clone(), pid: child.id(), probe: process.probe.clone() })
}

/// Starts it and waits until it holds what it is to hold, and is up.
pub(crate) fn start_and_wait(process: &Process) -> Result<Started> {
    let before = meminfo_mib("MemAvailable")?;
    let started = start(process)?;
    let holds_mib = option(process, "--hold-mib").unwrap_or(0);
    let since = Instant::now();
    while before.saturating_sub(meminfo_mib("MemAvailable")?) < holds_mib * 9 / 10 {
        ensure!(since.elapsed() < READY, "{} does not hold {holds_mib} MiB", process.name);
        sleep(AGAIN);
    }
    while !started.is_up() {
        if since.elapsed() >= READY {
            print_log(process);
        }
        ensure!(since.elapsed() < READY, "{} does not come up", process.name);
        sleep(AGAIN);
    }
    Ok(started)
}

fn command(process: &Process) -> Result<Command> {
    let link = format!("/run/{}", process.name);
    let (program, args): (&str, Vec<&str>) = match process.program.as_slice() {
        [program, args @ ..] => (program, args.iter().map(String::as_str).collect()),
        [] => (&link, process.does.split_whitespace().collect()),
    };
    if process.program.is_empty() && !std::fs::exists(&link)? {
        symlink("/bin/workload", &link).with_context(|| link.clone())?;
    }
    let memcg = process.memcg.as_deref().unwrap_or_default();
    let mut command = Command::new("/bin/supervisor");
    command
        .arg(BECOME)
        .arg(format!("{CGROUPS}/{memcg}/cgroup.procs"))
        .arg(process.oom_score_adj.to_string())
        .arg(process.uid.to_string())
        .arg(program)
        .args(args)
        .envs(&process.env);
    if let Some(log) = &process.log {
        let file = OpenOptions::new().create(true).append(true).open(log).with_context(|| log.clone())?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    }
    Ok(command)
}

/// In the new process, with `become PROCS ADJ UID PROGRAM ARG...`: moves into the memcg, takes the adj and
/// the user, becomes the program. Only returns if it cannot, or if the arguments say nothing of this.
pub(crate) fn become_program(args: &[OsString]) -> Result<()> {
    let [first, procs, adj, uid, program, args @ ..] = args else { return Ok(()) };
    if first != BECOME {
        return Ok(());
    }
    write(procs, "0").context("cgroup.procs")?;
    write("/proc/self/oom_score_adj", adj.as_encoded_bytes()).context("oom_score_adj")?;
    let uid: u32 = uid.to_str().context("its uid")?.parse().context("its uid")?;
    let error = Command::new(program).args(args).uid(uid).gid(uid).exec();
    Err(error).with_context(|| program.display().to_string())
}

fn is_up(probe: &[String]) -> bool {
    let [program, args @ ..] = probe else { return true };
    let child = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    child.and_then(|mut child: Child| child.wait()).is_ok_and(|status| status.success())
}

/// Which of the texts stand in their files.
pub(crate) fn logged<'t>(texts: impl Iterator<Item = &'t Text>) -> Vec<Text> {
    let stands = |text: &&Text| {
        let bytes = std::fs::read(&text.file).unwrap_or_default();
        String::from_utf8_lossy(&bytes).lines().any(|line| line.contains(&text.text))
    };
    texts.filter(stands).cloned().collect()
}

/// The last lines of its log, on the console.
pub(crate) fn print_log(process: &Process) {
    let Some(log) = &process.log else { return };
    let text = String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    for line in lines.iter().skip(lines.len().saturating_sub(LOG_LINES)) {
        println!("FILE {log}: {line}");
    }
}

/// A number among a workload's options.
fn option(process: &Process, key: &str) -> Option<u64> {
    let mut words = process.does.split_whitespace();
    words.find(|word| *word == key)?;
    words.next()?.parse().ok()
}
