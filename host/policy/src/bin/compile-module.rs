//! The compiling child on its own, for the tests of this crate. In production it is `jettison
//! compile-module`.

use std::io;

fn main() -> io::Result<()> {
    jettison_policy::compile_module(io::stdin().lock(), io::stdout().lock())
}
