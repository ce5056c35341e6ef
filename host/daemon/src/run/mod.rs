//! `jettison run`: the daemon.

mod daemon;
mod events;
mod log;
mod pace;
mod protect;
mod start;
mod victims;

pub(crate) use start::run;
