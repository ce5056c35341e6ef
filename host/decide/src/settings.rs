//! What the administrator decided, as meant: numbers checked, units resolved.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use jettison_model::{Needs, Trend};

use crate::pattern::Pattern;

/// How far down the order the host goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Only what a policy gives up.
    Sacrifice,
    /// Also what no policy named.
    Unranked,
    /// Also what a policy protects, short of 1000: protection is a price, not a wall.
    #[default]
    Protected,
}

/// A level of available memory: the lesser of a share of the total and a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Percent of the total.
    pub percent: u32,
    /// No more than so many bytes, however large the machine is.
    pub cap_bytes: u64,
}

impl Bound {
    /// The level in bytes.
    #[must_use]
    pub fn of(self, total_bytes: u64) -> u64 {
        let share = u128::from(total_bytes) * u128::from(self.percent) / 100;
        u64::try_from(share).unwrap_or(u64::MAX).min(self.cap_bytes)
    }
}

/// The levels of `[trigger]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Below it: ticks come more often.
    pub warn: Bound,
    /// At or below it: victims.
    pub act: Bound,
    /// At or below it: victims, whatever swap and cool-down say.
    pub critical: Bound,
    /// If set and swap exists, `act` also needs free swap at or below this percentage.
    pub swap_free_percent: Option<u32>,
}

impl Thresholds {
    /// `warn`, `act` and `critical` in bytes.
    #[must_use]
    pub fn of(&self, total_bytes: u64) -> [u64; 3] {
        [self.warn, self.act, self.critical].map(|bound| bound.of(total_bytes))
    }
}

/// How long all tasks may stall on memory: `[trigger] thrash`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thrash {
    /// Percent of the time.
    pub full_percent: u32,
    /// On the average of so long.
    pub over: StallSpan,
}

/// The spans over which stalls are summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StallSpan {
    /// 10 s.
    Short,
    /// 30 s.
    Long,
}

impl StallSpan {
    /// Milliseconds.
    #[must_use]
    pub fn ms(self) -> u64 {
        match self {
            Self::Short => 10_000,
            Self::Long => 30_000,
        }
    }

    /// What the trend has of it: microseconds of stall in a second.
    #[must_use]
    pub fn of(self, trend: &Trend) -> u64 {
        match self {
            Self::Short => trend.memory_stall_full_10s_us_per_s,
            Self::Long => trend.memory_stall_full_30s_us_per_s,
        }
    }
}

/// `[reclaim]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reclaim {
    /// Memcgs from which may be reclaimed, with all below. None: nothing is.
    pub memcgs: Vec<String>,
    /// The most that one bite asks for.
    pub bite_bytes: u64,
    /// A memcg with more PSI `some avg10` of memory than this is let alone, hundredths of a percent.
    pub pressure_max: u32,
}

impl Default for Reclaim {
    fn default() -> Self {
        Self { memcgs: Vec::new(), bite_bytes: 32 << 20, pressure_max: 100 }
    }
}

/// A rule of `[guard] never`. All that it names must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// The command name.
    pub comm: Option<String>,
    /// The systemd unit.
    pub unit: Option<String>,
    /// The memcg, or one below it.
    pub cgroup: Option<String>,
    /// The effective user.
    pub uid: Option<u32>,
    /// The path of the executable.
    pub exe: Option<String>,
    /// Somewhere in the command line, its arguments with one space between them.
    pub cmdline: Option<Pattern>,
}

/// Which memcgs' own limits are watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Watch {
    /// Every memcg with a limit.
    #[default]
    Limited,
    /// None.
    Nothing,
    /// These paths.
    Paths(Vec<String>),
}

/// Everything that a decision depends on and that is not sensed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `[trigger]`
    pub thresholds: Thresholds,
    /// `[trigger] thrash`: any of these is one. None: it is no cause.
    pub thrash: Vec<Thrash>,
    /// `[memcgs] watch`
    pub watch: Watch,
    /// `[scope] memcg`: memcgs outside are not looked after.
    pub scope: Option<String>,
    /// `act.reach`
    pub reach: Reach,
    /// `act.grace_ms`: where a policy gives no steps.
    pub grace_ms: u32,
    /// `act.grace_max_ms`: caps the sum of a policy's waits.
    pub grace_max_ms: u32,
    /// `act.critical_grace_ms`: the least that is left of it when memory is about to be exhausted.
    pub critical_grace_ms: u32,
    /// `act.cool_down_ms`: after a victim, except at critical.
    pub cool_down_ms: u32,
    /// `act.kills_per_minute_max`: except at critical, and not of parts of a service that stays.
    pub kills_per_minute_max: u32,
    /// `adjust.enabled`
    pub is_adjusting: bool,
    /// `[reclaim]`
    pub reclaim: Reclaim,
    /// `[guard] never`
    pub never: Vec<Rule>,
    /// The daemon's own process.
    pub own_pid: u32,
    /// Its effective user: other daemons of ours run as this one or as root. `None` where no process is ours.
    pub own_uid: Option<u32>,
    /// The only user whose processes the daemon may signal (kill(2)); `None` where it has CAP_KILL.
    pub signals_only_uid: Option<u32>,
}

impl Settings {
    /// What the rules of `never` have to be told of every process: columns that else may not be needed.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let any = |names: fn(&Rule) -> bool| self.never.iter().any(names);
        Needs {
            cmdlines: any(|rule| rule.cmdline.is_some()),
            exes: any(|rule| rule.exe.is_some()),
            refaults: !self.thrash.is_empty(),
            ..Needs::default()
        }
    }
}

impl Default for Settings {
    /// The defaults of docs/reference/configuration.md.
    fn default() -> Self {
        let mib = |mib: u64| mib << 20;
        Self {
            thresholds: Thresholds {
                warn: Bound { percent: 15, cap_bytes: mib(4096) },
                act: Bound { percent: 8, cap_bytes: mib(2048) },
                critical: Bound { percent: 3, cap_bytes: mib(768) },
                swap_free_percent: None,
            },
            thrash: vec![
                Thrash { full_percent: 40, over: StallSpan::Short },
                Thrash { full_percent: 20, over: StallSpan::Long },
            ],
            watch: Watch::Limited,
            scope: None,
            reach: Reach::Protected,
            grace_ms: 5_000,
            grace_max_ms: 60_000,
            critical_grace_ms: 500,
            cool_down_ms: 1_000,
            kills_per_minute_max: 10,
            is_adjusting: true,
            reclaim: Reclaim::default(),
            never: Vec::new(),
            own_pid: 0,
            own_uid: None,
            signals_only_uid: None,
        }
    }
}
