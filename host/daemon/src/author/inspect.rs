//! `jettison inspect MODULE`: what a module is, and all that it can see.

use std::io::Write;

use jettison_sense::Root;

use super::patience::patient;
use crate::cli;
use crate::config::PolicyConfig;
use crate::failure::{Failure, unwritable};
use crate::layout::{WIDTH, bytes, wrap};
use crate::policies::Loader;

/// Columns that stand before the names.
const BEFORE_NAMES: usize = 14;

pub(crate) fn inspect(args: &cli::Inspect) -> Result<(), Failure> {
    let config = PolicyConfig::of_module(&args.module);
    let loader = Loader::new(Root::live().proc.join("self/exe"), patient(), Vec::new(), false);
    let read = loader.module(&config.source);
    let loaded = read.and_then(|module| Ok((module.len(), loader.load_read(&config, &module)?)));
    let (size, policy) = loaded.map_err(|fault| Failure::Failed(format!("{}: {fault}", config.source)))?;
    let mut text = format!(
        "name      {} {}\nsummary   {}\nmodule    {}\nsha256    {}\n",
        policy.name(),
        policy.version(),
        policy.summary(),
        bytes(size as u64),
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
    let names: Vec<&str> = names.collect();
    let lines = wrap(&names.join(" "), WIDTH - BEFORE_NAMES - 1);
    format!("  {word:<12}{}\n", lines.join(&format!("\n{:BEFORE_NAMES$}", "")))
}
