//! A scenario: what runs in the machine, and what should come of it. One TOML file each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A scenario. Times count from the moment when everything that is to be there before stands.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One line.
    pub summary: String,
    /// The machine's memory, MiB.
    pub memory_mib: u32,
    /// What its image has beyond busybox and our programs.
    pub image: Option<Extra>,
    /// It ends so long after the first process has ended, or at `seconds` if none does.
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
    /// What runs.
    pub process: Vec<Process>,
    /// What should come of it with Jettison.
    pub with: Expected,
    /// What comes of it with the kernel alone.
    pub without: Expected,
}

/// Longer than the daemon's cool-down and than a PSI trigger counts, so that a needless victim is seen.
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
    /// Is removed and made anew then, as that of a service which restarts. No process may be in it.
    pub again_at_ms: Option<u64>,
    /// What systemd was told of it, `avoid` or `omit`: the attribute that it would set
    /// (systemd.resource-control(5)).
    pub oom_preference: Option<String>,
}

/// What an image can have beyond busybox and our programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extra {
    /// The host's PostgreSQL: its programs in `/usr/lib/postgresql/bin`, an empty cluster of uid 70 in
    /// `/var/lib/postgresql/data`.
    Postgres,
}

/// A workload under a name of its own, or a program.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Its comm. That of a program is its file's name.
    pub name: String,
    /// What a workload does: the options of `workload`.
    #[serde(default)]
    pub does: String,
    /// A program of the image and its arguments, instead of a workload.
    #[serde(default)]
    pub program: Vec<String>,
    /// Its environment, beyond ours.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Its user and group.
    #[serde(default)]
    pub uid: u32,
    /// Its `oom_score_adj`.
    #[serde(default)]
    pub oom_score_adj: i16,
    /// The file that its output goes to.
    pub log: Option<String>,
    /// A command that succeeds while it is up. The daemon starts when it first does. At the end, a process
    /// that is not up is not alive.
    #[serde(default)]
    pub probe: Vec<String>,
    /// So many of it.
    #[serde(default = "one")]
    pub copies: usize,
    /// Its memcg.
    pub memcg: Option<String>,
    /// When it starts. Without, it is there before the daemon, which waits until it holds what it is to hold.
    pub start_ms: Option<u64>,
}

fn one() -> usize {
    1
}

/// A text in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// The file, such as the `log` of a process.
    pub file: String,
    /// The text, within a line.
    pub text: String,
}

/// What should come of a run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The process that ends first; none without.
    pub first: Option<String>,
    /// By which signal.
    pub signal: Option<i32>,
    /// Sent by which: `jettison` or `kernel`.
    pub by: Option<String>,
    /// The processes that are alive at the end.
    pub alive: Vec<String>,
    /// What the daemon may signal: names, or how command lines begin. Without, `first`.
    #[serde(default)]
    pub victims: Vec<String>,
    /// It signals at least so many of them.
    pub victims_min: Option<usize>,
    /// And at most so many.
    pub victims_max: Option<usize>,
    /// The only signals that it sends. Any without.
    #[serde(default)]
    pub signals: Vec<i32>,
    /// How many other processes it signals. Any number without.
    pub bystanders: Option<usize>,
    /// How many processes the kernel's OOM killer takes. Any number without.
    pub kernel_oom_kills: Option<usize>,
    /// MemAvailable falls at least this low, MiB: so that a scenario has been near the threshold it is about.
    pub available_falls_to_mib: Option<u64>,
    /// What stands in the daemon's log, once it watches.
    #[serde(default)]
    pub says: Vec<String>,
    /// What stands in files of the machine at the end.
    #[serde(default)]
    pub log_has: Vec<Text>,
    /// What does not.
    #[serde(default)]
    pub log_lacks: Vec<Text>,
    /// What `jettison doctor` finds, once the daemon watches: a check, and how its `STATUS: FOUND` begins.
    #[serde(default)]
    pub doctor: BTreeMap<String, String>,
}

impl Expected {
    /// Whether the daemon may signal a process of this name and command line.
    #[must_use]
    pub fn is_victim(&self, name: &str, title: &str) -> bool {
        let is_it = |victim: &String| name == victim || title.starts_with(victim.as_str());
        match self.victims.as_slice() {
            [] => self.first.iter().any(is_it),
            victims => victims.iter().any(is_it),
        }
    }
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// As TOML and the fields have them, with the line.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// What should come of it.
    #[must_use]
    pub fn expected(&self, has_jettison: bool) -> &Expected {
        if has_jettison { &self.with } else { &self.without }
    }
}
