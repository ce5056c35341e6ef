//! What goes over the socket. Frozen within a version: fields are added, never changed.

use jettison_record::End;
use serde::{Deserialize, Serialize};

/// Of the protocol.
pub(super) const VERSION: u32 = 1;

/// One line to the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) version: u32,
    #[serde(flatten)]
    pub(super) ask: Ask,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub(crate) enum Ask {
    Status,
    /// Waits until the reload is over. With `lift` policies in quarantine are consulted again.
    Reload {
        #[serde(default)]
        lift: bool,
    },
    /// With `dry` what a dry run would have shut down, else what was.
    History {
        #[serde(default)]
        dry: bool,
    },
    Metrics,
    Why {
        pid: u32,
    },
    /// The first so many of the order.
    Order {
        top: usize,
    },
}

/// One line from the daemon.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Response {
    pub(super) version: u32,
    #[serde(flatten)]
    pub(super) answer: Answer,
}

/// What is answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(crate) enum Answer {
    Status(Box<Status>),
    Reload(ReloadStatus),
    History(History),
    Why(Why),
    Order(Box<Order>),
    /// In Prometheus' text format.
    Metrics {
        text: String,
    },
    /// In words, with what to do.
    Refused {
        why: String,
    },
}

/// `jettison status --json`. Times are milliseconds since 1970.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) schema: String,
    pub(crate) pid: u32,
    pub(crate) mode: String,
    pub(crate) scope: Option<String>,
    pub(crate) started_at: u64,
    pub(crate) ticks: u64,
    /// What a tick takes, microseconds.
    pub(crate) tick_us: Quantiles,
    /// How late the loop's timer came at worst since the start.
    pub(crate) late_ms_max: u64,
    /// How often the watchdog acted since the start, because the loop hung; null without a watchdog.
    #[serde(default)]
    pub(crate) takeovers: Option<u64>,
    /// Why the drill at the start has failed.
    #[serde(default)]
    pub(crate) drill: Option<String>,
    /// Lines of the log that could not be written, since the start.
    #[serde(default)]
    pub(crate) log_lines_lost: u64,
    /// Where ticks are recorded; none if they are not.
    #[serde(default)]
    pub(crate) journal: Option<String>,
    /// Records on disk, and those that were dropped, since the start.
    #[serde(default)]
    pub(crate) journal_records: u64,
    #[serde(default)]
    pub(crate) journal_bytes: u64,
    #[serde(default)]
    pub(crate) journal_records_lost: u64,
    /// Of the last tick.
    pub(crate) cause: String,
    pub(crate) memory_total_bytes: u64,
    pub(crate) memory_available_bytes: u64,
    pub(crate) warn_bytes: u64,
    pub(crate) act_bytes: u64,
    pub(crate) critical_bytes: u64,
    pub(crate) psi_triggers: usize,
    /// Memcgs that wake us when something happens in them.
    #[serde(default)]
    pub(crate) memcg_triggers: usize,
    /// Memcgs without a process that the last look left out, because there are very many.
    #[serde(default)]
    pub(crate) memcgs_left_out: usize,
    /// Whether the kernel's log tells which processes its OOM killer takes.
    #[serde(default)]
    pub(crate) has_kernel_log: bool,
    /// How many it took since the start, on the whole host.
    #[serde(default)]
    pub(crate) kernel_kills: u64,
    pub(crate) policies: Vec<PolicyStatus>,
    /// Modules that were copied in and misbehaved on trial: not let in, the ones before them stay.
    #[serde(default)]
    pub(crate) quarantined: Vec<QuarantinedModule>,
    pub(crate) held: Vec<Held>,
    /// Victims that are on their way.
    pub(crate) underway: usize,
    /// Why the last tick named no victim although memory is short, as a word and in words.
    #[serde(default)]
    pub(crate) outcome: Option<String>,
    #[serde(default)]
    pub(crate) idle: Option<String>,
    pub(crate) last_reload: Option<ReloadStatus>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PolicyStatus {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) digest: Option<String>,
    pub(crate) source: String,
    pub(crate) loaded_at: u64,
    /// `active`, `shadow`, `quarantined`, `last-good` (it faults, and its last good protections stay) or
    /// `fault`.
    pub(crate) state: String,
    pub(crate) fault: Option<String>,
    pub(crate) consultations: u64,
    pub(crate) faults: u64,
    pub(crate) would_differ: u64,
    pub(crate) fuel: Quantiles,
    pub(crate) us: Quantiles,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct QuarantinedModule {
    pub(crate) policy: String,
    pub(crate) digest: String,
    pub(crate) why: String,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Quantiles {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
}

impl From<(u64, u64)> for Quantiles {
    fn from((p50, p99): (u64, u64)) -> Self {
        Self { p50, p99 }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) pid: u32,
    pub(crate) original: i16,
    pub(crate) value: i16,
}

/// What came of a reload. Without problems everything new is live; with any, nothing has changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReloadStatus {
    pub(crate) at: u64,
    pub(crate) took_ms: u64,
    pub(crate) problems: Vec<String>,
    /// What has changed in the configuration and takes a restart.
    pub(crate) needs_restart: Vec<String>,
}

/// `jettison history --json`: the last victims, the latest last.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct History {
    pub(crate) schema: String,
    /// What a dry run would have shut down.
    #[serde(default)]
    pub(crate) dry: bool,
    pub(crate) victims: Vec<Past>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Past {
    /// When it was named.
    pub(crate) at: u64,
    /// What shut it down: `jettison`, or the `kernel`, whose OOM killer was faster. `dry-run` would have.
    #[serde(default = "jettison")]
    pub(crate) by: String,
    pub(crate) pid: u32,
    #[serde(default)]
    pub(crate) uid: Option<u32>,
    /// Its name. The daemon leaves it out; the command that prints it looks it up.
    #[serde(default)]
    pub(crate) user: Option<String>,
    pub(crate) comm: String,
    /// Its command line, where a policy has it sensed.
    #[serde(default)]
    pub(crate) cmdline: Option<String>,
    /// Its memcg, and what that belongs to; empty if nothing.
    #[serde(default)]
    pub(crate) memcg: String,
    #[serde(default)]
    pub(crate) service_unit: String,
    #[serde(default)]
    pub(crate) container: String,
    #[serde(default)]
    pub(crate) pod: String,
    pub(crate) cause: String,
    pub(crate) unit: String,
    pub(crate) members: usize,
    pub(crate) policy: String,
    pub(crate) reason: String,
    /// Whether it took SIGKILL.
    pub(crate) killed: bool,
    /// The kernel refused every signal to it (EPERM): it was given up, and is excluded since.
    #[serde(default)]
    pub(crate) refused: bool,
    /// A part of a service that went through its steps and is still there: it was given up on.
    #[serde(default)]
    pub(crate) unanswered: bool,
    /// What was done, in order: signals by their names, `hook NAME`, `stop-unit UNIT`, `... failed: WHY`.
    #[serde(default)]
    pub(crate) steps: Vec<String>,
    pub(crate) took_ms: u64,
    pub(crate) predicted_relief_bytes: u64,
    pub(crate) measured_relief_bytes: u64,
}

impl From<End> for Past {
    fn from(past: End) -> Self {
        Self {
            at: past.at_ms,
            by: past.by,
            pid: past.pid,
            uid: past.uid,
            user: None,
            comm: past.comm,
            cmdline: past.cmdline,
            memcg: past.memcg,
            service_unit: past.service_unit,
            container: past.container,
            pod: past.pod,
            cause: past.cause,
            unit: past.target,
            members: usize::try_from(past.members).unwrap_or(usize::MAX),
            policy: past.policy,
            reason: past.reason,
            killed: past.killed,
            refused: past.refused,
            unanswered: past.unanswered,
            steps: past.steps,
            took_ms: past.took_ms,
            predicted_relief_bytes: past.predicted_relief_bytes,
            measured_relief_bytes: past.measured_relief_bytes,
        }
    }
}

fn jettison() -> String {
    "jettison".into()
}

/// `jettison why PID --json`: what the last tick thought of a process, as in `explain --json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Why {
    pub(crate) schema: String,
    /// When the tick's snapshot was taken.
    pub(crate) taken_at: u64,
    pub(crate) cause: String,
    /// The effective user, if the kernel said.
    #[serde(default)]
    pub(crate) uid: Option<u32>,
    /// Its name, looked up as in [`Past`].
    #[serde(default)]
    pub(crate) user: Option<String>,
    /// Its row of the ranking; none if it is excluded.
    pub(crate) ranked: Option<serde_json::Value>,
    /// Why it is excluded, if it is.
    pub(crate) excluded: Option<String>,
}

/// What `jettison top` shows beside the status: the order of the last tick, and the victims under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) schema: String,
    /// When the tick's snapshot was taken.
    pub(crate) taken_at: u64,
    pub(crate) swap_total_bytes: u64,
    pub(crate) swap_free_bytes: u64,
    /// Percent; null without PSI.
    pub(crate) some_avg10: Option<f64>,
    pub(crate) full_avg10: Option<f64>,
    /// Until nothing is available at the present rate; null while it does not fall.
    pub(crate) exhaustion_ms: Option<u64>,
    /// How many processes are ranked.
    pub(crate) ranked: usize,
    /// The first of them, as in `explain --json`.
    pub(crate) ranking: Vec<serde_json::Value>,
    pub(crate) underway: Vec<OnItsWay>,
}

/// A victim under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OnItsWay {
    pub(crate) pid: u32,
    pub(crate) comm: String,
    pub(crate) members: usize,
    pub(crate) policy: String,
    pub(crate) reason: String,
    pub(crate) predicted_relief_bytes: u64,
    pub(crate) age_ms: u64,
    /// What was done, in order.
    pub(crate) steps: Vec<String>,
}
