//! Compiles the BPF program, with the feature `bpf`.

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

const SOURCE: &str = "src/bpf/task.bpf.c";
/// Atomic and 32-bit instructions, which all kernels have that have the iterator.
const OPTIONS: [&str; 6] = ["-O2", "-g", "-Wall", "-Werror", "-mcpu=v3", "--target=bpf"];

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed={SOURCE}");
    if env::var_os("CARGO_FEATURE_BPF").is_none() {
        return ExitCode::SUCCESS;
    }
    // The second one is for a test: the kernel refuses it.
    match compile("task.o", &[]).and_then(|()| compile("refused.o", &["-DREFUSED"])) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            println!("cargo::error={problem}");
            ExitCode::FAILURE
        }
    }
}

fn compile(name: &str, more: &[&str]) -> Result<(), String> {
    let folder = env::var_os("OUT_DIR").map(PathBuf::from).ok_or("cargo sets OUT_DIR, but it is not set")?;
    let mut clang = Command::new("clang");
    clang.args(OPTIONS).args(more).arg("-c").arg(SOURCE).arg("-o").arg(folder.join(name));
    match clang.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("clang: {SOURCE} does not compile: {status}")),
        Err(error) => Err(format!("the feature `bpf` needs clang (apt install clang): {error}")),
    }
}
