//! A batch node: each job has a cgroup, can be put back into the queue, and knows how to write a checkpoint.

use jettison_sdk::{Ballot, Description, Policy, Problem, Signal, Snapshot, Step};
use serde::Deserialize;

/// The table `[policy.config]`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The cgroup that the jobs' are in.
    pub jobs: String,
    /// How long a checkpoint may take.
    pub checkpoint_ms: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { jobs: "/batch.slice".into(), checkpoint_ms: 20_000 }
    }
}

/// The policy.
#[derive(Debug)]
pub struct BatchNode {
    config: Config,
}

impl Policy for BatchNode {
    type Config = Config;

    fn describe() -> Description {
        let (version, summary) = (env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"));
        Description { name: "batch-node", version, summary }
    }

    fn validate(config: &Config) -> Vec<Problem> {
        let is_path = config.jobs.starts_with('/');
        (!is_path).then(|| Problem::new("jobs", "must be a path, as in /batch.slice")).into_iter().collect()
    }

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn rank(&self, snapshot: &Snapshot, ballot: &mut Ballot) -> Result<(), String> {
        // Nothing where no job runs.
        let Some(jobs) = snapshot.memcg(&self.config.jobs) else { return Ok(()) };
        for job in snapshot.memcgs().filter(|memcg| memcg.parent() == Some(jobs)) {
            let Some(oldest_ms) = job.processes().map(|p| p.age_ms()).max() else { continue };
            // What is lost is the work since it began.
            let minutes = u16::try_from(oldest_ms / 60_000).unwrap_or(u16::MAX);
            let steps =
                [Step::signal(Signal::USR1, self.config.checkpoint_ms), Step::signal(Signal::TERM, 5_000)];
            ballot
                .sacrifice(job, 900 - minutes.min(600))
                .because(format!("a job of {minutes} minutes, which the queue starts again"))
                .shutdown(steps);
        }
        Ok(())
    }
}

jettison_sdk::export!(BatchNode);
