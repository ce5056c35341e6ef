//! Set-up, demo, tests, benchmarks and virtual machines of this repository: `cargo xtask --help`.

fn main() {}
