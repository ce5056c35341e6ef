//! Talking to the running daemon: one line of JSON each way over a socket in the state directory.
//!
//! ```text
//! jettison status ─▶ client ─▶ control.sock ─▶ server ─▶ Event::Asked ─▶ the loop ─▶ Answer
//! ```

pub(crate) mod client;
mod history;
mod place;
mod server;
mod show;
mod wire;

pub(crate) use history::history;
pub(crate) use place::socket;
pub(crate) use server::{Asked, listen};
#[cfg(test)]
pub(crate) use wire::Quantiles;
pub(crate) use wire::{
    Answer, Ask, Held, History, OnItsWay, Order, Past, PolicyStatus, QuarantinedModule, ReloadStatus, Status,
    Why,
};
