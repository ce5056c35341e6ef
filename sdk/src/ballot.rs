//! What a policy says, entry by entry.

use crate::checked::{bounded, refuse};
use crate::memcg::Memcg;
use crate::process::Process;
use crate::step::Step;

/// Entries that the host takes; beyond that the least emphatic sacrifices go first.
pub const ENTRIES_MAX: usize = 4096;
/// Bytes of a reason that the host takes; it is cut there.
pub const REASON_BYTES_MAX: usize = 512;
/// Steps of a shutdown that the host takes; further ones are left out.
pub const STEPS_MAX: usize = 8;
/// What an entry is about: a process, a process with all its descendants ([`Process::tree`]), or all in a
/// memcg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target(pub(crate) Kind, pub(crate) u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Process,
    Tree,
    Memcg,
}

impl Target {
    pub(crate) fn tree(row: usize) -> Self {
        Self::new(Kind::Tree, row)
    }

    /// In 34 bits, in the order of targets.
    fn key(self) -> u64 {
        (self.0 as u64) << 32 | u64::from(self.1)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a row comes from a u32, the number of rows")]
    fn new(kind: Kind, row: usize) -> Self {
        Self(kind, row as u32)
    }
}

impl From<Process<'_>> for Target {
    fn from(process: Process<'_>) -> Self {
        Self::new(Kind::Process, process.row)
    }
}

impl From<&Process<'_>> for Target {
    fn from(process: &Process<'_>) -> Self {
        Self::from(*process)
    }
}

impl From<Memcg<'_>> for Target {
    fn from(memcg: Memcg<'_>) -> Self {
        Self::new(Kind::Memcg, memcg.row)
    }
}

impl From<&Memcg<'_>> for Target {
    fn from(memcg: &Memcg<'_>) -> Self {
        Self::from(*memcg)
    }
}

/// Which way, and how strongly: 1..=1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stance {
    /// Keep it. 1000 means that this host never takes it.
    Protect(u16),
    /// Give it up.
    Sacrifice(u16),
}

/// One line of a ballot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub(crate) target: Target,
    pub(crate) stance: Stance,
    pub(crate) oom_score_adj: Option<i16>,
    pub(crate) shutdown: Vec<Step>,
    pub(crate) reason: String,
}

impl Entry {
    /// Why, for people, in at most 512 bytes. It is cut there, with a warning in the log, and more is an
    /// error in a native test.
    #[track_caller]
    pub fn because(&mut self, reason: impl Into<String>) -> &mut Self {
        self.reason = reason.into();
        let bytes = self.reason.len();
        if bytes > REASON_BYTES_MAX {
            refuse(&format!("a reason has {bytes} bytes"), &format!("{REASON_BYTES_MAX} are shown"));
        }
        self
    }

    /// The `oom_score_adj` that the host should hold while the policy is loaded, -999..=1000; what is outside
    /// counts as the bound, with a warning in the log, and is an error in a native test. A protection
    /// only ever lowers a process's own value, a sacrifice only raises it.
    #[track_caller]
    pub fn hold(&mut self, oom_score_adj: i16) -> &mut Self {
        self.oom_score_adj = Some(bounded("oom_score_adj", oom_score_adj, -999, 1000));
        self
    }

    /// Leaves `oom_score_adj` as it is.
    pub fn without_hold(&mut self) -> &mut Self {
        self.oom_score_adj = None;
        self
    }

    /// How the target likes to go, in at most 8 steps; more are left out, with a warning in the log, and an
    /// error in a native test. Without any it gets SIGTERM and the host's grace period.
    #[track_caller]
    pub fn shutdown(&mut self, steps: impl IntoIterator<Item = Step>) -> &mut Self {
        self.shutdown = steps.into_iter().collect();
        let steps = self.shutdown.len();
        if steps > STEPS_MAX {
            refuse(&format!("a shutdown has {steps} steps"), &format!("the first {STEPS_MAX} are taken"));
            self.shutdown.truncate(STEPS_MAX);
        }
        self
    }

    /// Which way, and how strongly.
    pub fn stance(&self) -> Stance {
        self.stance
    }

    /// The value to hold, if any.
    pub fn oom_score_adj(&self) -> Option<i16> {
        self.oom_score_adj
    }

    /// The steps asked for.
    pub fn steps(&self) -> &[Step] {
        &self.shutdown
    }

    /// Why.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Takes in a later entry on the same target; see [`Ballot`].
    fn merge(&mut self, other: Self) {
        use Stance::{Protect, Sacrifice};
        match (self.stance, other.stance) {
            (Protect(_), Sacrifice(_)) => {
                if self.shutdown.is_empty() {
                    self.shutdown = other.shutdown;
                }
                return;
            }
            (Sacrifice(_), Protect(_)) => {
                let sacrifice = std::mem::replace(self, other);
                return self.merge(sacrifice);
            }
            (Protect(a), Protect(b)) => {
                self.stance = Protect(a.max(b));
                self.oom_score_adj = match (self.oom_score_adj, other.oom_score_adj) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
            (Sacrifice(a), Sacrifice(b)) => {
                self.stance = Sacrifice(a.max(b));
                self.oom_score_adj = self.oom_score_adj.max(other.oom_score_adj);
            }
        }
        if self.shutdown.is_empty() {
            self.shutdown = other.shutdown;
        }
        if !other.reason.is_empty() && !has_reason(&self.reason, &other.reason) {
            if !self.reason.is_empty() {
                self.reason.push_str("; ");
            }
            self.reason.push_str(&other.reason);
        }
    }

    /// First to stay if there are too many: protections, the strongest first, then sacrifices, the most
    /// urgent first.
    fn emphasis(&self) -> u64 {
        match self.stance {
            Stance::Protect(strength) => u64::from(u16::MAX - strength),
            Stance::Sacrifice(urgency) => 1 << 16 | u64::from(u16::MAX - urgency),
        }
    }
}

/// What a policy says of this snapshot. A process that is not on it is left to other policies and the host's
/// built-in badness.
///
/// A target may be named more than once; the SDK makes one entry of it: a protection beats a sacrifice, and
/// only its own reasons and value to hold count. Of several that go the same way the strongest counts, the
/// reasons are joined, the value to hold is the lowest asked for a protection and the highest for a
/// sacrifice, and the first shutdown stays. Beyond 4096 entries the least urgent sacrifices are left out,
/// with a warning in the log, and an error in a native test.
#[derive(Debug, Default)]
pub struct Ballot {
    entries: Vec<Entry>,
}

impl Ballot {
    /// Keep this target: strength 1..=1000, where 1000 means never to be taken by this host. What is outside
    /// counts as the bound, with a warning in the log, and is an error in a native test.
    ///
    /// Asks the host to hold an `oom_score_adj` of `-min(strength, 999)` as well, unless told otherwise with
    /// [`Entry::hold`] or [`Entry::without_hold`].
    #[track_caller]
    pub fn protect(&mut self, target: impl Into<Target>, strength: u16) -> &mut Entry {
        let strength = bounded("strength", strength, 1, 1000);
        let adj = -i16::try_from(strength.min(999)).unwrap_or(999);
        self.push(target.into(), Stance::Protect(strength), Some(adj))
    }

    /// Give up this target: urgency 1..=1000. What is outside counts as the bound, with a warning in the
    /// log, and is an error in a native test. Asks for no `oom_score_adj` unless told.
    #[track_caller]
    pub fn sacrifice(&mut self, target: impl Into<Target>, urgency: u16) -> &mut Entry {
        self.push(target.into(), Stance::Sacrifice(bounded("urgency", urgency, 1, 1000)), None)
    }

    fn push(&mut self, target: Target, stance: Stance, oom_score_adj: Option<i16>) -> &mut Entry {
        let entry = Entry { target, stance, oom_score_adj, shutdown: Vec::new(), reason: String::new() };
        self.entries.push_mut(entry)
    }

    /// The entries as the host will see them: one for each target, ordered by target, within the limits.
    pub(crate) fn into_entries(self) -> Vec<Entry> {
        // With its place behind it each key is another, and of one target the first given stays first.
        let order = sorted(self.entries.iter().map(|entry| entry.target.key()));
        let mut given: Vec<Option<Entry>> = self.entries.into_iter().map(Some).collect();
        let mut entries: Vec<Entry> = Vec::with_capacity(given.len());
        for entry in order.into_iter().filter_map(|at| given[at].take()) {
            match entries.last_mut().filter(|last| last.target == entry.target) {
                Some(last) => last.merge(entry),
                None => entries.push(entry),
            }
        }
        if entries.len() > ENTRIES_MAX {
            let given = entries.len();
            refuse(
                &format!("the ballot has {given} entries"),
                &format!("all but {ENTRIES_MAX} are left out"),
            );
            let order = sorted(entries.iter().map(Entry::emphasis));
            let mut stays = vec![false; entries.len()];
            order.into_iter().take(ENTRIES_MAX).for_each(|at| stays[at] = true);
            let mut stays = stays.into_iter();
            entries.retain(|_| stays.next().unwrap_or(false));
        }
        // Each fits, but not always all that were joined.
        for entry in &mut entries {
            entry.reason.truncate(entry.reason.floor_char_boundary(REASON_BYTES_MAX));
        }
        entries
    }
}

/// The places of so many keys of 34 bits, in ascending order of them; equal ones stay as they are.
///
/// Packed numbers are merged by a few lines: what the standard library sorts with is 4 KiB of a module for
/// each type.
fn sorted(keys: impl Iterator<Item = u64>) -> Vec<usize> {
    const PLACE_BITS: u32 = 30;
    let mut packed: Vec<u64> = (0_u64..).zip(keys).map(|(at, key)| key << PLACE_BITS | at).collect();
    let mut merged = packed.clone();
    let mut run = 1;
    while run < packed.len() {
        for (both, to) in packed.chunks(2 * run).zip(merged.chunks_mut(2 * run)) {
            let (left, right) = both.split_at(run.min(both.len()));
            merge(left, right, to);
        }
        std::mem::swap(&mut packed, &mut merged);
        run *= 2;
    }
    let place = |packed: u64| usize::try_from(packed & ((1 << PLACE_BITS) - 1)).unwrap_or_default();
    packed.into_iter().map(place).collect()
}

/// Two ascending runs into one.
fn merge<'k>(mut left: &'k [u64], mut right: &'k [u64], to: &mut [u64]) {
    for slot in to {
        let is_left = match (left.first(), right.first()) {
            (Some(one), Some(other)) => one <= other,
            (one, _) => one.is_some(),
        };
        let from = if is_left { &mut left } else { &mut right };
        if let Some((first, rest)) = from.split_first() {
            *slot = *first;
            *from = rest;
        }
    }
}

/// Whether one of several reasons, joined by `; `, is this one.
fn has_reason(joined: &str, reason: &str) -> bool {
    let (joined, reason, between) = (joined.as_bytes(), reason.as_bytes(), b"; ");
    let mut parts = joined.windows(reason.len()).enumerate().filter(|(_, part)| *part == reason);
    parts.any(|(at, _)| {
        let (before, after) = (&joined[..at], &joined[at + reason.len()..]);
        (before.is_empty() || before.ends_with(between)) && (after.is_empty() || after.starts_with(between))
    })
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::step::WAIT_MS_MAX;
    use crate::testing::Machine;

    fn entered(enter: impl FnOnce(&mut Ballot, Process<'_>) + std::panic::UnwindSafe) -> Result<(), String> {
        let caught = std::panic::catch_unwind(|| {
            let snapshot = Machine::new().snapshot();
            let init = snapshot.process(1).expect("it is there");
            enter(&mut Ballot::default(), init);
        });
        caught.map_err(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_default())
    }

    #[test]
    fn a_number_that_the_host_would_not_take_is_an_error() {
        let said = entered(|ballot, p| {
            ballot.sacrifice(p, 5000);
        })
        .expect_err("too urgent");
        assert_eq!(said, "urgency is 5000, and must be 1 to 1000: 1000 is taken in the daemon");
        assert!(
            entered(|ballot, p| {
                ballot.protect(p, 0);
            })
            .is_err()
        );
        assert!(
            entered(|ballot, p| {
                ballot.protect(p, 9).hold(-1000);
            })
            .is_err()
        );
        assert!(entered(|_, _| drop(Step::stop_unit(WAIT_MS_MAX + 1))).is_err());
        let said = entered(|ballot, p| {
            ballot.sacrifice(p, 9).because("x".repeat(REASON_BYTES_MAX + 1));
        });
        assert_eq!(said.expect_err("too long"), "a reason has 513 bytes: 512 are shown in the daemon");
        let said = entered(|ballot, p| {
            ballot.sacrifice(p, 9).shutdown(vec![Step::stop_unit(1); STEPS_MAX + 1]);
        });
        assert_eq!(
            said.expect_err("too many"),
            "a shutdown has 9 steps: the first 8 are taken in the daemon"
        );
        assert!(
            entered(|ballot, p| {
                ballot.protect(p, 1000).hold(-999);
            })
            .is_ok()
        );
    }
    #[test]
    fn keys_are_in_the_order_of_targets() {
        let mut targets = Vec::new();
        for kind in [Kind::Process, Kind::Tree, Kind::Memcg] {
            targets.extend([0, 1, u32::MAX].map(|row| Target(kind, row)));
        }
        assert!(targets.is_sorted() && targets.is_sorted_by_key(|target| target.key()));
        let keys = targets.iter().rev().chain(&targets).map(|target| target.key());
        assert_eq!(sorted(keys).first_chunk(), Some(&[8, 9, 7, 10]));
    }

    #[test]
    fn a_reason_is_there_as_a_whole_or_not() {
        for (joined, reason, expected) in [
            ("a; bc; d", "bc", true),
            ("a; bc; d", "a", true),
            ("a; bc; d", "d", true),
            ("a; bc; d", "b", false),
            ("a; bc; d", "bc; d", true),
            ("", "a", false),
            ("aa; a", "a", true),
        ] {
            assert_eq!(has_reason(joined, reason), expected, "{reason} of {joined}");
        }
    }

    #[test]
    fn any_number_of_keys_is_sorted() {
        for count in [0_u64, 1, 2, 3, 7, 8, 9, 100, 1000] {
            let keys: Vec<u64> = (0..count).map(|at| at * 7919 % 101).collect();
            let mut expected: Vec<usize> = (0..keys.len()).collect();
            expected.sort_by_key(|&at| keys[at]);
            assert_eq!(sorted(keys.into_iter()), expected, "{count}");
        }
    }
}
