//! What makes a struct a policy, and how the host's calls reach it.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::ballot::{Ballot, Entry};
use crate::snapshot::Snapshot;

/// A policy: it ranks, the host acts.
///
/// Each consultation makes a new value of it from the configuration and asks it once, so it cannot remember
/// anything from one decision to the next. The same snapshot and configuration must give the same ballot.
pub trait Policy: Sized {
    /// The table `[policy.config]`. Give it `#[serde(default, deny_unknown_fields)]`, so that what is left
    /// out has its default and a misspelt key is found. [`NoConfig`] for a policy without any.
    type Config: DeserializeOwned + Default;

    /// Who the policy is.
    fn describe() -> Description;

    /// What is wrong with a configuration that could be read: all of it, not only the first.
    fn validate(config: &Self::Config) -> Vec<Problem> {
        let _ = config;
        Vec::new()
    }

    /// The policy with this configuration.
    fn new(config: Self::Config) -> Self;

    /// Ranks the processes of this snapshot.
    ///
    /// # Errors
    ///
    /// Says why it cannot. The host then treats the policy as faulted: its last good protections stay, the
    /// other policies decide.
    fn rank(&self, snapshot: &Snapshot, ballot: &mut Ballot) -> Result<(), String>;
}

/// Who a policy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// Lower case, digits and dashes.
    pub name: &'static str,
    /// Of the policy itself, in its author's numbering: `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// One line for people: `env!("CARGO_PKG_DESCRIPTION")`.
    pub summary: &'static str,
}

/// Something in the configuration that the policy cannot work with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, with dots between levels; empty for the whole.
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Problem {
    /// What is wrong with the value of a key.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}

/// The configuration of a policy that has none: every key in it is a mistake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// Reads the configuration, JSON text.
fn parse<C: DeserializeOwned + Default>(config: &str) -> Result<C, Problem> {
    // There is nothing to read. Known when this is compiled, so that a policy without a configuration is a
    // module without a JSON reader: most of its size.
    if size_of::<C>() == 0 {
        let is_empty = config.bytes().filter(|byte| !byte.is_ascii_whitespace()).eq(*b"{}");
        let message = "this policy has no configuration: leave `[policy.config]` out";
        return if is_empty { Ok(C::default()) } else { Err(Problem::new("", message)) };
    }
    let mut json = serde_json::Deserializer::from_str(config);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let key = error.path().to_string();
        let key = if key == "." { String::new() } else { key };
        Problem { key, message: error.into_inner().to_string() }
    })?;
    json.end().map_err(|error| Problem::new("", error.to_string()))?;
    Ok(parsed)
}

/// All that is wrong with a configuration, JSON text.
pub(crate) fn problems<P: Policy>(config: &str) -> Vec<Problem> {
    match parse(config) {
        Ok(config) => P::validate(&config),
        Err(problem) => vec![problem],
    }
}

/// One consultation.
pub(crate) fn consult<P: Policy>(config: &str, snapshot: &Snapshot) -> Result<Vec<Entry>, String> {
    let config = parse(config).map_err(|Problem { key, message }| match key.as_str() {
        "" => format!("cannot read the configuration: {message}"),
        key => format!("cannot read the configuration, key `{key}`: {message}"),
    })?;
    let mut ballot = Ballot::default();
    P::new(config).rank(snapshot, &mut ballot)?;
    Ok(ballot.into_entries())
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Config {
        share: u32,
    }

    #[test]
    fn a_key_that_is_wrong_is_named() {
        assert_eq!(parse(r#"{"share": 7}"#), Ok(Config { share: 7 }));
        assert_eq!(parse("{}"), Ok(Config::default()));
        let key = |config: &str| parse::<Config>(config).unwrap_err().key;
        assert_eq!([key(r#"{"share": -1}"#), key(r#"{"shard": 1}"#), key("[")], ["share", "shard", ""]);
    }

    #[test]
    fn no_configuration_is_none() {
        assert_eq!((parse("{}"), parse(" { } ")), (Ok(NoConfig {}), Ok(NoConfig {})));
        let problem = parse::<NoConfig>(r#"{"a": 1}"#).unwrap_err();
        assert!(problem.message.contains("has no configuration"), "{problem:?}");
    }
}
