//! The shell: command line, configuration, the loop. What it decides is decided in `jettison-decide`.
//!
//! ```text
//! run ──────┐
//! explain ──┤  pipeline: sense ─▶ gate ─▶ consult ─▶ decide ─▶ Plan
//! snapshot  │             └─▶ a file ─▶ explain                 │
//! check     │                                                   │
//! doctor    │                                                   │
//!           └── run only: act (hold, victims) ◀─────────────────┘
//! ```
//!
//! Two programs are made of it: `jettison` has everything, `jettisond` is `jettison run` alone. What a daemon
//! has mapped is locked, so this one is to have no compiler, no TLS and no terminal: its children are
//! `jettison`.

#![deny(unsafe_code)]
#![cfg_attr(not(feature = "tools"), allow(dead_code, unused_imports, reason = "what only `jettison` uses"))]

#[cfg(feature = "tools")]
mod author;
mod bounded;
mod check;
mod cli;
mod config;
mod control;
mod doctor;
mod explain;
mod failure;
mod import;
mod journal;
mod layout;
mod least;
mod metrics;
mod policies;
mod private;
mod program;
mod registry;
mod reload;
mod run;
mod snapshot;
mod top;
mod trust;
mod users;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use control::Ask;
use failure::Failure;

/// `jettisond`.
#[must_use]
pub fn daemon() -> ExitCode {
    ended(run::run(&cli::Daemon::parse().run))
}

/// `jettison`.
#[cfg(feature = "tools")]
#[must_use]
pub fn tool() -> ExitCode {
    ended(match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Snapshot(args) => snapshot::snapshot(&args),
        Command::Check(args) => check::check(&args),
        Command::Status(args) => control::client::ask(&args.state_dir, Ask::Status, args.json),
        Command::History(args) => control::history(&args),
        Command::Top(args) => top::top(&args),
        Command::Metrics(args) => control::client::ask(&args.state_dir, Ask::Metrics, false),
        Command::Replay(args) => journal::replay(&args),
        Command::Diff(args) => journal::diff(&args),
        Command::Report(args) => journal::report(&args),
        Command::Export(args) => journal::export(&args),
        Command::Reload(args) => {
            control::client::ask(&args.asks.state_dir, Ask::Reload { lift: args.lift }, args.asks.json)
        }
        Command::Why(args) if args.not => explain::why_not(&args),
        Command::Why(args) if explain::is_given(&args.look) => {
            Err(Failure::Usage("what is looked at can be chosen with `why --not` only".into()))
        }
        Command::Why(args) => {
            control::client::ask(&args.asks.state_dir, Ask::Why { pid: args.pid }, args.asks.json)
        }
        Command::Doctor(args) => doctor::doctor(&args),
        Command::New(args) => author::new(&args),
        Command::Build(args) => author::build(&args),
        Command::Test(args) => author::test(&args),
        Command::Dev(args) => author::dev(&args),
        Command::Inspect(args) => author::inspect(&args),
        Command::Bench(args) => author::bench(&args),
        Command::Pull(args) => author::pull(&args),
        Command::Push(args) => author::push(&args),
        Command::Schema => config::print_schema(),
        Command::Import(args) => import::import(&args),
        Command::CompileModule { limits } => policies::compile_module(&limits),
        Command::FetchModule => registry::fetch_module(),
        Command::CompileBuiltin { directory } => policies::compile_builtin(&directory),
    })
}

fn ended(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
