//! `jettison run`: the daemon.

mod answer;
mod daemon;
mod events;
mod kept;
mod log;
mod manager;
mod measures;
mod protect;
mod reloading;
mod settle;
mod start;
mod swap;
mod triggers;
mod watchdog;

pub(crate) use start::run;
