//! `jettison top`: the live daemon in a terminal. It asks what `status` and `why` ask, and reads nothing
//! itself.
//!
//! ```text
//! control socket ─▶ Status, Order ─▶ Scene ─ draw ─▶ a terminal, or text
//! ```

mod command;
mod draw;
mod scene;

pub(crate) use command::top;
