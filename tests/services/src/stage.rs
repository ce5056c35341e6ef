//! A limited memcg, and what looks after it.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use jettison_tests::{Memcg, Running, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::server::{SETPRIV, dropped};

/// What looks after the memcg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// Only the kernel's OOM killer.
    Kernel,
    /// Jettison with its default policies, and the kernel's OOM killer if it is too late.
    Jettison,
}

/// The memcg and its contender. What was started on it is dropped before it.
#[derive(Debug)]
pub struct Stage {
    folder: TempDir,
    daemon: Option<Child>,
    memcg: Memcg,
}

/// What the policies know needs no host's pressure, which comes from whatever else runs.
const CONFIG: &str = "[trigger]\npsi = []\n";

impl Stage {
    /// A memcg of so many MiB. The contender is there before any service.
    ///
    /// # Errors
    /// Without root, a memory controller or a built `jettison`.
    pub fn new(name: &str, limit_mib: u64, contender: Contender) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("jettison-services-").tempdir()?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let memcg = Memcg::new(name, limit_mib << 20)?;
        let mut stage = Self { folder, daemon: None, memcg };
        if contender == Contender::Jettison {
            stage.daemon = Some(stage.start_daemon()?);
        }
        Ok(stage)
    }

    fn start_daemon(&self) -> Result<Child> {
        let config = self.file("jettison.toml");
        fs::write(&config, CONFIG)?;
        let log = File::create(self.file("jettison.log"))?;
        let mut command = Command::new(built("jettison")?);
        command.args(["run", "--scope", self.memcg.path(), "--config"]).arg(config);
        command.arg("--state-dir").arg(self.file("state")).stderr(log);
        let daemon = command.spawn().context("jettison")?;
        wait_for("jettison is watching", || self.said().contains("is watching").then_some(()));
        Ok(daemon)
    }

    /// All that Jettison logged.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(self.file("jettison.log")).unwrap_or_default()
    }

    /// A path in the stage's folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The memcg.
    #[must_use]
    pub fn memcg(&self) -> &Memcg {
        &self.memcg
    }

    /// A program in the memcg, as this user.
    #[must_use]
    pub fn command(&self, user: &str, program: &Path) -> Command {
        dropped(self.memcg.command(Path::new(SETPRIV)), user, program)
    }

    /// The same with pids of its own, as in a container (unshare(1)).
    #[must_use]
    pub fn contained(&self, user: &str, program: &Path) -> Command {
        let mut command = self.memcg.command(Path::new("unshare"));
        command.args(["--pid", "--fork", "--mount-proc", SETPRIV]);
        dropped(command, user, program)
    }

    /// Something in the memcg that holds 16 MiB and leaks so many MiB/s, under the name of this file.
    ///
    /// # Errors
    /// Where the workload is not built.
    pub fn leak(&self, name: &str, mib_per_s: u32) -> Result<Leak> {
        let program = self.file(name);
        fs::copy(built("workload")?, &program)?;
        let mut command = self.command("65534", &program);
        command.args(["--hold-mib", "16", "--leak-mib-per-s", &mib_per_s.to_string()]);
        Ok(Leak(Running(command.stdout(Stdio::null()).spawn()?)))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            if let Some(pid) = i32::try_from(daemon.id()).ok().and_then(Pid::from_raw) {
                // It may have ended by itself.
                kill_process(pid, Signal::TERM).ok();
            }
            daemon.wait().ok();
        }
    }
}

/// A process that leaks. Ended when dropped.
#[derive(Debug)]
pub struct Leak(Running);

impl Leak {
    /// How it ended, once it has.
    ///
    /// # Panics
    /// If it ended by itself: it was not started then.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        let ended = self.0.try_wait().ok().flatten();
        assert!(ended.is_none_or(|status| status.signal().is_some()), "no signal ended it: {ended:?}");
        ended
    }
}

/// A binary of this workspace: beside the test, or beside xtask.
fn built(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|file| file.exists());
    let found = found.with_context(|| format!("no {name} above {}: build it first", own.display()))?;
    ensure!(found.is_file(), "{} is no file", found.display());
    Ok(found)
}
