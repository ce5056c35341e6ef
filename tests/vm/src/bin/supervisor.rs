//! The first process of the virtual machine: runs one scenario, records what happens, and prints one line.
#![expect(clippy::print_stdout, reason = "the serial console is what it talks to")]
#![expect(clippy::disallowed_methods, reason = "what it measures is time")]

#[path = "../supervisor/beat.rs"]
mod beat;
#[path = "../supervisor/daemon.rs"]
mod daemon;
#[path = "../supervisor/kmsg.rs"]
mod kmsg;
#[path = "../supervisor/machine.rs"]
mod machine;
#[path = "../supervisor/process.rs"]
mod process;
#[path = "../supervisor/reaper.rs"]
mod reaper;
#[path = "../supervisor/stage.rs"]
mod stage;
#[path = "../supervisor/trace.rs"]
mod trace;

use std::process::Command;

use anyhow::{Context, Result};
use jettison_vm_guest::Scenario;

fn main() {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    if let Err(error) = process::become_program(&args) {
        eprintln!("FAILED {error:#}");
        std::process::exit(1);
    }
    println!("UP");
    let result = run();
    // From here on the kernel is silent on the console: it could cut our line in two.
    if let Err(error) = std::fs::write("/proc/sys/kernel/printk", "1") {
        println!("the kernel stays loud: {error}");
    }
    match result {
        Ok(line) => println!("REPORT {line}"),
        Err(error) => println!("FAILED {error:#}"),
    }
    // The console is slower than the end of the machine.
    std::thread::sleep(std::time::Duration::from_millis(200));
    if let Err(error) = Command::new("/bin/busybox").args(["reboot", "-f"]).status() {
        println!("FAILED reboot: {error}");
    }
}

fn run() -> Result<String> {
    let command_line = std::fs::read_to_string("/proc/cmdline").context("/proc/cmdline")?;
    let option = |key: &str| {
        let mut words = command_line.split_whitespace();
        words
            .find_map(|word| word.strip_prefix(key))
            .map(str::to_owned)
            .context(format!("no {key} on the kernel's command line"))
    };
    let name = option("scenario=")?;
    let has_jettison = option("jettison=")? == "1";
    let file = format!("/scenarios/{name}.toml");
    let text = std::fs::read_to_string(&file).context(file)?;
    let scenario = Scenario::parse(&text)?;
    machine::set_up(&scenario)?;
    let report = stage::Stage::new(&name, &scenario, has_jettison)?.run()?;
    Ok(serde_json::to_string(&report)?)
}
