//! What speaks for giving a process up, in numbers that add up over a family.
//!
//! The value of a unit is in bytes: the memory that it holds, weighed down by age, plus what it is about to take. Whoever
//! grows counts for up to nine times its size, whoever is young and steady for an eighth, whoever is old and steady for next to nothing.

use jettison_sdk::Process;

use crate::config::Config;

/// Steady memory counts one part in so many: growth decides, size only where nothing grows.
const CALM: u64 = 8;
/// A projection is at most so many times what a unit holds: the end of a small one helps little, however fast it grows.
const PROJECTION_MAX: u64 = 8;
/// The least that size weighs at any age, in thousandths.
const AGE_PERMILLE_MIN: u64 = 20;

/// The terms of one process, or of several together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Processes.
    pub(crate) members: usize,
    /// Anonymous memory, swap and the shared memory that counts here, bytes.
    pub(crate) bytes: u64,
    /// Bytes per second; for who is new to the host its average since it started.
    pub(crate) growth_bytes_per_s: i64,
    /// `bytes`, shifted by `oom_score_adj`.
    weight: u64,
    /// `weight`, weighed down by age.
    calm: u64,
    /// Growth, shifted by `oom_score_adj` and weighed down by age, but at most halved.
    pull: i64,
}

impl Terms {
    /// Of one process, with so much of its shared memory.
    pub(crate) fn of(p: Process<'_>, shmem_bytes: u64, config: &Config) -> Self {
        let bytes = p.anon_and_swap_bytes().saturating_add(shmem_bytes);
        let growth = growth_bytes_per_s(p);
        let leaning = leaning_permille(p.oom_score_adj().unwrap_or(0));
        let freshness = freshness_permille(p.age_ms(), config.old_s);
        let weight = permille(bytes, leaning);
        let pull = permille(permille(growth.unsigned_abs(), leaning), (1000 + freshness) / 2);
        let pull = i64::try_from(pull).unwrap_or(i64::MAX);
        Self {
            members: 1,
            bytes,
            growth_bytes_per_s: growth,
            weight,
            calm: permille(weight, freshness) / CALM,
            pull: if growth < 0 { -pull } else { pull },
        }
    }

    /// Of several processes. What they share is counted once: as much as the one that maps most of it.
    pub(crate) fn together<'s>(members: impl Iterator<Item = Process<'s>> + Clone, config: &Config) -> Self {
        let most = members.clone().max_by_key(|p| p.rss_shmem_bytes());
        members.fold(Self::default(), |sum, p| {
            let shmem = if Some(p) == most { p.rss_shmem_bytes().unwrap_or(0) } else { 0 };
            sum.and(&Self::of(p, shmem, config))
        })
    }

    /// Both together.
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self {
            members: self.members + other.members,
            bytes: self.bytes.saturating_add(other.bytes),
            growth_bytes_per_s: self.growth_bytes_per_s.saturating_add(other.growth_bytes_per_s),
            weight: self.weight.saturating_add(other.weight),
            calm: self.calm.saturating_add(other.calm),
            pull: self.pull.saturating_add(other.pull),
        }
    }

    /// What it is about to take within the horizon.
    fn projection(&self, config: &Config) -> u64 {
        u64::try_from(self.pull).unwrap_or(0).saturating_mul(config.horizon_s)
    }

    /// What speaks for giving it up, in bytes.
    pub(crate) fn value(&self, config: &Config) -> u64 {
        let bound = self.weight.saturating_mul(PROJECTION_MAX);
        self.calm.saturating_add(self.projection(config).min(bound))
    }

    /// Whether it is about to double.
    pub(crate) fn is_surging(&self, config: &Config) -> bool {
        self.projection(config) > self.weight
    }
}

/// 1..=1000 on a logarithmic scale, 42 for each doubling from 1 MiB to 16 TiB: it compares across machines and across
/// policies, and tells values apart that differ by 3 percent.
pub(crate) fn urgency(value: u64) -> u16 {
    const STEPS: u64 = 32;
    const DOUBLINGS: u64 = 24;
    let kib = (value >> 10).max(1 << 10);
    let doublings = u64::from(kib.ilog2());
    let within = ((kib - (1 << doublings)) * STEPS) >> doublings;
    let urgency = ((doublings - 10) * STEPS + within) * 1000 / (DOUBLINGS * STEPS);
    u16::try_from(urgency.clamp(1, 1000)).unwrap_or(1000)
}

/// Measured, or else the average since it started: a leak that the host has not seen before is young for what it has.
fn growth_bytes_per_s(p: Process<'_>) -> i64 {
    p.growth_bytes_per_s().unwrap_or_else(|| {
        let average = p.anon_and_swap_bytes() / (p.age_ms() / 1000).max(1);
        i64::try_from(average).unwrap_or(i64::MAX)
    })
}

/// How a process's own `oom_score_adj` leans: 0 at -1000, 1000 at 0, 4000 at 1000.
fn leaning_permille(adj: i16) -> u64 {
    let leaning = if adj < 0 { 1000 + i64::from(adj) } else { 1000 + 3 * i64::from(adj) };
    u64::try_from(leaning).unwrap_or(0)
}

/// 1000 for a newborn, 500 at `old_s`, and so on down to the least.
fn freshness_permille(age_ms: u64, old_s: u64) -> u64 {
    let old_ms = old_s * 1000;
    (old_ms * 1000 / old_ms.saturating_add(age_ms)).max(AGE_PERMILLE_MIN)
}

fn permille(value: u64, permille: u64) -> u64 {
    // Divided first where the product might not fit: what is lost there does not matter.
    if value < 1 << 50 { value * permille / 1000 } else { (value / 1000).saturating_mul(permille) }
}
