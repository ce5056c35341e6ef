//! A database under test.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// Takes rights away (setpriv(1)).
pub(crate) const SETPRIV: &str = "setpriv";
/// How long a service may take to start or to end.
const DEADLINE: Duration = Duration::from_secs(60);

/// A service and its log. Ended in its own way when dropped, or by SIGKILL.
#[derive(Debug)]
pub struct Server {
    pub(crate) child: Child,
    /// Its first process, where that is not what was started.
    first: Option<u32>,
    log: PathBuf,
    /// How it ends fast and clean.
    end: Signal,
    /// What finds out whether it is up.
    probe: Vec<String>,
}

impl Server {
    /// Starts it, and waits until its probe succeeds.
    pub(crate) fn start(mut command: Command, log: PathBuf, end: Signal, probe: Vec<String>) -> Result<Self> {
        let file = File::options().create(true).append(true).open(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let mut server = Self { child: command.spawn()?, first: None, log, end, probe };
        let started = Instant::now();
        while !server.is_up() {
            ensure!(started.elapsed() < DEADLINE && server.lives(), "it does not start:\n{}", server.log());
            pause(50);
        }
        Ok(server)
    }

    /// Its first process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.first.unwrap_or(self.child.id())
    }

    /// What was started waits for the server, which is its only child.
    pub(crate) fn step_in(&mut self) -> Result<()> {
        let children = self.children();
        let [(only, _)] = children.as_slice() else { bail!("not one child: {children:?}") };
        self.first = Some(*only);
        Ok(())
    }

    /// Whether it answers.
    #[must_use]
    pub fn is_up(&self) -> bool {
        let [program, args @ ..] = self.probe.as_slice() else { return false };
        // A stopped server answers nothing.
        let mut command = Command::new("timeout");
        command.arg("5").arg(program).args(args).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Whether its first process lives.
    pub fn lives(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// Waits for its own end.
    ///
    /// # Errors
    /// If it does not end.
    pub fn wait_for_end(&mut self) -> Result<()> {
        let started = Instant::now();
        while self.lives() {
            ensure!(started.elapsed() < DEADLINE, "it does not end:\n{}", self.log());
            pause(20);
        }
        Ok(())
    }

    /// All that it has logged, in earlier runs, too.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// If it has gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        signal_to(self.pid(), signal)
    }

    /// The direct children of its first process, with their command lines.
    #[must_use]
    pub fn children(&self) -> Vec<(u32, String)> {
        let pid = self.pid();
        let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let pids = list.split_whitespace().filter_map(|pid| pid.parse().ok());
        pids.map(|pid: u32| (pid, fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()))
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail if it has ended.
        self.signal(Signal::CONT).ok();
        self.signal(self.end).ok();
        if self.wait_for_end().is_err() {
            self.child.kill().ok();
        }
        self.child.wait().ok();
    }
}

/// Sends a signal to any process.
///
/// # Errors
/// If it has gone.
pub fn signal_to(pid: u32, signal: Signal) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(pid)?).context("no pid")?;
    kill_process(pid, signal).context("kill")
}

pub(crate) fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}", text.trim());
    Ok(())
}

/// A program as another user, outside of the memcg.
pub(crate) fn as_user(user: &str, program: &Path) -> Command {
    dropped(Command::new(SETPRIV), user, program)
}

/// The same by a command that runs setpriv(1).
pub(crate) fn dropped(mut command: Command, user: &str, program: &Path) -> Command {
    command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups"]).arg(program);
    command.current_dir("/");
    command
}

/// A folder of this user's.
pub(crate) fn folder_of(user: &str, path: &Path) -> Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o700))?;
    run(Command::new("chown").arg(user).arg(path))
}
