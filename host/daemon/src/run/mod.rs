//! `jettison run`: the daemon.

mod answer;
mod daemon;
mod events;
mod log;
mod pace;
mod protect;
mod reloading;
mod start;
mod victims;

pub(crate) use start::run;
