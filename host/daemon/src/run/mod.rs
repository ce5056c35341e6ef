//! `jettison run`: the daemon.

mod answer;
mod daemon;
mod events;
mod protect;
mod reloading;
mod start;
mod wakers;

pub(crate) use start::run;
