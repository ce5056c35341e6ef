//! PostgreSQL of the host, as an image has it: its programs and an empty cluster.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::image::{copy, copy_libraries, pack};
use crate::{call, debian, remove};

/// Debian has `VERSION/bin` and `VERSION/lib` there.
const VERSIONS: &str = "/usr/lib/postgresql";
const PROGRAMS: [&str; 2] = ["postgres", "psql"];
/// Libraries that the server loads by itself.
const LOADED: [&str; 2] = ["plpgsql.so", "dict_snowball.so"];
/// Of the cluster in the machine.
const OWNER: &str = "70:70";
const PASSWD: &str = "root:x:0:0::/:/bin/sh\npostgres:x:70:70::/var/lib/postgresql:/bin/sh\n";
/// Debian's package would make and start a cluster on this host, which nothing here needs.
const NO_CLUSTER: &str = "/etc/postgresql-common/createcluster.d/jettison-vm.conf";

/// Installs it if it is missing, as root on Debian; else says so.
pub(super) fn set_up() -> Result<()> {
    if newest().is_some() {
        return Ok(());
    }
    let install = |package| debian::install("PostgreSQL", &[package], "without a cluster");
    install("postgresql-common")?;
    let parent = Path::new(NO_CLUSTER).parent().context("no folder")?;
    fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    fs::write(NO_CLUSTER, "create_main_cluster = false\n").context(NO_CLUSTER)?;
    let installed = install("postgresql");
    fs::remove_file(NO_CLUSTER).context(NO_CLUSTER)?;
    installed?;
    ensure!(newest().is_some(), "still no PostgreSQL in {VERSIONS}");
    Ok(())
}

/// The newest version's folder.
fn newest() -> Option<PathBuf> {
    let paths = fs::read_dir(VERSIONS).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    paths.filter(|path| path.join("bin/postgres").exists()).max_by_key(version)
}

/// Packs it behind the plain image.
pub(super) fn build(directory: &Path, plain: &Path) -> Result<PathBuf> {
    let home = newest().with_context(|| format!("no PostgreSQL in {VERSIONS}"))?;
    let tree = directory.join("postgres");
    remove(&tree)?;
    copy_programs(&home, &tree)?;
    let (programs, cluster) =
        (directory.join("postgres-programs.cpio"), directory.join("postgres-data.cpio"));
    pack(&tree, ".", "0:0", &programs)?;
    pack_cluster(&home, &cluster)?;
    let file = directory.join("initramfs-postgres.cpio");
    fs::copy(plain, &file).with_context(|| file.display().to_string())?;
    let mut all = OpenOptions::new().append(true).open(&file)?;
    for part in [programs, cluster] {
        std::io::copy(&mut File::open(&part)?, &mut all).with_context(|| part.display().to_string())?;
    }
    Ok(file)
}

fn copy_programs(home: &Path, tree: &Path) -> Result<()> {
    let below = |path: &Path| -> Result<PathBuf> { Ok(tree.join(path.strip_prefix("/")?)) };
    for program in PROGRAMS {
        let program = home.join("bin").join(program);
        copy(&program, &below(&program)?)?;
        copy_libraries(&program, tree)?;
    }
    for library in LOADED {
        let library = home.join("lib").join(library);
        copy(&library, &below(&library)?)?;
    }
    let share = Path::new("/usr/share/postgresql").join(home.file_name().context("no version")?);
    for folder in ["timezonesets", "tsearch_data"] {
        for entry in fs::read_dir(share.join(folder)).with_context(|| share.display().to_string())? {
            let file = entry?.path();
            copy(&file, &below(&file)?)?;
        }
    }
    symlink(home.join("bin"), below(&Path::new(VERSIONS).join("bin"))?)?;
    fs::create_dir_all(tree.join("etc"))?;
    fs::write(tree.join("etc/passwd"), PASSWD)?;
    Ok(())
}

/// An empty cluster. initdb(1) refuses root, so that root runs it as the user of Debian's package.
fn pack_cluster(home: &Path, file: &Path) -> Result<()> {
    let is_root = rustix::process::geteuid().is_root();
    let temporary = TemporaryFolder::new(is_root)?;
    let mut command = Command::new(if is_root { "setpriv" } else { "env" });
    if is_root {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    let output = command
        .arg(home.join("bin/initdb"))
        .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"])
        .args(["--wal-segsize=1", "--no-sync", "--no-instructions", "--pgdata"])
        .arg(temporary.0.join("data"))
        .env("TZ", "GMT")
        .current_dir(&temporary.0)
        .output()
        .context("initdb cannot be started")?;
    ensure!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr).trim());
    let in_machine = temporary.0.join("var/lib/postgresql");
    fs::create_dir_all(&in_machine)?;
    fs::rename(temporary.0.join("data"), in_machine.join("data"))?;
    pack(&temporary.0, "var/lib/postgresql", OWNER, file)
}

/// Removed when dropped.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn new(is_root: bool) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("jettison-vm-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| path.display().to_string())?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
        let folder = Self(path);
        if is_root {
            let path = folder.0.to_str().context("a name that is not UTF-8")?;
            call("chown", &["postgres:postgres", path])?;
        }
        Ok(folder)
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What cannot be removed stays among the temporary files.
        fs::remove_dir_all(&self.0).ok();
    }
}
