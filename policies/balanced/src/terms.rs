//! What speaks for giving a process up, in numbers that add up over a family.
//!
//! All of them are bytes. *Blame* is what a process took since memory was last at ease, and what it is about
//! to take. *Calm* is what it holds, weighed down by age: it decides where no process is to blame.

use jettison_sdk::Process;

use crate::config::Config;

/// Steady memory counts one part in so many.
const CALM: u64 = 8;
/// A projection is at most so many times what a unit holds: the end of a small one helps little, however fast
/// it grows.
const PROJECTION_MAX: u64 = 8;
/// The least that size weighs at any age, in thousandths.
const AGE_PERMILLE_MIN: u64 = 20;
/// For so long growth is taken to have gone on where the host does not know what a process held when memory
/// was at ease.
const UNKNOWN_EASE_S: u64 = 600;
/// What grows at half to twice its average since it started has leaked since then.
const STEADY_LEAK: u64 = 2;
/// In the first snapshot not even growth is known: what came within so long counts.
const FIRST_LOOK_S: u64 = 60;
/// What the hourly rate is of, at most.
const HOUR_S: u64 = 3_600;
/// So much of the present rate counts whatever the hour was: a process may have given memory back in it, and
/// leak since.
const MOMENTS_S: u64 = 10;
/// What a slow leak takes within so long counts beside what it took.
const SLOW_S: u64 = 600;

/// A process that has run for longer has warmed up: what it takes now is a leak, even if its unit has held as
/// much before.
pub(crate) const WARMING_MS: u64 = 24 * 3_600_000;

/// The terms of one process, or of several together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Processes.
    pub(crate) members: usize,
    /// Anonymous memory, swap and the shared memory that counts here, bytes.
    pub(crate) bytes: u64,
    /// Of these, what it took since memory was last at ease, beyond what is usual for its unit.
    pub(crate) taken_bytes: u64,
    /// Bytes per second; for a process that is new to the host its average since it started.
    pub(crate) growth_bytes_per_s: i64,
    /// What it took and is about to take, as it is.
    pub(crate) blame: u64,
    /// The same, shifted by `oom_score_adj`, but for what that takes off a pod.
    leaned: u64,
    /// `bytes`, shifted by `oom_score_adj`.
    weight: u64,
    /// `weight`, weighed down by age.
    calm: u64,
    /// Growth, shifted by `oom_score_adj` and weighed down by age, but at most halved.
    pull: i64,
}

impl Terms {
    /// Of one process, with so much of its shared memory, that took so much and grows so fast.
    #[inline(never)]
    pub(crate) fn of(
        p: Process<'_>,
        shmem_bytes: u64,
        taken_bytes: u64,
        growth: i64,
        config: &Config,
    ) -> Self {
        let bytes = p.anon_and_swap_bytes().saturating_add(shmem_bytes);
        let adj = p.oom_score_adj().unwrap_or(0);
        let leaning = leaning_permille(adj);
        let freshness = freshness_permille(p.age_ms(), config.old_s);
        let weight = permille(bytes, leaning);
        let pull = permille(permille(growth.unsigned_abs(), leaning), (1000 + freshness) / 2);
        let pull = i64::try_from(pull).unwrap_or(i64::MAX);
        let taken_bytes = taken_bytes.min(bytes);
        let blame = taken_bytes.saturating_add(coming_bytes(p, growth, config).min(bytes));
        Self {
            members: 1,
            bytes,
            taken_bytes,
            growth_bytes_per_s: growth,
            blame,
            leaned: permille(blame, (1000 + i64::from(personal_adj(p, adj))).unsigned_abs()),
            weight,
            calm: permille(weight, freshness) / CALM,
            pull: if growth < 0 { -pull } else { pull },
        }
    }

    /// Of one process, with so much of its shared memory, that is to blame for nothing: without `calm`.
    pub(crate) fn holding(p: Process<'_>, shmem_bytes: u64) -> Self {
        let bytes = p.anon_and_swap_bytes().saturating_add(shmem_bytes);
        let weight = permille(bytes, leaning_permille(p.oom_score_adj().unwrap_or(0)));
        Self { members: 1, bytes, weight, ..Self::default() }
    }

    /// Both together.
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self {
            members: self.members + other.members,
            bytes: self.bytes.saturating_add(other.bytes),
            taken_bytes: self.taken_bytes.saturating_add(other.taken_bytes),
            growth_bytes_per_s: self.growth_bytes_per_s.saturating_add(other.growth_bytes_per_s),
            blame: self.blame.saturating_add(other.blame),
            leaned: self.leaned.saturating_add(other.leaned),
            weight: self.weight.saturating_add(other.weight),
            calm: self.calm.saturating_add(other.calm),
            pull: self.pull.saturating_add(other.pull),
        }
    }

    /// What it is about to take within the horizon.
    fn projection(&self, config: &Config) -> u64 {
        u64::try_from(self.pull).unwrap_or(0).saturating_mul(config.horizon_s)
    }

    /// What speaks for giving it up where no process is to blame, in bytes.
    pub(crate) fn value(&self, config: &Config) -> u64 {
        let bound = self.weight.saturating_mul(PROJECTION_MAX);
        self.calm.saturating_add(self.projection(config).min(bound))
    }

    /// Its blame, shifted by `oom_score_adj`: what speaks for giving it up where some process is to blame.
    pub(crate) fn guilt(&self) -> u64 {
        self.leaned
    }

    /// Whether it is about to double.
    pub(crate) fn is_surging(&self, config: &Config) -> bool {
        self.projection(config) > self.weight
    }
}

/// What a process took since memory was last at ease, as far as the host knows; `known` is what it says.
pub(crate) fn taken_bytes(p: Process<'_>, known: Option<i64>) -> u64 {
    let bytes = || p.anon_and_swap_bytes().saturating_add(p.rss_shmem_bytes().unwrap_or(0));
    let age_s = || p.age_ms() / 1000;
    match (known, p.growth_bytes_per_s()) {
        // Most processes of a machine have taken none.
        (Some(..=0), _) => 0,
        (Some(taken), _) => taken.unsigned_abs().min(bytes()),
        (None, Some(growth)) => match leaked_bytes(p) {
            0 if growth <= 0 => 0,
            0 => lately_bytes(p, growth.unsigned_abs(), age_s().min(UNKNOWN_EASE_S)).min(bytes()),
            leaked => leaked,
        },
        (None, None) => match age_s() {
            ..=FIRST_LOOK_S => bytes(),
            age_s => bytes() / age_s * FIRST_LOOK_S,
        },
    }
}

/// What a process that grows so fast took within so long: no more than about what it holds beyond an hour
/// ago, and what it takes within moments. A garbage collector that takes back what it gave is no leak.
fn lately_bytes(p: Process<'_>, bytes_per_s: u64, s: u64) -> u64 {
    let at_this_rate = bytes_per_s.saturating_mul(s);
    let Some(hourly) = p.growth_1h_bytes_per_s() else { return at_this_rate };
    let within_the_hour = hourly.max(0).unsigned_abs().saturating_mul((p.age_ms() / 1000).min(HOUR_S));
    at_this_rate.min(within_the_hour.saturating_add(bytes_per_s.saturating_mul(MOMENTS_S)))
}

/// What a process has leaked since it started: it has warmed up long ago, and over the last hour, or now
/// where that is not known, it grew at the rate that makes, over its age, what it holds. What is old, large
/// and grows as it always did is no service that holds what it needs. 0 if it is none.
pub(crate) fn leaked_bytes(p: Process<'_>) -> u64 {
    let Some(rate @ 1..) = p.growth_1h_bytes_per_s().or_else(|| p.growth_bytes_per_s()) else { return 0 };
    if p.age_ms() < WARMING_MS {
        return 0;
    }
    let bytes = p.anon_and_swap_bytes();
    let leaked = rate.unsigned_abs().saturating_mul(p.age_ms() / 1000);
    let is_steady = leaked >= bytes / STEADY_LEAK && leaked / STEADY_LEAK <= bytes;
    if is_steady { leaked.min(bytes) } else { 0 }
}

/// What a process is about to take: at its present rate within the horizon, or as it did over the last hour.
fn coming_bytes(p: Process<'_>, growth_bytes_per_s: i64, config: &Config) -> u64 {
    // Most do not grow, and a product that may not fit is of 128 bits here.
    let at = |rate: i64, s: u64| if rate > 0 { rate.unsigned_abs().saturating_mul(s) } else { 0 };
    let slowly = at(p.growth_1h_bytes_per_s().unwrap_or(0), SLOW_S);
    at(growth_bytes_per_s, config.horizon_s).max(slowly)
}

/// 1..=1000 on a logarithmic scale, 42 for each doubling from 1 MiB to 16 TiB: it compares across machines
/// and across policies, and tells values apart that differ by 3 percent.
pub(crate) fn urgency(value: u64) -> u16 {
    const STEPS: u64 = 32;
    const DOUBLINGS: u64 = 24;
    let kib = (value >> 10).max(1 << 10);
    let doublings = u64::from(kib.ilog2());
    let within = ((kib - (1 << doublings)) * STEPS) >> doublings;
    let urgency = ((doublings - 10) * STEPS + within) * 1000 / (DOUBLINGS * STEPS);
    u16::try_from(urgency.clamp(1, 1000)).unwrap_or(1000)
}

/// Measured, or else the average since it started: a leak that the host has not seen before is young for what
/// it has.
pub(crate) fn growth_bytes_per_s(p: Process<'_>) -> i64 {
    p.growth_bytes_per_s().unwrap_or_else(|| {
        let average = p.anon_and_swap_bytes() / (p.age_ms() / 1000).max(1);
        i64::try_from(average).unwrap_or(i64::MAX)
    })
}

/// An `oom_score_adj` as far as it is about this very process. What a pod is spared by it is the kubelet's
/// word about a class of pods
/// (kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#node-out-of-memory-behavior),
/// whichever pod of it took the memory.
fn personal_adj(p: Process<'_>, adj: i16) -> i16 {
    if adj < 0 && p.memcg().is_some_and(|memcg| memcg.pod_qos().is_some()) { 0 } else { adj }
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

pub(crate) fn permille(value: u64, permille: u64) -> u64 {
    // Divided first where the product might not fit: what is lost there does not matter.
    if value < 1 << 50 { value * permille / 1000 } else { (value / 1000).saturating_mul(permille) }
}
