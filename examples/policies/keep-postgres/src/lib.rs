//! Keeps a PostgreSQL primary, gives up a backend that runs away, and says how the postmaster would like to
//! go.

use jettison_sdk::{Ballot, Description, NoConfig, Policy, Signal, Snapshot, Step};

/// Anonymous memory from which on a backend is no longer worth its query.
const BACKEND_BYTES_MAX: u64 = 1 << 30;

struct KeepPostgres;

impl Policy for KeepPostgres {
    type Config = NoConfig;

    fn describe() -> Description {
        let (version, summary) = (env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"));
        Description { name: "keep-postgres", version, summary }
    }

    fn new(NoConfig {}: NoConfig) -> Self {
        Self
    }

    fn rank(&self, snapshot: &Snapshot, ballot: &mut Ballot) -> Result<(), String> {
        for p in snapshot.processes().filter(|p| p.comm() == b"postgres") {
            let parent_is_postgres = p.parent().is_some_and(|parent| parent.comm() == b"postgres");
            if !parent_is_postgres {
                // SIGINT is the fast shutdown: sessions are ended, nothing has to be recovered.
                ballot
                    .protect(p, 900)
                    .because("the postmaster")
                    .shutdown([Step::signal(Signal::INT, 30_000)]);
            } else if p.anon_and_swap_bytes() > BACKEND_BYTES_MAX {
                // SIGINT cancels the query and keeps the connection; SIGTERM ends the connection.
                let steps = [Step::signal(Signal::INT, 1_000), Step::signal(Signal::TERM, 2_000)];
                ballot.sacrifice(p, 700).because("a backend with a runaway query").shutdown(steps);
            }
        }
        Ok(())
    }
}

jettison_sdk::export!(KeepPostgres);

#[cfg(test)]
mod tests {
    use jettison_sdk::testing::{Machine, Subject};

    use super::KeepPostgres;

    #[test]
    fn the_postmaster_stays_and_the_runaway_backend_goes() {
        let mut machine = Machine::new().memory_mib(8192).available_mib(400);
        let postmaster = machine.process("postgres").anon_mib(30).shmem_mib(2048).pid();
        machine.process("postgres").child_of(postmaster).anon_mib(40);
        let runaway = machine.process("postgres").child_of(postmaster).anon_mib(3000).pid();
        let verdict = machine.consult::<KeepPostgres>();
        assert_eq!(verdict.strength(postmaster), Some(900));
        assert_eq!(verdict.sacrifices(), [Subject::Process(runaway)]);
    }
}
