//! What happened in the machine: one line of JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Text;

/// What happened in one run. Times are milliseconds from the moment when everything stood.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// Whether Jettison ran.
    pub jettison: bool,
    /// What ended, in order.
    pub deaths: Vec<Death>,
    /// Signals that ended or could end a process, in order.
    pub sent: Vec<Sent>,
    /// What the kernel's OOM killer took (`/dev/kmsg`).
    pub kernel_oom_kills: Vec<String>,
    /// Which of the scenario's processes live at the end.
    pub alive: Vec<String>,
    /// The lowest MemAvailable.
    pub available_min_mib: u64,
    /// MemAvailable every half second.
    pub available_mib: Vec<u64>,
    /// The longest that a beat of every 10 ms was late.
    pub beat_gap_ms: u64,
    /// The longest from one fork + exec + read of a file to the next.
    pub fork_gap_ms: u64,
    /// What the daemon cost.
    pub daemon: Option<Cost>,
    /// What the daemon's log has of what the scenario expects in it.
    pub said: Vec<String>,
    /// What stands in files of what the scenario expects there, or does not.
    pub logged: Vec<Text>,
    /// What `jettison doctor` finds, if the scenario asks: `STATUS: FOUND` of each check.
    pub doctor: BTreeMap<String, String>,
    /// How many records of its journal the daemon dropped; none if it did not run to the end.
    pub journal_records_lost: Option<u64>,
    /// How long it ran.
    pub took_ms: u64,
}

impl Report {
    /// What sent the signal that ended a process. None if it ended by itself.
    #[must_use]
    pub fn killer(&self, death: &Death) -> Option<&str> {
        let is_last_straw = |sent: &&Sent| sent.pid == death.pid && How::Signal(sent.signal) == death.how;
        self.sent.iter().rev().find(is_last_straw).map(|sent| sent.from.as_str())
    }
}

/// The end of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// When.
    pub at_ms: u64,
    /// Its name.
    pub name: String,
    /// Its pid.
    pub pid: u32,
    /// How.
    pub how: How,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// By this signal.
    Signal(i32),
    /// With this status.
    Status(i32),
}

/// A signal, from the tracepoint `signal:signal_generate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Its number.
    pub signal: i32,
    /// To which process.
    pub to: String,
    /// To which pid.
    pub pid: u32,
    /// The command line of that process, or its name where it has none.
    pub title: String,
    /// From which; `kernel` where it was the kernel by itself.
    pub from: String,
}

/// What the daemon cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Time on a processor, in user and kernel mode.
    pub cpu_ms: u64,
    /// `Rss` of smaps_rollup.
    pub rss_kib: u64,
    /// `Pss` of smaps_rollup.
    pub pss_kib: u64,
}
