//! `jettison inspect MODULE [NEW]`: what a module is, and all that it can see; what another sees beside.

use std::io::Write;

use jettison_model::Fault;
use jettison_policy::Policy;

use super::patience::patient;
use crate::cli;
use crate::config::PolicyConfig;
use crate::failure::{Failure, printed};
use crate::layout::{WIDTH, bytes, wrap};
use crate::policies::{Loader, Seen, grants};

/// Columns that stand before the names.
const BEFORE_NAMES: usize = 14;

pub(crate) fn inspect(args: &cli::Inspect) -> Result<(), Failure> {
    let (mut text, policy) = of_source(&args.module)?;
    if let Some(new) = &args.new {
        let (described, next) = of_source(new)?;
        text += &format!("\n{described}{}", beside(&policy, &next));
    }
    printed(std::io::stdout().write_all(text.as_bytes()))
}

/// A module's description. It is granted all that it asks for.
pub(super) fn described(module: &[u8]) -> Result<String, Fault> {
    Ok(description(module.len(), &loaded(module)?))
}

/// The policy of a module, which is granted all that it asks for.
pub(super) fn loaded(module: &[u8]) -> Result<Policy, Fault> {
    loader().load_read(&PolicyConfig::of_module("module"), module)
}

fn loader() -> Loader {
    Loader::new(patient(), Vec::new(), false)
}

fn of_source(source: &str) -> Result<(String, Policy), Failure> {
    let config = PolicyConfig::of_module(source);
    let loader = loader();
    let read = loader.module(&config.source);
    let found = read.and_then(|module| Ok((module.len(), loader.load_read(&config, &module)?)));
    let (size, policy) = found.map_err(|fault| Failure::Failed(format!("{}: {fault}", config.source)))?;
    Ok((description(size, &policy), policy))
}

fn description(size: usize, policy: &Policy) -> String {
    let names: Vec<&str> = policy.imports().iter().map(String::as_str).collect();
    format!(
        "name      {} {}\nsummary   {}\nmodule    {}\nsha256    {}\ngrants    {}\nsees\n{}",
        policy.name(),
        policy.version(),
        policy.summary(),
        bytes(size as u64),
        policy.digest(),
        grants(policy.imports()),
        by_interface(&names)
    )
}

/// What the second sees and the first does not.
fn beside(policy: &Policy, next: &Policy) -> String {
    let seen = Seen::of(policy);
    let newly = seen.newly(next.imports());
    if newly.is_empty() { "newly     nothing\n".into() } else { format!("newly\n{}", by_interface(&newly)) }
}

/// Sorted names of functions, an interface a line.
fn by_interface(names: &[&str]) -> String {
    let mut interfaces: Vec<&str> = names.iter().filter_map(|name| Some(name.split_once('.')?.0)).collect();
    interfaces.dedup();
    let of = |interface: &str| {
        let prefix = format!("{interface}.");
        wrapped(interface, names.iter().filter_map(|name| name.strip_prefix(&prefix)))
    };
    interfaces.into_iter().map(of).collect()
}

/// Names behind a word, in lines of at most 100 columns.
fn wrapped<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    let lines = wrap(&names.join(" "), WIDTH - BEFORE_NAMES - 1);
    format!("  {word:<12}{}\n", lines.join(&format!("\n{:BEFORE_NAMES$}", "")))
}
