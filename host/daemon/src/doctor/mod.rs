//! `jettison doctor`: what this host offers and lacks, and what to do about it. Changes nothing.

mod check;
mod checks;
mod command;
mod kernel;
mod report;
mod running;
mod service;

pub(crate) use command::doctor;
