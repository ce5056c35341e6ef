//! earlyoom(1): its command line, alone or as `EARLYOOM_ARGS` of /etc/default/earlyoom.
//!
//! ```text
//! EARLYOOM_ARGS="-m 5,2 -s 10 --prefer '^(java|cc1plus)$' --avoid '^sshd$'"
//! ```

use super::imported::{Imported, Level, number};
use super::words::words;

const VARIABLE: &str = "EARLYOOM_ARGS=";
/// Its `-m` and `-s` where they are not given.
const PERCENT: f64 = 10.0;
/// It adds or takes away 300 thousandths of memory.
const LEAN: u16 = 300;
/// `warn` where `act` is lower: it has no such level.
const WARN_PERCENT: f64 = 15.0;

pub(super) fn imported(text: &str) -> Result<Imported, String> {
    let (line, arguments) = arguments(text)?;
    let mut read = Read { line, imported: Imported::default(), percent: None, mib: None, kill: None };
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        read.option(&argument, &mut arguments)?;
    }
    let act = match (read.percent, read.mib) {
        (None, None) => Level { percent: Some(PERCENT), mib: None },
        (percent, mib) => Level { percent, mib },
    };
    let mut imported = read.imported;
    imported.act = act;
    imported.critical = read.kill.unwrap_or_else(|| act.half());
    imported.warn = Level {
        percent: act.percent.map(|percent| percent.max(WARN_PERCENT)),
        mib: act.mib.map(|mib| mib.saturating_mul(3) / 2),
    };
    imported.swap_free_percent = imported.swap_free_percent.or(Some(PERCENT));
    Ok(imported)
}

/// The line that counts, the last one, and its arguments.
fn arguments(text: &str) -> Result<(usize, Vec<String>), String> {
    let mut found = None;
    for (line, text) in (1..).zip(text.lines()) {
        let at_line = |why: String| format!("line {line}: {why}");
        let text = text.trim().trim_start_matches("export ");
        if let Some(value) = text.strip_prefix(VARIABLE) {
            let value = words(value).map_err(at_line)?.join(" ");
            found = Some((line, words(&value).map_err(at_line)?));
        } else if !text.is_empty() && !text.starts_with('#') {
            let said = words(text).map_err(at_line)?;
            let is_earlyoom = said.first().is_some_and(|first| first.rsplit('/').next() == Some("earlyoom"));
            if is_earlyoom || text.starts_with('-') {
                found = Some((line, said.into_iter().skip(usize::from(is_earlyoom)).collect()));
            }
        }
    }
    found.ok_or_else(|| {
        format!("has neither {VARIABLE}\"...\" nor a command line: give /etc/default/earlyoom, or a file with `earlyoom -m 5 ...`")
    })
}

struct Read {
    line: usize,
    imported: Imported,
    percent: Option<f64>,
    mib: Option<u64>,
    kill: Option<Level>,
}

impl Read {
    fn option(&mut self, argument: &str, rest: &mut impl Iterator<Item = String>) -> Result<(), String> {
        let (name, joined) = match (argument.strip_prefix("--"), argument.split_once('=')) {
            (Some(_), Some((name, value))) => (name, Some(value.to_owned())),
            (Some(_), None) => (argument, None),
            (None, _) => match argument.char_indices().nth(2) {
                Some((at, _)) => (&argument[..at], Some(argument[at..].to_owned())),
                None => (argument, None),
            },
        };
        let line = self.line;
        let mut value =
            || joined.clone().or_else(|| rest.next()).ok_or(format!("line {line}: {name} needs a value"));
        match name {
            "-m" | "-M" | "-s" | "-S" => self.level(name, &value()?)?,
            "--prefer" => self.lean("prefer", &value()?),
            "--avoid" => self.lean("avoid", &value()?),
            "--ignore" => self.lean("never", &value()?),
            "--ignore-root-user" => self.imported.rules.push(super::imported::Rule {
                lean: "never = true".into(),
                key: "uid",
                value: "0".into(),
                reason: "a process of root".into(),
            }),
            "--dryrun" => self.imported.is_dry = true,
            "-N" => {
                let script = value()?;
                self.left_out(format!("-N {script}: no hook runs after a victim yet"));
            }
            "-r" => drop(value()),
            "-n" => {
                self.left_out("-n: no desktop notifications; `jettison history` and the log have each victim")
            }
            "-g" => {
                self.left_out("-g: whole process groups; a rule with takes = \"tree\" or \"cgroup\" is near")
            }
            "--sort-by-rss" => {
                self.left_out("--sort-by-rss: what no policy names goes by the kernel's badness")
            }
            // The daemon always does what -p asks for, and logs what -d would.
            "-p" | "-d" | "--syslog" | "-v" | "-h" | "--help" | "-i" | "-k" => {}
            other => self.left_out(format!("{other}: not an option of earlyoom 1.7 or 1.8")),
        }
        Ok(())
    }

    fn left_out(&mut self, what: impl Into<String>) {
        self.imported.leave_out(self.line, what);
    }

    fn lean(&mut self, lean: &str, regex: &str) {
        let lean = if lean == "never" { "never = true".into() } else { format!("{lean} = {LEAN}") };
        self.imported.rule_by_regex(self.line, lean, "comm", regex);
    }

    /// `PERCENT[,KILL_PERCENT]`, or KiB with a capital.
    fn level(&mut self, name: &str, value: &str) -> Result<(), String> {
        let read = |text: &str| {
            number(text).ok_or_else(|| format!("line {}: {name} {value}: {text:?} is no number", self.line))
        };
        let (term, kill) = value.split_once(',').map_or((value, None), |(term, kill)| (term, Some(kill)));
        let (term, kill) = (read(term)?, kill.map(read).transpose()?);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "rounded, and not negative"
        )]
        let mib = |kib: f64| (kib / 1024.0).ceil() as u64;
        match name {
            "-m" => {
                self.percent = Some(term);
                self.kill = kill.map(|kill| Level { percent: Some(kill), mib: None }).or(self.kill);
            }
            "-M" => {
                self.mib = Some(mib(term));
                self.kill = kill.map(|kill| Level { percent: None, mib: Some(mib(kill)) }).or(self.kill);
            }
            "-s" => {
                self.imported.swap_free_percent = Some(term);
                if kill.is_some() {
                    self.left_out(format!("{name} {value}: `critical` goes by available memory alone"));
                }
            }
            _ => self
                .left_out(format!("{name} {value}: free swap is a percentage here: set swap_free_percent")),
        }
        Ok(())
    }
}
