//! What the host keeps beside a running guest.

use std::sync::Arc;

use jettison_model::Snapshot;
use wasmtime::ResourceLimiter;

use crate::limits::{CORE_INSTANCES_MAX, Limits, MEMORIES_MAX};
use crate::text::short_line;

/// The level of a log line that a panicking guest leaves.
const LEVEL_ERROR: u32 = 1;

/// A line that a policy wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// 1 error, 2 warn, 3 info, 4 debug; other numbers as the policy gave them.
    pub level: u32,
    /// One line, control characters escaped, cut to
    /// [`LOG_LINE_BYTES_MAX`](jettison_model::limits::LOG_LINE_BYTES_MAX) bytes before that.
    pub message: String,
}

/// The state of one store: what the guest may see, what it said, what it was denied.
pub(crate) struct Guest {
    pub(crate) snapshot: Snapshot,
    pub(crate) config: Arc<str>,
    pub(crate) log: Vec<LogLine>,
    /// The last line, if it was an error: a panic's message, should a trap follow.
    pub(crate) last_error: Option<String>,
    limits: Limits,
    /// Whether the guest was refused memory.
    pub(crate) denied: bool,
    /// How large a table it wanted and was refused.
    pub(crate) table_denied: Option<usize>,
}

impl Guest {
    pub(crate) fn new(snapshot: Snapshot, config: Arc<str>, limits: Limits) -> Self {
        Self {
            snapshot,
            config,
            log: Vec::new(),
            last_error: None,
            limits,
            denied: false,
            table_denied: None,
        }
    }

    /// Keeps a line, cut to its limit, unless there are too many already.
    pub(crate) fn emit(&mut self, level: u32, message: &str) {
        let message = short_line(message);
        self.last_error = (level == LEVEL_ERROR).then(|| message.clone());
        if self.log.len() < self.limits.log_lines {
            self.log.push(LogLine { level, message });
        }
    }
}

impl ResourceLimiter for Guest {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = desired <= self.limits.memory_bytes && maximum.is_none_or(|max| desired <= max);
        self.denied |= !allowed;
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = desired <= self.limits.table_elements && maximum.is_none_or(|max| desired <= max);
        self.table_denied = (!allowed).then_some(desired).or(self.table_denied);
        Ok(allowed)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX as usize
    }

    fn tables(&self) -> usize {
        self.limits.tables
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX as usize
    }
}
