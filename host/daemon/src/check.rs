//! `jettison check`: the configuration, and modules with their imports and grants.

use std::io::Write;

use crate::cli;
use crate::config::{Config, PolicyConfig};
use crate::failure::{Failure, say, unwritable};
use crate::policies::{Policies, canned};
use crate::trust::is_root;

pub(crate) fn check(args: &cli::Check) -> Result<(), Failure> {
    let config = Config::read(args.config.as_deref(), is_root()).map_err(Failure::Config)?;
    for warning in &config.warnings {
        say(&format_args!("warning: {warning}"));
    }
    let configs = match args.modules.as_slice() {
        [] => config.policies,
        modules => PolicyConfig::of_modules(modules, &config.policies, None).map_err(Failure::Config)?,
    };
    let hooks: Vec<String> = config.live.hooks.into_keys().collect();
    let policies =
        Policies::for_a_look(configs, config.fixed.limits, hooks, config.registries, None, is_root());
    let mut out = std::io::stdout().lock();
    let mut err = std::io::stderr().lock();
    let mut is_good = true;
    for loaded in &policies.loaded {
        let source = &loaded.config.source;
        // One that loads may still trap as soon as it is asked.
        let policy = loaded.policy.as_ref().map_err(Clone::clone);
        let tried = policy.and_then(|policy| policy.consult(&canned()).answer.map(|_| policy));
        let written = match &tried {
            Ok(policy) => writeln!(
                out,
                "{source}: ok: {} {}, {}\n  imports {}",
                policy.name(),
                policy.version(),
                policy.summary(),
                policy.imports().join(", ")
            ),
            Err(fault) => {
                is_good = false;
                writeln!(err, "jettison: {source}: {fault}")
            }
        };
        written.map_err(|error| unwritable(&error))?;
    }
    if is_good { Ok(()) } else { Err(Failure::BadModules) }
}
