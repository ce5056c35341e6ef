//! `cargo xtask image`: the daemon as a container image, built without a container daemon, and tried.
//!
//! ```text
//! build ─▶ rootfs (programs, their libraries, empty folders) ─▶ buildah ─▶ OCI archive ─▶ trial ─▶ its path
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use crate::vm::{copy, copy_libraries};
use crate::{call, cargo, package, remove, setup, target_dir, text_of};

const RECIPE: &str = "packaging/container/Containerfile";
const TAG: &str = concat!("jettison:", env!("CARGO_PKG_VERSION"));
/// Where the DaemonSet mounts something: they cannot be made below a root that is read-only.
const FOLDERS: [&str; 7] =
    ["etc/jettison", "run/jettison", "var/lib/jettison", "sys/fs/cgroup", "proc", "dev", "tmp"];

#[derive(clap::Args)]
pub(crate) struct ImageArgs {
    /// Take the debug build: to try the recipe, not to use the image
    #[arg(long)]
    debug: bool,
}

pub(crate) fn run(args: &ImageArgs) -> Result<()> {
    setup::containers()?;
    let (profile, folder) = package::profile(args.debug);
    let folder = target_dir().join(folder);
    package::programs(&["build", "--locked"], profile, &folder, cargo)?;
    let image = target_dir().join("image");
    let rootfs = image.join("rootfs");
    lay_out(&folder, &rootfs)?;
    let archive = image.join("jettison.oci.tar");
    remove(&archive)?;
    let store = Store(image.join("store"));
    store.buildah(&["build", "--isolation", "chroot", "--file", RECIPE, "--tag", TAG, text_of(&rootfs)?])?;
    store.buildah(&["push", TAG, &format!("oci-archive:{}:{TAG}", archive.display())])?;
    store.is_tried()?;
    println!("{}", archive.display());
    Ok(())
}

/// The programs, what the dynamic linker finds for them, each at its own path, and the compiled policies.
fn lay_out(programs: &Path, rootfs: &Path) -> Result<()> {
    remove(rootfs)?;
    for folder in FOLDERS {
        fs::create_dir_all(rootfs.join(folder))?;
    }
    for name in ["jettison", "jettisond"] {
        copy(&programs.join(name), &rootfs.join("usr/bin").join(name))?;
        copy_libraries(&programs.join(name), rootfs)?;
    }
    let compiled = rootfs.join("usr/lib/jettison/compiled");
    fs::create_dir_all(rootfs.join("usr/lib/jettison"))?;
    call(text_of(&programs.join("jettison"))?, &["compile-builtin", text_of(&compiled)?])
}

/// Images of our own, so that those of this host's user are left alone.
struct Store(PathBuf);

impl Store {
    fn options(&self) -> Result<[String; 6]> {
        let (root, run) = (self.0.join("images"), self.0.join("run"));
        let words = ["--storage-driver", "vfs", "--root", text_of(&root)?, "--runroot", text_of(&run)?];
        Ok(words.map(str::to_owned))
    }

    fn args<'a>(options: &'a [String], args: &[&'a str]) -> Vec<&'a str> {
        options.iter().map(String::as_str).chain(args.iter().copied()).collect()
    }

    fn buildah(&self, args: &[&str]) -> Result<()> {
        call("buildah", &Self::args(&self.options()?, args))
    }

    /// Runs `explain` in it: in a chroot, which needs no runtime, and by podman where that works. crun, which
    /// is podman's own choice, runs nothing where cgroup v1 and v2 are mounted both.
    fn is_tried(&self) -> Result<()> {
        let options = self.options()?;
        let output = Command::new("buildah").args(&options).args(["from", TAG]).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
        let container = String::from_utf8(output.stdout)?.trim().to_owned();
        let explain = ["/usr/bin/jettison", "explain", "--top", "1"];
        let ran = self.buildah(&[&["run", "--isolation", "chroot", &container, "--"][..], &explain].concat());
        self.buildah(&["rm", &container])?;
        ran?;
        let rights = ["--pid", "host", "--network", "none", "--read-only", "--cap-drop", "all"];
        // Less than any host allows, and more than it takes.
        let limits = ["--ulimit", "nofile=512:512", "--ulimit", "nproc=512:512"];
        let run = ["--runtime", "runc", "run", "--rm"];
        let entry = ["--entrypoint", "/usr/bin/jettison"];
        let args = [&run[..], &rights, &limits, &entry, &[TAG, "explain", "--top", "1"]].concat();
        let mut podman = Command::new("podman");
        let by_podman = podman.args(Self::args(&options, &args)).stdin(Stdio::null()).output();
        match by_podman {
            Ok(output) if output.status.success() => println!("it runs by podman, too"),
            Ok(output) => {
                let why = String::from_utf8_lossy(&output.stderr);
                println!("NOT RUN: the image by podman: {}", why.lines().last().unwrap_or_default());
            }
            Err(error) => println!("NOT RUN: the image by podman: {error}"),
        }
        Ok(())
    }
}
