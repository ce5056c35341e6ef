//! The compiling child on its own, for the tests of this crate. In production it is `jettison
//! compile-module`.

use std::io;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(2).collect();
    let limits = jettison_policy::CompileLimits::from_args(&args)
        .ok_or_else(|| io::Error::other("limits are three whole numbers"))?;
    jettison_policy::compile_module(limits, io::stdin().lock(), io::stdout().lock())
}
