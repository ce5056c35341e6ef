//! A scenario: what runs in the machine, and what should come of it. One TOML file each.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A scenario. Times count from the moment when everything that is to be there before stands.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One line.
    pub summary: String,
    /// The machine's memory, MiB.
    pub memory_mib: u32,
    /// It ends so long after the first death, or at `seconds` if nobody dies.
    #[serde(default = "settle_ms")]
    pub settle_ms: u64,
    /// It ends then at the latest.
    pub seconds: u64,
    /// How the daemon is run, in the runs that have it.
    #[serde(default)]
    pub daemon: Daemon,
    /// Memcgs.
    #[serde(default)]
    pub memcg: Vec<Memcg>,
    /// Who runs.
    pub process: Vec<Process>,
    /// What should come of it with Jettison.
    pub with: Expected,
    /// What comes of it with the kernel alone.
    pub without: Expected,
}

/// Longer than the daemon's cool-down and than a PSI trigger counts, so that a second, needless victim is seen.
fn settle_ms() -> u64 {
    3_000
}

/// How the daemon is run.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Daemon {
    /// Its configuration; none at all without.
    pub config: Option<String>,
    /// Stops it (SIGSTOP) then, so that only what it has written to the kernel is left of it.
    pub stop_at_ms: Option<u64>,
    /// Copies the example policy to `/run/policies/site.wasm` then, where the configuration may expect it.
    pub copy_policy_at_ms: Option<u64>,
}

/// A memcg.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memcg {
    /// Below the root, without a slash.
    pub name: String,
    /// `memory.max`; no limit without.
    pub max_mib: Option<u64>,
    /// Is removed and made anew then, as that of a service which restarts. Nobody may be in it.
    pub again_at_ms: Option<u64>,
    /// What systemd was told of it, `avoid` or `omit`: the attribute that it would set (systemd.resource-control(5)).
    pub oom_preference: Option<String>,
}

/// A workload under a name of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Its name, which is its comm, too.
    pub name: String,
    /// What it does: the options of `workload`.
    pub does: String,
    /// Its memcg.
    pub memcg: Option<String>,
    /// When it starts. Without, it is there before the daemon, and everything waits until it holds what it is to hold.
    pub start_ms: Option<u64>,
}

/// What should come of a run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Who dies first; nobody without.
    pub first: Option<String>,
    /// By which signal.
    pub signal: Option<i32>,
    /// Sent by whom: `jettison` or `kernel`.
    pub by: Option<String>,
    /// Who is alive at the end.
    pub alive: Vec<String>,
    /// How many processes the kernel's OOM killer takes. Any number without.
    pub kernel_oom_kills: Option<usize>,
    /// MemAvailable falls at least this low, MiB: who claims to be near a threshold must have been there.
    pub available_falls_to_mib: Option<u64>,
    /// What stands in the daemon's log, once it watches.
    #[serde(default)]
    pub says: Vec<String>,
    /// What `jettison doctor` finds, once the daemon watches: a check, and how its `STATUS: FOUND` begins.
    #[serde(default)]
    pub doctor: BTreeMap<String, String>,
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// As TOML and the fields have them, with the line.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}
