//! A host of CI runners: a job that took the memory fails alone, and the runners go on.

use jettison_sdk::matching::comm;
use jettison_sdk::{Ballot, Description, NoConfig, Policy, Snapshot};

const MIB: u64 = 1 << 20;

/// The policy.
#[derive(Debug)]
pub struct CiRunner;

impl Policy for CiRunner {
    type Config = NoConfig;

    fn describe() -> Description {
        let (version, summary) = (env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"));
        Description { name: "ci-runner", version, summary }
    }

    fn new(NoConfig {}: NoConfig) -> Self {
        Self
    }

    fn rank(&self, snapshot: &Snapshot, ballot: &mut Ballot) -> Result<(), String> {
        for runner in snapshot.processes().filter(comm(["Runner.Listener", "gitlab-runner"])) {
            ballot.protect(runner, 900).because("the runner, without which the host is idle");
        }
        // What it holds beyond what it held when memory was at ease; all of it where that is not known.
        let taken = snapshot.subtree_sums(|p| match p.taken_bytes() {
            Some(taken) => u64::try_from(taken).unwrap_or(0),
            None => p.anon_and_swap_bytes(),
        });
        for job in snapshot.trees(comm(["Runner.Worker", "gitlab-job*"])) {
            // Twenty for each doubling.
            let mib = taken[job] / MIB;
            let urgency = 300 + 20 * u16::try_from(mib.checked_ilog2().unwrap_or(0)).unwrap_or(0);
            ballot.sacrifice(job.tree(), urgency).because(format!("a job that took {mib} MiB"));
        }
        Ok(())
    }
}

jettison_sdk::export!(CiRunner);
