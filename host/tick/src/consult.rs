//! How a tick consults the policies (stage 2): a trait, so that the tick builds without wasmtime.

use jettison_model::{Needs, Snapshot, Vote};

/// What answers with ballots: the loaded policies, or scripted ones.
pub trait Consult {
    /// What the sensor must read for the policies, beyond what the host itself needs.
    fn needs(&self) -> Needs;
    /// Consults each policy. Returns a vote and its cost for each, in the order of the configuration.
    fn consult(&mut self, snapshot: &Snapshot) -> (Vec<Vote>, Vec<Consulted>);
    /// Counts that a shadow policy, by its place in the order, would have chosen another first victim.
    fn would_differ(&mut self, at: usize);
}

/// No ballot at all, so that the built-in ranking decides.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPolicies;

impl Consult for NoPolicies {
    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn consult(&mut self, _: &Snapshot) -> (Vec<Vote>, Vec<Consulted>) {
        (Vec::new(), Vec::new())
    }

    fn would_differ(&mut self, _: usize) {}
}

/// What one policy's consultation cost, and what it wrote to the log.
#[derive(Clone, Debug, Default)]
pub struct Consulted {
    /// Units of fuel.
    pub fuel: u64,
    /// Microseconds.
    pub us: u64,
    /// In order.
    pub log: Vec<LogLine>,
}

/// A line that a policy wrote to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// 1 error, 2 warn, 3 info, 4 debug; other numbers as the policy gave them.
    pub level: u32,
    /// One line, control characters escaped.
    pub message: String,
}
