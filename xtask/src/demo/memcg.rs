//! A memory-limited memcg of our own to stage in, of v2 or v1, whichever this host has.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Removed when dropped. Whoever starts processes in it ends them first.
pub(super) struct Memcg {
    directory: PathBuf,
    is_v2: bool,
    /// Below the hierarchy's root, as `--scope` takes it.
    pub(super) path: String,
}

impl Memcg {
    /// Makes one with a hard limit and without swap.
    pub(super) fn new(limit_bytes: u64) -> Result<Self> {
        let name = format!("jettison-demo-{}", std::process::id());
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
        let (limit, swap) = if is_v2 {
            ("memory.max", "memory.swap.max")
        } else {
            ("memory.limit_in_bytes", "memory.swappiness")
        };
        write(&memcg.directory.join(limit), &limit_bytes.to_string())?;
        // Absent where the kernel has no swap accounting: then there is nothing to forbid.
        if memcg.directory.join(swap).exists() {
            write(&memcg.directory.join(swap), "0")?;
        }
        Ok(memcg)
    }

    pub(super) fn version(&self) -> &'static str {
        if self.is_v2 { "v2" } else { "v1" }
    }

    /// A process enters the memcg by writing its own pid here.
    pub(super) fn entrance(&self) -> PathBuf {
        self.directory.join("cgroup.procs")
    }

    pub(super) fn usage_bytes(&self) -> Result<u64> {
        let file = self.directory.join(if self.is_v2 { "memory.current" } else { "memory.usage_in_bytes" });
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        text.trim().parse().with_context(|| format!("{}: {text:?} is no number", file.display()))
    }

    /// How many processes the kernel's OOM killer took in here.
    pub(super) fn oom_kills(&self) -> Result<u64> {
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
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                Err(error) => return eprintln!("{} stays behind: {error}", self.directory.display()),
                Ok(()) => return,
            }
        }
        eprintln!("{} stays behind: somebody is still in it", self.directory.display());
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}
