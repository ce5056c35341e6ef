//! The guest's disk: Debian with systemd, made once and kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{call, debian, qemu, remove, root, text_of};

/// What the guest has beyond apt's own needs.
const INCLUDED: &str = "systemd,systemd-sysv,dbus,kmod,openssh-server,procps,postgresql,redis-server,mariadb-server,\
                        earlyoom,nohang,systemd-oomd,docker.io,podman,lxc,lxcfs";
/// Makes a guest of the tree.
const CUSTOMIZE: &str = "tests/guest/customize.sh";
/// In no guest's way, and most of the writing.
const LEFT_OUT: [&str; 3] = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"];
/// Grows as needed: the file has holes.
const SIZE: &str = "2500M";
/// Not in the path of every user.
const MKE2FS: &str = "/usr/sbin/mke2fs";
/// Programs and their packages.
const NEEDED: [(&str, &str); 2] = [("mmdebstrap", "mmdebstrap"), (MKE2FS, "e2fsprogs")];

/// Installs the packages that are missing, as root on Debian; else says which they are.
pub(super) fn set_up() -> Result<()> {
    let packages = [&qemu::PACKAGES[..], &NEEDED.map(|(_, package)| package)].concat();
    debian::provide(missing, &packages, "which the guest is made of")
}

fn missing() -> Vec<&'static str> {
    let programs = NEEDED.iter().map(|&(program, _)| program).filter(|program| !debian::is_there(program));
    qemu::missing().into_iter().chain(programs).collect()
}

/// The disk, made anew if it is of another recipe. Its release is that of this host, which the package is
/// built on.
pub(super) fn build(directory: &Path) -> Result<PathBuf> {
    let customize = fs::read_to_string(root().join(CUSTOMIZE)).context(CUSTOMIZE)?;
    let suite = suite()?;
    let recipe = format!("{suite} {INCLUDED} {} {SIZE}\n{customize}", LEFT_OUT.join(" "));
    let (image, made_of) = (directory.join("image.ext4"), directory.join("image.recipe"));
    if image.exists() && fs::read_to_string(&made_of).is_ok_and(|text| text == recipe) {
        return Ok(image);
    }
    ensure!(rustix::process::geteuid().is_root(), "the guest's disk is made by root: mmdebstrap, mke2fs");
    println!("guest: making {}, which takes some minutes", image.display());
    let tree = directory.join("tree");
    // What an interrupted run leaves behind is no image.
    for old in [&made_of, &image, &tree] {
        remove(old)?;
    }
    make_tree(&suite, &tree)?;
    // An overlay is thrown away, so a journal would be of no use.
    let args = ["-q", "-t", "ext4", "-O", "^has_journal", "-d", text_of(&tree)?, text_of(&image)?, SIZE];
    call(MKE2FS, &args)?;
    remove(&tree)?;
    fs::write(&made_of, recipe).with_context(|| made_of.display().to_string())?;
    Ok(image)
}

fn make_tree(suite: &str, tree: &Path) -> Result<()> {
    let status = Command::new("mmdebstrap")
        .args(["--variant=apt", "--format=directory", "--quiet"])
        .arg("--aptopt=Apt::Install-Recommends \"false\"")
        .args(LEFT_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")))
        .arg(format!("--include={INCLUDED}"))
        .arg(format!("--customize-hook=sh {CUSTOMIZE} \"$1\""))
        .arg(suite)
        .arg(tree)
        .current_dir(root())
        .status()
        .context("mmdebstrap cannot be started")?;
    ensure!(status.success(), "mmdebstrap: {status}");
    Ok(())
}

/// `VERSION_CODENAME=` of os-release(5).
fn suite() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("/etc/os-release")?;
    let name = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    Ok(name.context("/etc/os-release names no VERSION_CODENAME")?.trim_matches('"').to_owned())
}
