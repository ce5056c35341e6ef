//! What the daemon decides with, for the journal.

use std::collections::BTreeMap;
use std::sync::Arc;

use jettison_decide::Settings;
use jettison_policy::Limits;
use jettison_record::{PolicySetup, Setup};

use crate::config::Grants;
use crate::policies::{Loaded, Policies};

pub(crate) fn setup(
    settings: &Settings,
    policies: &Policies,
    limits: Limits,
    is_dry: bool,
    at_ms: u64,
) -> Arc<Setup> {
    Arc::new(Setup {
        at_ms,
        jettison: env!("CARGO_PKG_VERSION").into(),
        is_dry,
        settings: settings.clone(),
        policies: policies.loaded.iter().map(policy).collect(),
        hooks: policies.loader.hooks.clone(),
        limits: of_limits(limits),
    })
}

fn policy(loaded: &Loaded) -> PolicySetup {
    // One that could not be loaded has neither digest nor version.
    let policy = loaded.policy.as_ref().ok();
    let config = &loaded.config;
    PolicySetup {
        name: config.name.clone(),
        source: config.source.to_string(),
        digest: policy.map(|policy| policy.digest().into()),
        version: policy.map(|policy| policy.version().into()),
        weight: config.weight,
        shadow: config.shadow,
        grants: match &config.grants {
            Grants::Listed(grants) => Some(grants.clone()),
            Grants::All => None,
        },
        config: config.config.clone(),
    }
}

/// By the names of the keys, in bytes and milliseconds.
fn of_limits(limits: Limits) -> BTreeMap<String, u64> {
    let Limits {
        fuel,
        memory_bytes,
        epoch_ms,
        stack_bytes,
        tables,
        table_elements,
        answer_bytes,
        ballot_entries,
        reason_bytes,
        log_lines,
        compile,
    } = limits;
    let all = [
        ("fuel", fuel),
        ("memory_bytes", memory_bytes as u64),
        ("consultation_ms", epoch_ms),
        ("stack_bytes", stack_bytes as u64),
        ("tables", tables as u64),
        ("table_elements", table_elements as u64),
        ("answer_bytes", answer_bytes as u64),
        ("ballot_entries", ballot_entries as u64),
        ("reason_bytes", reason_bytes as u64),
        ("log_lines", log_lines as u64),
        ("module_bytes", compile.module_bytes),
        ("compile_s", compile.seconds),
        ("compile_bytes", compile.memory_bytes),
    ];
    all.map(|(name, limit)| (name.to_owned(), limit)).into()
}

/// The limits of a recorded setup. What it does not say is as by default.
pub(crate) fn limits(recorded: &BTreeMap<String, u64>) -> Limits {
    let mut limits = Limits::default();
    let sizes = [
        ("memory_bytes", &mut limits.memory_bytes),
        ("stack_bytes", &mut limits.stack_bytes),
        ("tables", &mut limits.tables),
        ("table_elements", &mut limits.table_elements),
        ("answer_bytes", &mut limits.answer_bytes),
        ("ballot_entries", &mut limits.ballot_entries),
        ("reason_bytes", &mut limits.reason_bytes),
        ("log_lines", &mut limits.log_lines),
    ];
    for (name, limit) in sizes {
        let size = recorded.get(name).and_then(|&limit| usize::try_from(limit).ok());
        *limit = size.unwrap_or(*limit);
    }
    let others = [
        ("fuel", &mut limits.fuel),
        ("consultation_ms", &mut limits.epoch_ms),
        ("module_bytes", &mut limits.compile.module_bytes),
        ("compile_s", &mut limits.compile.seconds),
        ("compile_bytes", &mut limits.compile.memory_bytes),
    ];
    for (name, limit) in others {
        *limit = recorded.get(name).copied().unwrap_or(*limit);
    }
    limits
}
