//! `jettison inspect MODULE`: what a module is, and all that it can see.

use std::io::Write;

use jettison_policy::Limits;
use jettison_sense::Root;

use crate::cli;
use crate::config::PolicyConfig;
use crate::failure::{Failure, unwritable};
use crate::layout::bytes;
use crate::policies::Loader;

pub(crate) fn inspect(args: &cli::Inspect) -> Result<(), Failure> {
    let configs = PolicyConfig::of_modules(std::slice::from_ref(&args.module), &[], None);
    let Some(config) = configs.map_err(Failure::Config)?.pop() else { return Ok(()) };
    let loader = Loader::new(Root::live().proc.join("self/exe"), Limits::default(), Vec::new(), false);
    let source = &config.source;
    let module = loader.module(source).map_err(|fault| Failure::Failed(format!("{source}: {fault}")))?;
    let policy = loader.load(&config).map_err(|fault| Failure::Failed(format!("{source}: {fault}")))?;
    let mut text = format!(
        "name      {} {}\nsummary   {}\nmodule    {}\nsha256    {}\n",
        policy.name(),
        policy.version(),
        policy.summary(),
        bytes(module.len() as u64),
        policy.digest()
    );
    let grants: Vec<&str> =
        policy.imports().iter().filter_map(|name| name.strip_prefix("details.")).collect();
    let needed = if grants.is_empty() {
        "none".into()
    } else {
        let quoted: Vec<String> = grants.iter().map(|grant| format!("\"{grant}\"")).collect();
        format!("grants = [{}]", quoted.join(", "))
    };
    text += &format!("grants    {needed}\nsees\n");
    let mut interfaces: Vec<&str> =
        policy.imports().iter().filter_map(|name| Some(name.split_once('.')?.0)).collect();
    interfaces.dedup();
    for interface in interfaces {
        let prefix = format!("{interface}.");
        let functions = policy.imports().iter().filter_map(|name| name.strip_prefix(&prefix));
        text += &wrapped(interface, functions);
    }
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| unwritable(&error))
}

/// Names behind a word, in lines of at most 100 columns.
fn wrapped<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> String {
    const WIDTH: usize = 100;
    let mut text = String::new();
    let mut line = format!("  {word:<12}");
    for name in names {
        if line.len() + name.len() + 1 > WIDTH {
            text += line.trim_end();
            text.push('\n');
            line = " ".repeat(14);
        }
        line += name;
        line.push(' ');
    }
    text += line.trim_end();
    text.push('\n');
    text
}
