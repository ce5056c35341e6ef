//! What a policy says, entry by entry.

use std::cmp::Reverse;

use crate::log;
use crate::memcg::Memcg;
use crate::process::Process;

/// Entries that the host takes; beyond that the least emphatic sacrifices go first.
pub const ENTRIES_MAX: usize = 4096;
/// Bytes of a reason that the host takes; it is cut there.
pub const REASON_BYTES_MAX: usize = 512;
/// Steps of a shutdown that the host takes; further ones are left out.
pub const STEPS_MAX: usize = 8;
/// Milliseconds that one step may wait: an hour.
pub const WAIT_MS_MAX: u32 = 3_600_000;

/// A number that the host would not take. In a native test it is an error; in the daemon the bound is taken,
/// since a policy that says something is better than none, and the log has it.
#[track_caller]
fn bounded<N: Copy + Ord + std::fmt::Display>(what: &str, given: N, least: N, most: N) -> N {
    let taken = given.clamp(least, most);
    if taken != given {
        let message = format!("{what} is {given}, and must be {least} to {most}: {taken} is taken");
        #[cfg(not(target_arch = "wasm32"))]
        panic!("{message} in the daemon");
        #[cfg(target_arch = "wasm32")]
        log::warn(&message);
    }
    taken
}

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

/// A signal (signal(7)) that a graceful shutdown may use. KILL, STOP and CONT are the host's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(u8);

impl Signal {
    /// SIGHUP
    pub const HUP: Self = Self(1);
    /// SIGINT: for PostgreSQL, a fast shutdown.
    pub const INT: Self = Self(2);
    /// SIGQUIT
    pub const QUIT: Self = Self(3);
    /// SIGUSR1
    pub const USR1: Self = Self(10);
    /// SIGUSR2
    pub const USR2: Self = Self(12);
    /// SIGTERM
    pub const TERM: Self = Self(15);

    /// KILL, CONT and STOP, signal(7): the host's alone.
    const OF_THE_HOST: [u8; 3] = [9, 18, 19];

    /// Any other by its number, 1..=64; `None` for KILL (9), CONT (18), STOP (19) and what is no signal.
    pub fn new(number: u8) -> Option<Self> {
        (matches!(number, 1..=64) && !Self::OF_THE_HOST.contains(&number)).then_some(Self(number))
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }
}

/// One step of how a target likes to go. SIGKILL stands behind the last one and is not a policy's to give or
/// skip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Signal the process, or the root of the tree, or each member of the memcg, and wait.
    Signal {
        /// Which.
        signal: Signal,
        /// How long to wait for it to work.
        wait_ms: u32,
    },
    /// Have the service manager stop the unit, and wait.
    StopUnit {
        /// How long to wait for it to work.
        wait_ms: u32,
    },
    /// Run a hook that the administrator configured, and wait.
    Hook {
        /// Its name under `[hooks]`.
        name: String,
        /// How long to wait for it to work.
        wait_ms: u32,
    },
}

impl Step {
    /// Send a signal and wait. A wait is at most an hour; a longer one is an error in a native test.
    #[track_caller]
    pub fn signal(signal: Signal, wait_ms: u32) -> Self {
        Self::Signal { signal, wait_ms: bounded("wait_ms", wait_ms, 0, WAIT_MS_MAX) }
    }

    /// Have the service manager stop the unit and wait.
    #[track_caller]
    pub fn stop_unit(wait_ms: u32) -> Self {
        Self::StopUnit { wait_ms: bounded("wait_ms", wait_ms, 0, WAIT_MS_MAX) }
    }

    /// Run the hook of this name and wait.
    #[track_caller]
    pub fn hook(name: impl Into<String>, wait_ms: u32) -> Self {
        Self::Hook { name: name.into(), wait_ms: bounded("wait_ms", wait_ms, 0, WAIT_MS_MAX) }
    }
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
    /// Why, for people. Cut at 512 bytes.
    pub fn because(&mut self, reason: impl Into<String>) -> &mut Self {
        self.reason = reason.into();
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

    /// How the target likes to go, in at most 8 steps. Without any it gets SIGTERM and the host's grace
    /// period.
    pub fn shutdown(&mut self, steps: impl IntoIterator<Item = Step>) -> &mut Self {
        self.shutdown = steps.into_iter().take(STEPS_MAX).collect();
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
        if !other.reason.is_empty() && !self.reason.split("; ").any(|reason| reason == other.reason) {
            if !self.reason.is_empty() {
                self.reason.push_str("; ");
            }
            self.reason.push_str(&other.reason);
        }
    }

    /// First to stay if there are too many: protections, the strongest first, then sacrifices, the most
    /// urgent first.
    fn emphasis(&self) -> (bool, Reverse<u16>, Target) {
        match self.stance {
            Stance::Protect(strength) => (false, Reverse(strength), self.target),
            Stance::Sacrifice(urgency) => (true, Reverse(urgency), self.target),
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
/// with a warning in the log.
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
        let mut given = self.entries;
        // Stable: of one target the first given stays first.
        given.sort_by_key(|entry| entry.target);
        let mut entries: Vec<Entry> = Vec::with_capacity(given.len());
        for entry in given {
            match entries.last_mut().filter(|last| last.target == entry.target) {
                Some(last) => last.merge(entry),
                None => entries.push(entry),
            }
        }
        if entries.len() > ENTRIES_MAX {
            log::warn(&format!(
                "{} entries on the ballot: all but {ENTRIES_MAX} are left out",
                entries.len()
            ));
            entries.sort_by_key(Entry::emphasis);
            entries.truncate(ENTRIES_MAX);
            entries.sort_by_key(|entry| entry.target);
        }
        for entry in &mut entries {
            entry.reason.truncate(entry.reason.floor_char_boundary(REASON_BYTES_MAX));
        }
        entries
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
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
        assert!(
            entered(|ballot, p| {
                ballot.protect(p, 1000).hold(-999);
            })
            .is_ok()
        );
    }
}
