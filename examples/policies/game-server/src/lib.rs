//! A game server: players of a match lose what they have played, and what builds maps can wait.

use jettison_sdk::matching::{Matcher, comm};
use jettison_sdk::{Ballot, Description, NoConfig, Policy, Signal, Snapshot, Step};

/// The policy.
#[derive(Debug)]
pub struct GameServer;

impl Policy for GameServer {
    type Config = NoConfig;

    fn describe() -> Description {
        let (version, summary) = (env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"));
        Description { name: "game-server", version, summary }
    }

    fn new(NoConfig {}: NoConfig) -> Self {
        Self
    }

    fn rank(&self, snapshot: &Snapshot, ballot: &mut Ballot) -> Result<(), String> {
        for p in snapshot.processes().filter(comm("lobby")) {
            ballot.protect(p, 1000).because("without the lobby no player finds a match");
        }
        for tool in snapshot.trees(comm("navbuild*").or(comm("replay-encode*"))) {
            ballot.sacrifice(tool.tree(), 900).because("can be done again when the evening is over");
        }
        for game in snapshot.trees(comm("match*")) {
            let minutes = game.age_ms() / 60_000;
            // The server tells the players on SIGUSR1, and saves the score on SIGTERM.
            let steps = [Step::signal(Signal::USR1, 10_000), Step::signal(Signal::TERM, 3_000)];
            ballot
                .sacrifice(game.tree(), 500 - u16::try_from(minutes.min(400)).unwrap_or(400))
                .because(format!("a match of {minutes} minutes"))
                .shutdown(steps);
        }
        Ok(())
    }
}

jettison_sdk::export!(GameServer);
