//! What an administrator can set under `[policy.config]`. Every default is meant to be right.

use jettison_sdk::Problem;
use serde::Deserialize;

/// The settings of `balanced`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Seconds after which a process is old. At this age its size weighs half, later less and less. Only an
    /// older one is protected for its size, only a younger one is part of a swarm.
    pub old_s: u64,
    /// Seconds for which growth is projected. A leak that would grow by more than others have taken in this
    /// time goes first.
    pub horizon_s: u64,
    /// How much of all memory, in percent, an old and steady process must have to be protected.
    pub large_percent: u64,
    /// Growth in thousandths of its size per second up to which a process is steady. 1 MiB/s always is.
    pub steady_permille_per_s: u64,
    /// The strength of that protection, 1..=1000. A quarter of its share of memory in thousandths is added.
    pub strength: u16,
    /// The strength of the protection of units that systemd is told to avoid (`ManagedOOMPreference=`),
    /// 1..=1000.
    pub avoid_strength: u16,
    /// The furthest that `oom_score_adj` is moved: down for the protected, by their share of memory in
    /// thousandths, so that their steady size does not count against them; up for what is found growing, as
    /// far as the kernel needs to pick it first.
    pub hold_max: u16,
    /// From how many young and alike processes on a family is one swarm: a fork bomb, a build.
    pub swarm: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            old_s: 30,
            horizon_s: 30,
            large_percent: 10,
            steady_permille_per_s: 1,
            strength: 200,
            avoid_strength: 100,
            hold_max: 500,
            swarm: 8,
        }
    }
}

impl Config {
    /// All that is wrong with it.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let bounds = [
            ("old_s", self.old_s, 1, 86_400),
            ("horizon_s", self.horizon_s, 1, 3_600),
            ("large_percent", self.large_percent, 1, 100),
            ("steady_permille_per_s", self.steady_permille_per_s, 0, 1000),
            ("strength", self.strength.into(), 1, 1000),
            ("avoid_strength", self.avoid_strength.into(), 1, 1000),
            ("hold_max", self.hold_max.into(), 0, 999),
            ("swarm", self.swarm as u64, 3, 1_000_000),
        ];
        bounds
            .into_iter()
            .filter(|&(_, value, least, most)| !(least..=most).contains(&value))
            .map(|(key, value, least, most)| {
                Problem::new(key, format!("is {value}, but must be {least} to {most}"))
            })
            .collect()
    }

    pub(crate) fn is_young(&self, age_ms: u64) -> bool {
        age_ms < self.old_s * 1000
    }
}
