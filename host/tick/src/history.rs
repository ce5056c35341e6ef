//! The last victims that are gone or were given up, for `jettison history`.

use std::collections::VecDeque;

use jettison_model::Cause;

/// Victims that are remembered.
const LENGTH_MAX: usize = 64;

/// A victim that is gone or was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// When it was named, in milliseconds since 1970.
    pub at_ms: u64,
    /// Whether the kernel's OOM killer ended it.
    pub is_by_kernel: bool,
    /// Its root.
    pub pid: u32,
    /// The root's name.
    pub comm: String,
    /// The root's effective user when it was named, if that was known.
    pub uid: Option<u32>,
    /// Why the tick happened.
    pub cause: Cause,
    /// `process`, `tree` or `memcg`.
    pub target: &'static str,
    /// How many processes it had.
    pub members: usize,
    /// The policy whose entry made it the victim.
    pub policy: String,
    /// Why, for people.
    pub reason: String,
    /// Whether it took SIGKILL.
    pub was_killed: bool,
    /// The kernel refused every signal to it (EPERM): it was given up, and lives.
    pub is_refused: bool,
    /// A part of a service that did not answer its steps, and would have got SIGKILL otherwise: it was given
    /// up on, and lives.
    pub is_unanswered: bool,
    /// What was done, in order.
    pub steps: Vec<String>,
    /// From naming it until it was gone.
    pub took_ms: u64,
    /// What its end should have given back.
    pub predicted_relief_bytes: u64,
    /// What its end gave back.
    pub measured_relief_bytes: u64,
}

/// The last victims, the latest last.
#[derive(Debug, Default)]
pub(crate) struct History(VecDeque<Past>);

impl History {
    pub(crate) fn push(&mut self, past: Past) {
        if self.0.len() == LENGTH_MAX {
            self.0.pop_front();
        }
        self.0.push_back(past);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Past> {
        self.0.iter()
    }
}
