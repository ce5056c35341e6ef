//! A build farm: a linker is the largest process of all, at the end of the longest work.

use jettison_sdk::matching::comm;
use jettison_sdk::{Ballot, Description, Pattern, Policy, Snapshot};
use serde::Deserialize;

/// The table `[policy.config]`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What a build starts with.
    pub builders: Vec<Pattern>,
}

impl Default for Config {
    fn default() -> Self {
        let builders = ["make", "ninja", "cargo"].iter().flat_map(|name| Pattern::new(name));
        Self { builders: builders.collect() }
    }
}

/// The policy.
#[derive(Debug)]
pub struct BuildFarm {
    config: Config,
}

impl Policy for BuildFarm {
    type Config = Config;

    fn describe() -> Description {
        let (version, summary) = (env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"));
        Description { name: "build-farm", version, summary }
    }

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn rank(&self, snapshot: &Snapshot, ballot: &mut Ballot) -> Result<(), String> {
        let is_linker = comm(["ld", "ld.*", "mold", "rust-lld"]);
        for build in snapshot.trees(comm(&self.config.builders)) {
            if build.subtree().any(|p| is_linker(&p)) {
                ballot.protect(build.tree(), 200).because("a build that links is nearly done").without_hold();
                continue;
            }
            let minutes = build.age_ms() / 60_000;
            let urgency = 700 - u16::try_from(minutes.min(300)).unwrap_or(300);
            ballot.sacrifice(build.tree(), urgency).because(format!("a build of {minutes} minutes"));
        }
        Ok(())
    }
}

jettison_sdk::export!(BuildFarm);
