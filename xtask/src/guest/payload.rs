//! The guest's second disk: an archive of the package, the scenarios and the programs that they start.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{call, cargo, package, qemu, remove, setup, target_dir, text_of};

const SCRIPTS: &str = "tests/guest";
/// Uses memory as it is told: of tests/vm.
const WORKLOAD: &str = "workload";
/// A hostile policy, for the sandbox: of tests/misbehaving.
const MISBEHAVING: &str = "jettison-misbehaving";
/// What swap in compressed memory, and lxcfs, take of the kernel's own modules.
const MODULES: [&str; 4] =
    ["drivers/block/zram/zram.ko", "mm/zsmalloc.ko", "crypto/lzo-rle.ko", "fs/fuse/fuse.ko"];

pub(super) fn build(directory: &Path, is_debug: bool) -> Result<PathBuf> {
    let package = package::build(is_debug)?;
    let (profile, folder) = package::profile(is_debug);
    cargo(&["build", "--locked", "--profile", profile, "--bin", WORKLOAD])?;
    let guest = ["build", "--locked", "--release", "--target", setup::TARGET, "--package", MISBEHAVING];
    cargo(&guest)?;
    let (tree, archive) = (directory.join("payload"), directory.join("payload.tar"));
    remove(&tree)?;
    call("cp", &["-r", SCRIPTS, text_of(&tree)?])?;
    copy_to(&tree, &package)?;
    copy_to(&tree, &target_dir().join(folder).join(WORKLOAD))?;
    let module =
        Path::new(setup::TARGET).join("release").join(MISBEHAVING.replace('-', "_")).with_extension("wasm");
    copy_to(&tree, &target_dir().join(module))?;
    let modules = Path::new("/lib/modules").join(qemu::kernel_release()?).join("kernel");
    // A scenario that wants one that is not there says so.
    for module in MODULES.map(|module| modules.join(module)).iter().filter(|module| module.exists()) {
        copy_to(&tree, module)?;
    }
    call("tar", &["--create", "--file", text_of(&archive)?, "--directory", text_of(&tree)?, "."])?;
    Ok(archive)
}

fn copy_to(folder: &Path, file: &Path) -> Result<()> {
    let name = file.file_name().context("a file without a name")?;
    fs::copy(file, folder.join(name)).with_context(|| file.display().to_string())?;
    Ok(())
}
