//! What the journal holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use jettison_decide::{InFlight, Settings, State};
use jettison_model::{Plan, Snapshot, Vote};
use serde::{Deserialize, Serialize};

/// One record.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// What the daemon decides with from here on.
    Setup(Arc<Setup>),
    /// One tick, whole.
    Tick(Box<Tick>),
    /// The levels at a tick that is not recorded whole.
    Sample(Sample),
    /// A victim is gone or was given up; or the kernel's OOM killer took a process.
    End(Box<End>),
}

/// What decisions depend on beside the machine. It stands at the beginning of each segment, and again where
/// it changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// Since when: milliseconds since 1970.
    pub at_ms: u64,
    /// The daemon's version.
    pub jettison: String,
    /// Nothing is carried out.
    pub is_dry: bool,
    /// As configured.
    pub settings: Settings,
    /// In the order of the configuration.
    pub policies: Vec<PolicySetup>,
    /// The names under `[hooks]`: a ballot may name them.
    pub hooks: Vec<String>,
    /// What one consultation may use, by name.
    pub limits: BTreeMap<String, u64>,
}

/// One policy, with all that its ballots depend on beside the snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySetup {
    /// As configured.
    pub name: String,
    /// `builtin:NAME` or a path.
    pub source: String,
    /// SHA-256 of the module; none if it could not be loaded.
    pub digest: Option<String>,
    /// In its author's numbering.
    pub version: Option<String>,
    /// 1..=100
    pub weight: u32,
    /// Without a say.
    #[serde(default)]
    pub shadow: bool,
    /// The functions of `details` that it may import; none for all.
    pub grants: Option<Vec<String>>,
    /// `[policy.config]`, as JSON text.
    pub config: String,
}

/// A tick: all that the decision was made from, and what it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// What was, with the exclusions marked.
    pub snapshot: Snapshot,
    /// What the policies said.
    pub votes: Arc<Vec<Vote>>,
    /// The victims that were under way.
    pub in_flight: Vec<InFlight>,
    /// What decisions before had left.
    pub state: State,
    /// What was decided.
    pub plan: Plan,
    /// Which setup it was made with: its checksum. Filled in when it is written.
    pub setup: u32,
}

/// The levels at one moment. Sentinels are those of the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// Why the tick happened.
    pub cause: String,
    /// Of the domain.
    pub total_bytes: u64,
    /// Of the domain.
    pub available_bytes: u64,
    /// Of the domain.
    pub swap_free_bytes: u64,
    /// PSI `some avg10` of memory, hundredths of a percent.
    pub some_avg10: u32,
    /// PSI `full avg10`, likewise.
    pub full_avg10: u32,
}

/// How a victim ended. Fields are added, never changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct End {
    /// When it was named: milliseconds since 1970.
    pub at_ms: u64,
    /// What shut it down: `jettison`, the `kernel`, or `dry-run`, which only says what it would have done.
    pub by: String,
    /// Its root.
    pub pid: u32,
    /// The root's start time, 0 if it is not known.
    pub start_time: u64,
    /// The root's name.
    pub comm: String,
    /// The root's effective user.
    pub uid: Option<u32>,
    /// Its command line with blanks, where a policy has it sensed.
    pub cmdline: Option<String>,
    /// The root's memcg.
    pub memcg: String,
    /// Its systemd unit; empty if there is none.
    pub service_unit: String,
    /// The id of its container; empty if there is none.
    pub container: String,
    /// The uid of its pod; empty if there is none.
    pub pod: String,
    /// Why the tick happened.
    pub cause: String,
    /// `process`, `tree` or `memcg`.
    pub target: String,
    /// How many processes it had.
    pub members: u64,
    /// The policy whose entry made it the victim.
    pub policy: String,
    /// Why.
    pub reason: String,
    /// It took SIGKILL.
    pub killed: bool,
    /// The kernel refused every signal to it.
    pub refused: bool,
    /// A part of a service that did not answer.
    pub unanswered: bool,
    /// What was done, in order.
    pub steps: Vec<String>,
    /// From naming it until it was gone.
    pub took_ms: u64,
    /// What its end should have given back.
    pub predicted_relief_bytes: u64,
    /// What it gave back.
    pub measured_relief_bytes: u64,
}
