//! One run of a scenario in a machine that boots from its initramfs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use jettison_vm_guest::Scenario;

use super::image::{BUSYBOX, Image};
use crate::debian;
use crate::qemu::{self, Machine, disk};
use crate::{call, remove, target_dir, text_of};

/// Boot, start of the daemon and the end, beyond the scenario's own time.
const OVERHEAD: Duration = Duration::from_secs(180);

/// Of the disk on which a machine hands over what the daemon recorded; nothing of it is written before.
const DISK_BYTES: u64 = 256 << 20;

/// What a machine said.
pub(super) struct Said {
    /// Its report, JSON.
    pub(super) line: String,
    /// From the start of QEMU to the first line of our program.
    pub(super) boot_ms: u64,
}

/// Installs the packages that are missing, as root on Debian; else says which they are.
pub(super) fn set_up() -> Result<()> {
    let packages = [&qemu::PACKAGES[..], &["busybox-static"]].concat();
    debian::provide(missing, &packages, "which the virtual machine is made of")
}

fn missing() -> Vec<&'static str> {
    let mut missing = qemu::missing();
    missing.extend((!debian::is_there(BUSYBOX)).then_some("busybox"));
    missing
}

/// Runs one scenario to its end. What the daemon recorded is in [`recorded`] then.
pub(super) fn run(
    name: &str,
    scenario: &Scenario,
    has_jettison: bool,
    image: &Image,
    log: &Path,
) -> Result<Said> {
    let initrd = image.file(scenario.image)?;
    let append = format!("rdinit=/init scenario={name} jettison={}", u8::from(has_jettison));
    let archive = log.with_extension("tar");
    File::create(&archive)
        .and_then(|file| file.set_len(DISK_BYTES))
        .with_context(|| archive.display().to_string())?;
    let machine = Machine::start(scenario.memory_mib, &append, |qemu| {
        qemu.arg("-initrd").arg(initrd);
        disk(qemu, &archive, "journal", "cache=unsafe");
    })?;
    let mut boot_ms = None;
    let said = machine.listen(Duration::from_secs(scenario.seconds) + OVERHEAD, log, |line, now_ms| {
        if line.ends_with("UP") {
            boot_ms.get_or_insert(now_ms);
        }
        if let Some((_, report)) = line.split_once("REPORT ") {
            return Some(Ok(Said { line: report.to_owned(), boot_ms: boot_ms.unwrap_or_default() }));
        }
        line.split_once("FAILED ").map(|(_, error)| Err(error.to_owned()))
    })?;
    drop(machine);
    unpack(&archive, &recorded(log))?;
    Ok(said)
}

/// Where the journal of the run with that log is, if the daemon ran to the end.
pub(super) fn recorded(log: &Path) -> PathBuf {
    log.with_extension("journal")
}

fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    remove(folder)?;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    call("tar", &["--strip-components=1", "-xf", text_of(archive)?, "-C", text_of(folder)?])?;
    fs::remove_file(archive).with_context(|| archive.display().to_string())
}

/// What differs when this host decides again from a machine's journal, with the program that ran there.
pub(super) fn replay(journal: &Path) -> Result<Option<String>> {
    let program = target_dir().join("release/jettison");
    let output = Command::new(&program)
        .arg("replay")
        .arg(journal)
        .arg("--cache")
        .arg(target_dir().join("vm/compiled"))
        .output()
        .with_context(|| program.display().to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    Ok((!output.status.success()).then(|| format!("{} {}", said.trim(), error.trim())))
}
