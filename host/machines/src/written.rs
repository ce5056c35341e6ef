//! A machine as it is written. Sizes are MiB, growth MiB/s, ages seconds or `"90s"`, `"20m"`, `"5h"`, `"3d"`.
//!
//! ```toml
//! summary = "a helper leaks beside a database"
//! why = "the helper; the database is steady and within its usual footprint"
//! report = "https://github.com/..."     # or "made up: what it stands for"
//! total = 16000
//! available = 700
//! swap = { total = 8000, free = 100 }   # none without
//! eased = "10m"                         # when memory was last at ease; ten minutes ago without
//! taken_by_nobody = 0                   # taken since then, and held by no process: tmpfs, slab
//! watched = "2s"                        # how long the daemon has run: it did not see what was before
//! include = ["desktop"]                 # a piece of host/machines/pieces, or ../pieces/NAME.toml
//! base = true                           # the piece `base` is there
//!
//! right = ["leaker"]                    # labels: the first that is taken is one of these
//! never = ["primary", "base"]           # none of these is among those that are taken
//! tolerated = ["worker"]                # may be taken after the first
//! may_be_none = false                   # taking none is right, too
//!
//! memcgs = [{ id = "db", path = "/system.slice/db.service", max = 8000, usual = 6000 }]
//! processes = [
//!   { id = "db", comm = "mysqld", anon = 6000, age = "20d", memcg = "db", label = "primary" },
//!   { comm = "helper", anon = 900, grow = 2, age = "1h", memcg = "helper.service", label = "leaker" },
//!   { comm = "worker{i}", anon = 50, n = 4, step = { anon = 10 } },      # worker0 to worker3, 50 to 80 MiB
//! ]
//! ```

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use crate::Expect;

/// Seconds in a day: the age of what says none.
const DAY_S: f64 = 86_400.0;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Machine {
    #[serde(default)]
    pub(crate) summary: String,
    #[serde(default)]
    pub(crate) why: String,
    #[serde(default)]
    pub(crate) report: String,
    pub(crate) total: f64,
    pub(crate) available: f64,
    #[serde(default)]
    pub(crate) swap: Swap,
    /// PSI of memory, full, avg10, hundredths of a percent.
    #[serde(default = "full")]
    pub(crate) full: u32,
    #[serde(default)]
    pub(crate) taken_by_nobody: f64,
    /// What processes hold together and each counts as its own: pages of a fork that none has written to.
    #[serde(default)]
    pub(crate) overlap: f64,
    #[serde(default = "eased")]
    pub(crate) eased: Age,
    /// How long the daemon has run. It knows nothing of what was before: what each process took, if memory
    /// was at ease then, and what is usual.
    pub(crate) watched: Option<Age>,
    #[serde(default = "yes")]
    pub(crate) base: bool,
    #[serde(default)]
    pub(crate) include: Vec<String>,
    #[serde(default)]
    pub(crate) right: Vec<String>,
    #[serde(default)]
    pub(crate) never: Vec<String>,
    #[serde(default)]
    pub(crate) tolerated: Vec<String>,
    #[serde(default)]
    pub(crate) may_be_none: bool,
    #[serde(default)]
    pub(crate) memcgs: Vec<Memcg>,
    #[serde(default)]
    pub(crate) processes: Vec<Process>,
    /// Of a policy's author, in place of `right` and `never`; like the next two in [`crate::Expect`].
    pub(crate) expect: Option<Expect>,
    #[serde(default)]
    pub(crate) config: toml::Table,
    #[serde(default)]
    pub(crate) beside: Vec<String>,
}

/// What several machines have in common.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Piece {
    #[serde(default)]
    pub(crate) memcgs: Vec<Memcg>,
    pub(crate) processes: Vec<Process>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Swap {
    pub(crate) total: f64,
    pub(crate) free: f64,
}

/// A memcg that has a limit, a history or a short name. Others are there because a process is in them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Memcg {
    /// What a process says for it, instead of the path.
    pub(crate) id: Option<String>,
    pub(crate) path: String,
    pub(crate) max: Option<f64>,
    pub(crate) high: Option<f64>,
    pub(crate) low: Option<f64>,
    /// What it is charged for. Without: what its processes hold.
    pub(crate) current: Option<f64>,
    /// What the unit has held in quiet times. Without: what it holds, if all of it is old and steady.
    pub(crate) usual: Option<f64>,
}

/// A process, or `n` alike. `{i}` in a text is the number of the copy, from 0.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Process {
    pub(crate) comm: String,
    /// What others say as `parent`.
    pub(crate) id: Option<String>,
    /// What the verdict is about; `comm` without. `base:cron` is both `base:cron` and `base`.
    pub(crate) label: Option<String>,
    #[serde(default = "one")]
    pub(crate) anon: f64,
    #[serde(default)]
    pub(crate) shm: f64,
    #[serde(default)]
    pub(crate) swap: f64,
    /// Mapped files, the text of a program among them.
    #[serde(default = "five")]
    pub(crate) file: f64,
    #[serde(default)]
    pub(crate) age: Option<Age>,
    /// Growth over the last second.
    #[serde(default)]
    pub(crate) grow: f64,
    /// Growth over the last hour. Without: `grow`, if it is an hour old.
    pub(crate) hour: Option<f64>,
    /// What it holds beyond what it held when memory was last at ease. Without: by age and `grow`.
    pub(crate) taken: Option<f64>,
    /// Children per second.
    #[serde(default)]
    pub(crate) births: f64,
    #[serde(default)]
    pub(crate) adj: i16,
    /// The id of its parent; pid 1 without.
    pub(crate) parent: Option<String>,
    #[serde(default = "once")]
    pub(crate) n: u32,
    /// Its parent's without, else root's.
    pub(crate) uid: Option<u32>,
    /// Its parent's without, else `/system.slice`. A path, an id of `memcgs`, or the name of a unit:
    /// `X.service` is below `/system.slice`, `app-X.scope` and `app-X.service` below the first user's
    /// `app.slice`, `session-X.scope` below its `user-1000.slice`.
    pub(crate) memcg: Option<String>,
    /// The command line: a list of words, or one text as `setproctitle` leaves it; `comm` without.
    pub(crate) cmd: Option<Cmd>,
    #[serde(default = "single")]
    pub(crate) threads: u32,
    /// Its shared memory is mapped by no other process.
    #[serde(default)]
    pub(crate) memfd: bool,
    /// What each copy has more than the one before.
    #[serde(default)]
    pub(crate) step: Step,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Step {
    pub(crate) anon: f64,
    pub(crate) shm: f64,
    pub(crate) swap: f64,
    pub(crate) grow: f64,
    pub(crate) age: f64,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Cmd {
    Title(String),
    Words(Vec<String>),
}

impl Cmd {
    /// As the kernel has it, without the last NUL.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Title(title) => title.clone(),
            Self::Words(words) => words.join("\0"),
        }
    }
}

impl Process {
    pub(crate) fn age_s(&self) -> f64 {
        self.age.as_ref().map_or(DAY_S, |age| age.0)
    }
}

/// Seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Age(pub(crate) f64);

impl<'de> Deserialize<'de> for Age {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms;
        impl Visitor<'_> for Forms {
            type Value = Age;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("seconds, or a text like \"90s\", \"20m\", \"5h\", \"3d\"")
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<Age, E> {
                let small = u32::try_from(seconds).ok();
                small
                    .map(|seconds| Age(f64::from(seconds)))
                    .ok_or_else(|| E::invalid_value(Unexpected::Signed(seconds), &self))
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<Age, E> {
                Ok(Age(seconds))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Age, E> {
                let of = |number: &str, seconds: f64| Some(Age(number.parse::<f64>().ok()? * seconds));
                let units = [("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", DAY_S)];
                let mut known = units.iter().filter_map(|(unit, s)| of(text.strip_suffix(unit)?, *s));
                known.next().ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Forms)
    }
}

fn full() -> u32 {
    900
}

/// Ten minutes ago.
fn eased() -> Age {
    Age(600.0)
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

fn five() -> f64 {
    5.0
}

fn once() -> u32 {
    1
}

fn single() -> u32 {
    1
}
