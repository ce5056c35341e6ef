//! Where the kernel's files are. The only source file with paths such as `/proc`.

use std::path::{Path, PathBuf};

use crate::parse::text::{cut, number};

const PROC: &str = "/proc";
const SYS: &str = "/sys";
const DEV: &str = "/dev";
const RUN: &str = "/run";

/// The three trees that the kernel provides, and that of sockets: the live ones, or those of a fixture
/// machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// procfs (proc(5)).
    pub proc: PathBuf,
    /// sysfs, with the cgroup hierarchies below `fs/cgroup` (cgroups(7)).
    pub sys: PathBuf,
    /// Devices; of interest is `kmsg`.
    pub dev: PathBuf,
    /// Where services have their sockets (file-hierarchy(7)).
    pub run: PathBuf,
}

impl Root {
    /// The live machine.
    #[must_use]
    pub fn live() -> Self {
        Self { proc: PROC.into(), sys: SYS.into(), dev: DEV.into(), run: RUN.into() }
    }

    /// A machine that is a folder: `DIR/proc`, `DIR/sys`, `DIR/dev`, `DIR/run`.
    #[must_use]
    pub fn below(dir: &Path) -> Self {
        Self { proc: dir.join("proc"), sys: dir.join("sys"), dev: dir.join("dev"), run: dir.join("run") }
    }

    /// Whether this is the live machine. Only there may anything be written.
    #[must_use]
    pub fn is_live(&self) -> bool {
        *self == Self::live()
    }

    /// The socket on which systemd itself speaks D-Bus with root.
    #[must_use]
    pub fn systemd_socket(&self) -> PathBuf {
        self.run.join("systemd/private")
    }

    /// The socket of the system bus.
    #[must_use]
    pub fn system_bus_socket(&self) -> PathBuf {
        self.run.join("dbus/system_bus_socket")
    }

    /// Where journald takes entries with fields (systemd-journald.service(8)).
    #[must_use]
    pub fn journal_socket(&self) -> PathBuf {
        self.run.join("systemd/journal/socket")
    }

    /// The sockets of programs that want to be told before a cgroup is ended (oomd.conf(5), systemd 260).
    #[must_use]
    pub fn prekill_hooks(&self) -> PathBuf {
        self.run.join("systemd/oomd.prekill.hook")
    }

    /// The time since boot, milliseconds, suspension included (`uptime`, proc_uptime(5): `3600.05 7100.42`).
    /// `None` if the file has no such number.
    #[must_use]
    pub fn uptime_ms(&self) -> Option<u64> {
        let text = std::fs::read(self.proc.join("uptime")).ok()?;
        let seconds = text.split(|&byte| byte == b' ').next()?.trim_ascii();
        let (whole, hundredths) = cut(seconds, b'.')?;
        number(whole)?.checked_mul(1_000)?.checked_add(number(hundredths)?.checked_mul(10)?)
    }

    /// What tells this boot from every other (random(4)). `None` if it is not known.
    #[must_use]
    pub fn boot_id(&self) -> Option<String> {
        let id = std::fs::read_to_string(self.proc.join("sys/kernel/random/boot_id")).ok()?;
        Some(id.trim().to_owned()).filter(|id| !id.is_empty())
    }

    /// The place in this machine of a path that the kernel names, such as a mount point; `None` if it is in
    /// none of the trees.
    pub(crate) fn locate(&self, absolute: &Path) -> Option<PathBuf> {
        let trees = [(PROC, &self.proc), (SYS, &self.sys), (DEV, &self.dev)];
        let found =
            trees.iter().find_map(|(usual, ours)| Some(ours.join(absolute.strip_prefix(usual).ok()?)));
        found.or_else(|| self.is_live().then(|| absolute.to_path_buf()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uptime_is_that_of_the_machine() {
        let machine = tempfile::tempdir().unwrap();
        let root = Root::below(machine.path());
        assert_eq!(root.uptime_ms(), None);
        std::fs::create_dir(&root.proc).unwrap();
        for (text, expected) in
            [("12.34 99.00\n", Some(12_340)), ("5.00\n", Some(5_000)), ("", None), ("x.y 1.00", None)]
        {
            std::fs::write(root.proc.join("uptime"), text).unwrap();
            assert_eq!(root.uptime_ms(), expected, "{text:?}");
        }
        assert!(Root::live().uptime_ms() > Some(0));
    }

    #[test]
    fn a_fixture_machine_never_leads_back_to_the_live_one() {
        let below = Root::below(Path::new("m"));
        assert_eq!(below.locate(Path::new("/sys/fs/cgroup")), Some("m/sys/fs/cgroup".into()));
        assert_eq!(below.locate(Path::new("/cgroup")), None);
        assert_eq!(Root::live().locate(Path::new("/cgroup")), Some("/cgroup".into()));
        assert!(Root::live().is_live() && !below.is_live());
    }
}
