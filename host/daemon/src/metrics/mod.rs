//! Figures of the daemon in Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats).
//!
//! ```text
//! run ─ Metrics ─▶ text ─▶ `[metrics] textfile`, and `jettison metrics` over the control socket
//! ```

mod counted;
mod histogram;
mod text;
mod textfile;

pub(crate) use counted::{Metrics, Now};
pub(crate) use textfile::Textfile;
