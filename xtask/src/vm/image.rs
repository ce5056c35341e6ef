//! The machine's initramfs: busybox, our programs with the libraries that they name, and the scenarios.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use jettison_vm_guest::Extra;

use super::{postgres, scenarios};
use crate::setup::TARGET;
use crate::{cargo, remove, target_dir};

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
/bin/busybox mkdir /dev/shm
mount tmpfs /dev/shm
mount cgroup2 /sys/fs/cgroup
mount tracefs /sys/kernel/tracing
exec /bin/supervisor
";

/// Initramfs files, ready to boot.
pub(super) struct Image {
    plain: PathBuf,
    postgres: Option<PathBuf>,
}

impl Image {
    /// For the scenarios that are to run.
    pub(super) fn build(directory: &Path, extras: &[Extra]) -> Result<Self> {
        let plain = plain(directory)?;
        let postgres =
            if extras.contains(&Extra::Postgres) { Some(postgres::build(directory, &plain)?) } else { None };
        Ok(Self { plain, postgres })
    }

    pub(super) fn file(&self, extra: Option<Extra>) -> Result<&Path> {
        match extra {
            None => Ok(&self.plain),
            Some(Extra::Postgres) => self.postgres.as_deref().context("an image without PostgreSQL"),
        }
    }
}

/// Builds the programs that ship, and packs them.
fn plain(directory: &Path) -> Result<PathBuf> {
    let mut args = vec!["build", "--release"];
    PROGRAMS.iter().for_each(|program| args.extend(["--bin", program]));
    cargo(&args)?;
    cargo(&["build", "--release", "--package", "keep-postgres", "--target", TARGET])?;
    let tree = directory.join("root");
    remove(&tree)?;
    for name in ["bin", "dev", "modules", "proc", "run", "scenarios", "sys", "tmp", "var/lib"] {
        fs::create_dir_all(tree.join(name)).with_context(|| tree.display().to_string())?;
    }
    copy(Path::new(BUSYBOX), &tree.join("bin/busybox"))?;
    for program in PROGRAMS {
        let built = target_dir().join("release").join(program);
        copy(&built, &tree.join("bin").join(program))?;
        copy_libraries(&built, &tree)?;
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
    let file = directory.join("initramfs.cpio");
    pack(&tree, ".", "0:0", &file)?;
    Ok(file)
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

/// The libraries that a program names, at the same place in the image.
pub(crate) fn copy_libraries(program: &Path, tree: &Path) -> Result<()> {
    for library in libraries(program)? {
        copy(&library, &tree.join(library.strip_prefix("/")?))?;
    }
    Ok(())
}

pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    }
    fs::copy(from, to).with_context(|| format!("{} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Packs what is below a folder of the tree, which belongs to `owner` in the machine. Archives that follow
/// one another in a file are unpacked in order (Documentation/driver-api/early-userspace/buffer-format.rst).
pub(super) fn pack(tree: &Path, below: &str, owner: &str, file: &Path) -> Result<()> {
    let out = File::create(file).with_context(|| file.display().to_string())?;
    let status = Command::new("sh")
        .args(["-c", "find \"$1\" | \"$0\" cpio -o -H newc -R \"$2\"", BUSYBOX, below, owner])
        .current_dir(tree)
        .stdout(out)
        .stderr(Stdio::null())
        .status()
        .context("sh cannot be started")?;
    ensure!(status.success(), "{} cannot be packed: {status}", tree.display());
    Ok(())
}
