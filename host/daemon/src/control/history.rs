//! `jettison history`: what the running daemon remembers, or what its journal has.

use std::path::PathBuf;

use jettison_tick::clock::Clock;

use super::client::{ask, call};
use super::wire::{Answer, Ask};
use crate::failure::Failure;
use crate::{cli, journal};

pub(crate) fn history(args: &cli::History) -> Result<(), Failure> {
    let Some(since) = &args.since else {
        return ask(&args.asks.state_dir, Ask::History { dry: args.dry }, args.asks.json);
    };
    let since_ms =
        journal::duration_ms(since).map_err(|why| Failure::Usage(format!("--since {since}: {why}")))?;
    let directory = match &args.journal {
        Some(directory) => directory.clone(),
        None => of_daemon(args)?,
    };
    let since_ms = Clock.now().wall_ms.saturating_sub(since_ms);
    journal::history(&[directory], journal::Wanted { since_ms, is_dry: args.dry }, args.asks.json)
}

/// Where the running daemon has it.
fn of_daemon(args: &cli::History) -> Result<PathBuf, Failure> {
    let state_dir = &args.asks.state_dir;
    match call(state_dir, Ask::Status) {
        Ok(Answer::Status(status)) => status.journal.map(PathBuf::from).ok_or_else(|| {
            Failure::Failed("this daemon keeps no journal: see `[journal] max_mib`, and its log".into())
        }),
        Ok(_) => {
            Err(Failure::Failed("the daemon did not say where its journal is: name it with --journal".into()))
        }
        // A daemon that is down has left it there, unless it was told otherwise.
        Err(failure) => Some(state_dir.join("journal")).filter(|directory| directory.is_dir()).ok_or(failure),
    }
}
