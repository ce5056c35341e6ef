//! A rule as it is meant, and what is wrong with one that cannot be.
//!
//! ```toml
//! [policy.config]
//! rules = [
//!   { prefer = 800, cmdline = "*pytest*", takes = "tree", reason = "tests can be run again" },
//!   { avoid = 600, unit = "postgresql*.service", steps = [{ signal = "INT", wait_ms = 30000 }] },
//!   { never = true, comm = ["sshd", "regex:^agetty$"] },
//!   { prefer = true, uid = [1001, 1002], size_over_mib = 2048 },
//! ]
//! ```

use jettison_sdk::{Pattern, Problem, Qos, STEPS_MAX, Signal, Step, WAIT_MS_MAX};
use serde_json::Value;

use crate::table::{Amount, Table};

/// `prefer = true`: above what `balanced` gives a culprit of 100 GiB.
const PREFER_USUAL: u16 = 700;
/// `avoid = true`: above what `balanced` keeps for its size or its unit, below what a host cannot do without.
const AVOID_USUAL: u16 = 300;
const MOST: u16 = 1000;
/// More would not be looked through by any person.
pub(crate) const RULES_MAX: usize = 256;
/// The kernel keeps so much of a name (`TASK_COMM_LEN` less the NUL).
const COMM_BYTES_MAX: usize = 15;

/// Which way, and how strongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lean {
    Prefer(u16),
    Avoid(u16),
    Never,
    Only,
}

/// What ends together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    Process,
    Tree,
    Cgroup,
}

/// A rule.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) lean: Lean,
    pub(crate) takes: Takes,
    pub(crate) hold: Option<i16>,
    pub(crate) steps: Vec<Step>,
    pub(crate) reason: String,
    pub(crate) place: Place,
    pub(crate) process: ProcessTest,
}

/// What it asks of a process itself. An empty list asks nothing.
#[derive(Debug)]
pub(crate) struct ProcessTest {
    pub(crate) uids: Vec<u32>,
    pub(crate) age_ms: Bounds,
    pub(crate) size_bytes: Bounds,
    pub(crate) growth_bytes_per_s: Bounds,
    pub(crate) comm: Vec<Pattern>,
    pub(crate) exe: Vec<Pattern>,
    pub(crate) cmdline: Vec<Pattern>,
}

/// What it asks of where a process is.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) unit: Vec<Pattern>,
    pub(crate) cgroup: Vec<Pattern>,
    pub(crate) container: Vec<Pattern>,
    pub(crate) pod: Vec<Pattern>,
    pub(crate) qos: Option<Qos>,
}

impl Place {
    pub(crate) fn is_anywhere(&self) -> bool {
        let lists = [&self.unit, &self.cgroup, &self.container, &self.pod];
        lists.iter().all(|list| list.is_empty()) && self.qos.is_none()
    }
}

impl ProcessTest {
    fn asks_nothing(&self) -> bool {
        let texts = [&self.comm, &self.exe, &self.cmdline];
        let bounds = [self.age_ms, self.size_bytes, self.growth_bytes_per_s];
        self.uids.is_empty()
            && texts.iter().all(|texts| texts.is_empty())
            && bounds.into_iter().all(Bounds::is_open)
    }
}

/// Bounds that a value lies between, neither of them included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    over: Option<u64>,
    under: Option<u64>,
}

impl Bounds {
    fn is_open(self) -> bool {
        self == Self::default()
    }

    /// Whether a value lies between them. What is unknown does only where nothing is asked.
    pub(crate) fn hold(self, value: impl FnOnce() -> Option<i64>) -> bool {
        self.is_open()
            || value().is_some_and(|value| {
                let size = u64::try_from(value).ok();
                self.over.is_none_or(|over| size.is_some_and(|size| size > over))
                    && self.under.is_none_or(|under| size.is_none_or(|size| size < under))
            })
    }
}

/// The rules of a configuration that are right, and all that is wrong with the others.
pub(crate) fn rules(config: &Value) -> (Vec<Rule>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut rules = Vec::new();
    if let Some(mut table) = Table::of(String::new(), config, &mut problems) {
        let written = table.tables("rules");
        if written.len() > RULES_MAX {
            table.wrong("rules", format!("are {}, but must be at most {RULES_MAX}", written.len()));
        }
        for (name, value) in written.into_iter().take(RULES_MAX) {
            let read = Table::of(name, value, table.problems()).and_then(rule);
            rules.extend(read);
        }
        table.finish();
    }
    (rules, problems)
}

fn rule(mut table: Table<'_, '_>) -> Option<Rule> {
    let before = table.problems().len();
    let lean = lean(&mut table);
    let place = Place {
        unit: patterns(&mut table, "unit"),
        cgroup: patterns(&mut table, "cgroup"),
        container: patterns(&mut table, "container"),
        pod: patterns(&mut table, "pod"),
        qos: table.choice(
            "qos",
            &[
                ("guaranteed", Qos::Guaranteed),
                ("burstable", Qos::Burstable),
                ("besteffort", Qos::BestEffort),
            ],
        ),
    };
    let process = process(&mut table);
    // What could not be read was meant to ask something.
    if table.problems().len() == before && place.is_anywhere() && process.asks_nothing() {
        let keys = "comm, exe, cmdline, unit, cgroup, container, pod, qos, uid, age, size or growth";
        table.wrong("", format!("matches every process: say which by one of {keys}"));
    }
    let takes = [("process", Takes::Process), ("tree", Takes::Tree), ("cgroup", Takes::Cgroup)];
    let takes = table.choice("takes", &takes).unwrap_or(Takes::Process);
    if takes == Takes::Cgroup && place.is_anywhere() {
        table.wrong("takes", "is \"cgroup\", so one of unit, cgroup, container, pod, qos must say which");
    }
    let hold = table.integer("hold").and_then(|given| {
        let hold = i16::try_from(given).ok().filter(|hold| (-999..=1000).contains(hold));
        if hold.is_none() {
            table.wrong("hold", format!("is {given}, but must be -999 to 1000"));
        }
        hold
    });
    let steps = steps(&mut table);
    if lean == Some(Lean::Never) && !steps.is_empty() {
        table.wrong("steps", "say how it ends, and `never` says that it does not");
    }
    let reason = table.text("reason").unwrap_or_default().to_owned();
    let lean = lean.filter(|_| table.problems().len() == before);
    table.finish();
    Some(Rule { lean: lean?, takes, hold, steps, reason, place, process })
}

fn lean(table: &mut Table<'_, '_>) -> Option<Lean> {
    let prefer = table.amount("prefer");
    let avoid = table.amount("avoid");
    let never = table.flag("never").then_some(Lean::Never);
    let only = table.flag("only").then_some(Lean::Only);
    let said = [prefer.is_some(), avoid.is_some(), never.is_some(), only.is_some()];
    match said.into_iter().filter(|&is_said| is_said).count() {
        1 => {
            let prefer = prefer.and_then(|it| amount(table, "prefer", it, PREFER_USUAL, MOST));
            let avoid = avoid.and_then(|it| amount(table, "avoid", it, AVOID_USUAL, MOST - 1));
            prefer.map(Lean::Prefer).or(avoid.map(Lean::Avoid)).or(never).or(only)
        }
        said => {
            let found = if said == 0 { "none" } else { "several" };
            table.wrong("", format!("needs one of prefer, avoid, never, only, and has {found}"));
            None
        }
    }
}

fn amount(table: &mut Table<'_, '_>, key: &str, amount: Amount, usual: u16, most: u16) -> Option<u16> {
    let Amount::So(given) = amount else { return Some(usual) };
    let fits = u16::try_from(given).ok().filter(|given| (1..=most).contains(given));
    if fits.is_none() {
        let instead = if key == "avoid" { "; `never = true` keeps it for good" } else { "" };
        table.wrong(key, format!("is {given}, but must be 1 to {most}, or true{instead}"));
    }
    fits
}

fn process(table: &mut Table<'_, '_>) -> ProcessTest {
    let comm = patterns(table, "comm");
    for long in comm.iter().filter_map(Pattern::literal).filter(|comm| comm.len() > COMM_BYTES_MAX) {
        let kept = long.get(..long.floor_char_boundary(COMM_BYTES_MAX)).unwrap_or_default();
        table.wrong("comm", format!("{long:?} matches nothing: the kernel keeps 15 bytes, {kept:?}"));
    }
    ProcessTest {
        comm,
        exe: patterns(table, "exe"),
        cmdline: patterns(table, "cmdline"),
        uids: table.uids("uid"),
        age_ms: bounds(table, "age_over_s", "age_under_s", 1000),
        size_bytes: bounds(table, "size_over_mib", "size_under_mib", 1 << 20),
        growth_bytes_per_s: bounds(table, "growth_over_mib_per_s", "growth_under_mib_per_s", 1 << 20),
    }
}

fn bounds(table: &mut Table<'_, '_>, over_key: &'static str, under_key: &'static str, unit: u64) -> Bounds {
    let (over, under) = (table.whole(over_key), table.whole(under_key));
    if let (Some(over), Some(under)) = (over, under)
        && under <= over
    {
        table.wrong(under_key, format!("is {under}, and nothing lies between that and {over}"));
    }
    let scaled = |bound: u64| bound.saturating_mul(unit);
    Bounds { over: over.map(scaled), under: under.map(scaled) }
}

fn patterns(table: &mut Table<'_, '_>, key: &'static str) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for text in table.texts(key) {
        match Pattern::new(text) {
            Ok(pattern) => patterns.push(pattern),
            Err(why) => table.wrong(key, why),
        }
    }
    patterns
}

fn steps(table: &mut Table<'_, '_>) -> Vec<Step> {
    let written = table.tables("steps");
    if written.len() > STEPS_MAX {
        table.wrong("steps", format!("are {}, but must be at most {STEPS_MAX}", written.len()));
    }
    let mut steps = Vec::new();
    for (name, value) in written {
        steps.extend(Table::of(name, value, table.problems()).and_then(step));
    }
    steps
}

/// `{ signal = "INT", wait_ms = 5000 }`, `{ stop_unit = true, wait_ms = 5000 }`, `{ hook = "drain", .. }`
fn step(mut table: Table<'_, '_>) -> Option<Step> {
    let (name, stop_unit, hook) = (table.text("signal"), table.flag("stop_unit"), table.text("hook"));
    let wait_ms = table.whole("wait_ms").and_then(|ms| u32::try_from(ms).ok());
    let wait_ms = wait_ms.filter(|&ms| ms <= WAIT_MS_MAX);
    if wait_ms.is_none() {
        table.wrong("wait_ms", format!("must say how long to wait, 0 to {WAIT_MS_MAX}"));
    }
    let wait_ms = wait_ms.unwrap_or(0);
    let step = match (name, stop_unit, hook) {
        (Some(name), false, None) => match signal(name) {
            Some(signal) => Some(Step::signal(signal, wait_ms)),
            None => {
                let known = "HUP, INT, QUIT, USR1, USR2, TERM or a number, not KILL, STOP, CONT";
                table.wrong("signal", format!("{name:?} is no signal of a policy: {known}"));
                None
            }
        },
        (None, true, None) => Some(Step::stop_unit(wait_ms)),
        (None, false, Some(hook)) => Some(Step::hook(hook, wait_ms)),
        _ => {
            table.wrong("", "needs one of signal, stop_unit, hook");
            None
        }
    };
    table.finish();
    step
}

/// `INT`, `SIGINT`, `2`: signal(7).
fn signal(name: &str) -> Option<Signal> {
    const NAMES: [(&str, Signal); 6] = [
        ("HUP", Signal::HUP),
        ("INT", Signal::INT),
        ("QUIT", Signal::QUIT),
        ("USR1", Signal::USR1),
        ("USR2", Signal::USR2),
        ("TERM", Signal::TERM),
    ];
    let short = name.strip_prefix("SIG").unwrap_or(name);
    let named = NAMES.iter().find(|(known, _)| *known == short).map(|&(_, signal)| signal);
    named.or_else(|| name.parse::<u8>().ok().and_then(Signal::new))
}
