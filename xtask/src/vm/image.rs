//! The machine's initramfs: busybox, our programs with the libraries that they name, and the scenarios.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::scenarios;
use crate::setup::TARGET;
use crate::{cargo, target_dir};

pub(super) const BUSYBOX: &str = "/bin/busybox";
const PROGRAMS: [&str; 3] = ["jettison", "supervisor", "workload"];

/// Mounts what the kernel offers and becomes the supervisor.
const INIT: &str = "#!/bin/busybox sh
mount() { /bin/busybox mount -t \"$1\" \"$1\" \"$2\"; }
mount devtmpfs /dev
exec </dev/console >/dev/console 2>&1
mount proc /proc
mount sysfs /sys
mount tmpfs /run
mount tmpfs /tmp
mount cgroup2 /sys/fs/cgroup
mount tracefs /sys/kernel/tracing
exec /bin/supervisor
";

/// An initramfs, ready to boot.
pub(super) struct Image {
    pub(super) file: PathBuf,
}

impl Image {
    /// Builds the programs that ship, and packs them.
    pub(super) fn build(directory: &Path) -> Result<Self> {
        let mut args = vec!["build", "--release"];
        PROGRAMS.iter().for_each(|program| args.extend(["--bin", program]));
        cargo(&args)?;
        cargo(&["build", "--release", "--package", "keep-postgres", "--target", TARGET])?;
        let tree = directory.join("root");
        if tree.exists() {
            fs::remove_dir_all(&tree).with_context(|| tree.display().to_string())?;
        }
        for name in ["bin", "dev", "modules", "proc", "run", "scenarios", "sys", "tmp"] {
            fs::create_dir_all(tree.join(name)).with_context(|| tree.display().to_string())?;
        }
        copy(Path::new(BUSYBOX), &tree.join("bin/busybox"))?;
        for program in PROGRAMS {
            let built = target_dir().join("release").join(program);
            copy(&built, &tree.join("bin").join(program))?;
            for library in libraries(&built)? {
                copy(&library, &tree.join(library.strip_prefix("/")?))?;
            }
        }
        let policy = Path::new(TARGET).join("release/keep_postgres.wasm");
        copy(&target_dir().join(policy), &tree.join("modules/keep_postgres.wasm"))?;
        for entry in fs::read_dir(scenarios())? {
            let file = entry?;
            copy(&file.path(), &tree.join("scenarios").join(file.file_name()))?;
        }
        let init = tree.join("init");
        fs::write(&init, INIT)?;
        fs::set_permissions(&init, fs::Permissions::from_mode(0o755))?;
        pack(&tree, directory.join("initramfs.cpio"))
    }
}

/// The shared libraries of a program and its loader, as ldd(1) lists them.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output().context("ldd cannot be started")?;
    ensure!(
        output.status.success(),
        "ldd {}: {}",
        program.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let listed = String::from_utf8(output.stdout)?;
    let path = |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(PathBuf::from);
    Ok(listed.lines().filter_map(path).collect())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    }
    fs::copy(from, to).with_context(|| format!("{} to {}", from.display(), to.display()))?;
    Ok(())
}

fn pack(tree: &Path, file: PathBuf) -> Result<Image> {
    let out = File::create(&file).with_context(|| file.display().to_string())?;
    let status = Command::new("sh")
        .args(["-c", "find . | \"$0\" cpio -o -H newc", BUSYBOX])
        .current_dir(tree)
        .stdout(out)
        .stderr(Stdio::null())
        .status()
        .context("sh cannot be started")?;
    ensure!(status.success(), "{} cannot be packed: {status}", tree.display());
    Ok(Image { file })
}
