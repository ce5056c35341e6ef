//! A memory-limited memcg of our own, of v2 or v1, whichever this host has.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// A memcg of our own. Removed when dropped: a test that starts processes in it ends them first.
#[derive(Debug)]
pub struct Memcg {
    directory: PathBuf,
    is_v2: bool,
    path: String,
}

impl Memcg {
    /// Makes one with a hard limit and without swap. `name` tells it from others of this process.
    ///
    /// # Errors
    /// Without root, or without a memory controller.
    pub fn new(name: &str, limit_bytes: u64) -> Result<Self> {
        let name = format!("jettison-{name}-{}", std::process::id());
        let v2 = Path::new("/sys/fs/cgroup");
        let controllers = fs::read_to_string(v2.join("cgroup.controllers")).unwrap_or_default();
        let (root, is_v2) = if controllers.split_whitespace().any(|controller| controller == "memory") {
            (v2.to_path_buf(), true)
        } else if v2.join("memory/memory.limit_in_bytes").exists() {
            (v2.join("memory"), false)
        } else {
            bail!("this host mounts no memory controller below {}", v2.display());
        };
        if is_v2 {
            write(&root.join("cgroup.subtree_control"), "+memory")?;
        }
        let directory = root.join(&name);
        fs::create_dir(&directory).with_context(|| format!("{} cannot be made", directory.display()))?;
        let memcg = Self { directory, is_v2, path: format!("/{name}") };
        memcg.limit(limit_bytes)?;
        let swap = memcg.directory.join(if is_v2 { "memory.swap.max" } else { "memory.swappiness" });
        // Absent where the kernel has no swap accounting: then there is nothing to forbid.
        if swap.exists() {
            write(&swap, "0")?;
        }
        Ok(memcg)
    }

    /// Sets its hard limit.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn limit(&self, limit_bytes: u64) -> Result<()> {
        let file = if self.is_v2 { "memory.max" } else { "memory.limit_in_bytes" };
        write(&self.directory.join(file), &limit_bytes.to_string())
    }

    /// Below the hierarchy's root, as `--scope` takes it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// `v1` or `v2`.
    #[must_use]
    pub fn version(&self) -> &'static str {
        if self.is_v2 { "v2" } else { "v1" }
    }

    /// A command that is in the memcg before its first page.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(self.directory.join("cgroup.procs"));
        command.arg(program);
        command
    }

    /// What is charged to it now.
    ///
    /// # Errors
    /// If it has gone.
    pub fn usage_bytes(&self) -> Result<u64> {
        let file = self.directory.join(if self.is_v2 { "memory.current" } else { "memory.usage_in_bytes" });
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        text.trim().parse().with_context(|| format!("{}: {text:?} is no number", file.display()))
    }

    /// How many processes the kernel's OOM killer took in here.
    ///
    /// # Errors
    /// If it has gone, or the kernel does not count (before 4.13).
    pub fn oom_kills(&self) -> Result<u64> {
        let file = self.directory.join(if self.is_v2 { "memory.events" } else { "memory.oom_control" });
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.and_then(|count| count.parse().ok()).with_context(|| format!("{}: no oom_kill", file.display()))
    }
}

impl Drop for Memcg {
    fn drop(&mut self) {
        // A process that has just been killed may still be on its way out.
        for _ in 0..50 {
            match fs::remove_dir(&self.directory) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    sleep(Duration::from_millis(20));
                }
                Err(error) => return eprintln!("{} stays behind: {error}", self.directory.display()),
                Ok(()) => return,
            }
        }
        eprintln!("{} stays behind: a process is still in it", self.directory.display());
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}
