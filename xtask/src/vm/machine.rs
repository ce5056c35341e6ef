//! One run of a scenario in a machine that boots from its initramfs.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use jettison_vm_guest::Scenario;

use super::image::{BUSYBOX, Image};
use crate::debian;
use crate::qemu::{self, Machine};

/// Boot, start of the daemon and the end, beyond the scenario's own time.
const OVERHEAD: Duration = Duration::from_secs(180);

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

/// Runs one scenario to its end.
pub(super) fn run(
    name: &str,
    scenario: &Scenario,
    has_jettison: bool,
    image: &Image,
    log: &Path,
) -> Result<Said> {
    let initrd = image.file(scenario.image)?;
    let append = format!("rdinit=/init scenario={name} jettison={}", u8::from(has_jettison));
    let machine = Machine::start(scenario.memory_mib, &append, |qemu| {
        qemu.arg("-initrd").arg(initrd);
    })?;
    let mut boot_ms = None;
    machine.listen(Duration::from_secs(scenario.seconds) + OVERHEAD, log, |line, now_ms| {
        if line.ends_with("UP") {
            boot_ms.get_or_insert(now_ms);
        }
        if let Some((_, report)) = line.split_once("REPORT ") {
            return Some(Ok(Said { line: report.to_owned(), boot_ms: boot_ms.unwrap_or_default() }));
        }
        line.split_once("FAILED ").map(|(_, error)| Err(error.to_owned()))
    })
}
