//! A service with sidecars: a proxy or a log shipper is started again within a second, the service is not.

use jettison_sdk::matching::{Matcher, comm, unit};
use jettison_sdk::{Ballot, Description, Pattern, Policy, Problem, Signal, Snapshot, Step};
use serde::Deserialize;

/// The table `[policy.config]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Units that have sidecars.
    pub units: Vec<Pattern>,
    /// Command names of the sidecars. All others of these units are the service.
    pub sidecars: Vec<Pattern>,
}

/// The policy.
#[derive(Debug)]
pub struct Sidecars {
    config: Config,
}

impl Policy for Sidecars {
    type Config = Config;

    fn describe() -> Description {
        let (version, summary) = (env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"));
        Description { name: "sidecars", version, summary }
    }

    fn validate(config: &Config) -> Vec<Problem> {
        // Without sidecars all of the unit would be kept, which is another policy.
        let is_half = config.units.is_empty() != config.sidecars.is_empty();
        is_half.then(|| Problem::new("", "needs both `units` and `sidecars`")).into_iter().collect()
    }

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn rank(&self, snapshot: &Snapshot, ballot: &mut Ballot) -> Result<(), String> {
        let Config { units, sidecars } = &self.config;
        for p in snapshot.processes().filter(unit(units).but_not(comm(sidecars))) {
            ballot.protect(p, 400).because("the service, and not what stands beside it");
        }
        for p in snapshot.processes().filter(unit(units).and(comm(sidecars))) {
            let growing = p.growth_bytes_per_s().is_some_and(|growth| growth > 1 << 20);
            let (urgency, what) = if growing { (800, "a sidecar that grows") } else { (500, "a sidecar") };
            ballot
                .sacrifice(p, urgency)
                .because(format!("{what}, which its supervisor starts again"))
                .shutdown([Step::signal(Signal::TERM, 2_000)]);
        }
        Ok(())
    }
}

jettison_sdk::export!(Sidecars);
