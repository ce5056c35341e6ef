//! What was understood of a peer's configuration, and what was not.

use std::fmt::Write;

/// `available_cap_mib` has no word for none: 2^30 MiB are more than any machine has.
const NO_CAP_MIB: u64 = 1 << 30;

/// A level: a percentage, a size, or the lesser of both.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Level {
    pub(super) percent: Option<f64>,
    pub(super) mib: Option<u64>,
}

impl Level {
    /// Whole percent, rounded up. A size alone is one of any percentage.
    fn percent(self) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is 0 to 100")]
        let whole = |percent: f64| percent.clamp(0.0, 100.0).ceil() as u64;
        self.percent.map_or(100, whole)
    }

    fn mib(self) -> u64 {
        self.mib.unwrap_or(NO_CAP_MIB).clamp(1, NO_CAP_MIB)
    }

    /// The percentage and the size alone are halved.
    pub(super) fn half(self) -> Self {
        Self { percent: self.percent.map(|it| it / 2.0), mib: self.mib.map(|mib| mib / 2) }
    }
}

/// One rule of `builtin:rules`.
#[derive(Debug)]
pub(super) struct Rule {
    /// Such as `prefer = 300`.
    pub(super) lean: String,
    /// Such as `comm`, and what it is to match: TOML.
    pub(super) key: &'static str,
    pub(super) value: String,
    pub(super) reason: String,
}

/// The configuration.
#[derive(Debug, Default)]
pub(super) struct Imported {
    pub(super) warn: Level,
    pub(super) act: Level,
    pub(super) critical: Level,
    pub(super) swap_free_percent: Option<f64>,
    pub(super) is_dry: bool,
    pub(super) grace_ms: Option<u64>,
    pub(super) cool_down_ms: Option<u64>,
    /// Run when memory gets short.
    pub(super) warn_hook: Option<Vec<String>>,
    pub(super) hook_timeout_ms: Option<u64>,
    pub(super) rules: Vec<Rule>,
    /// What was not understood or has no counterpart: the line, and what it was.
    pub(super) left_out: Vec<(usize, String)>,
}

/// A number that is not negative.
pub(super) fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| *number >= 0.0 && number.is_finite())
}

/// A text of TOML.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

impl Imported {
    pub(super) fn leave_out(&mut self, line: usize, what: impl Into<String>) {
        self.left_out.push((line, what.into()));
    }

    /// A rule by a regular expression, unless the policy has no such.
    pub(super) fn rule_by_regex(&mut self, line: usize, lean: String, key: &'static str, regex: &str) {
        match regex_lite::Regex::new(regex) {
            Ok(_) => {
                let value = quoted(&format!("regex:{regex}"));
                self.rules.push(Rule { lean, key, value, reason: format!("line {line} of the import") });
            }
            Err(error) => {
                let message =
                    format!("{regex:?} is no regular expression here ({error}): write a rule by hand");
                self.leave_out(line, message);
            }
        }
    }

    pub(super) fn to_toml(&self, peer: &str, file: &str) -> String {
        let mut toml = format!("# From {peer}'s {}. `jettison check --config` reads it.\n", one_line(file));
        for (line, left_out) in &self.left_out {
            line_of(&mut toml, format_args!("# Not translated, line {line}: {}", one_line(left_out)));
        }
        let (warn, act, critical) = self.levels();
        toml.push_str("\n[trigger]\n");
        let percents = (warn.percent(), act.percent(), critical.percent());
        line_of(&mut toml, format_args!("available_percent = {}", levels(percents)));
        line_of(
            &mut toml,
            format_args!("available_cap_mib = {}", levels((warn.mib(), act.mib(), critical.mib()))),
        );
        if let Some(percent) = self.swap_free_percent {
            let percent = Level { percent: Some(percent), mib: None }.percent();
            line_of(&mut toml, format_args!("swap_free_percent = {percent}"));
        }
        self.act(&mut toml);
        if let Some(command) = &self.warn_hook {
            let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
            line_of(&mut toml, format_args!("\n[hooks.warning]\ncommand = [{}]", words.join(", ")));
            if let Some(ms) = self.hook_timeout_ms {
                line_of(&mut toml, format_args!("timeout_ms = {}", ms.clamp(1, 600_000)));
            }
            toml.push_str("\n[notify]\nwarn = [\"hook:warning\"]\n");
        }
        self.policies(&mut toml);
        toml
    }

    /// None is above the one before.
    fn levels(&self) -> (Level, Level, Level) {
        let not_above = |level: Level, above: Level| Level {
            percent: match (level.percent, above.percent) {
                (Some(percent), Some(above)) => Some(percent.min(above)),
                (percent, above) => percent.or(above),
            },
            mib: match (level.mib, above.mib) {
                (Some(mib), Some(above)) => Some(mib.min(above)),
                (mib, above) => mib.or(above),
            },
        };
        let act = not_above(self.act, self.warn);
        (self.warn, act, not_above(self.critical, act))
    }

    fn act(&self, toml: &mut String) {
        if !self.is_dry && self.grace_ms.is_none() && self.cool_down_ms.is_none() {
            return;
        }
        toml.push_str("\n[act]\n");
        if self.is_dry {
            toml.push_str("mode = \"dry-run\"\n");
        }
        for (key, ms) in [("grace_ms", self.grace_ms), ("cool_down_ms", self.cool_down_ms)] {
            if let Some(ms) = ms {
                line_of(toml, format_args!("{key} = {}", ms.min(600_000)));
            }
        }
    }

    fn policies(&self, toml: &mut String) {
        if self.rules.is_empty() {
            return;
        }
        toml.push_str(
            "\n# Delete these two to choose by size, as the kernel does: then nothing but the rules below is kept.\n",
        );
        for name in jettison_policy::DEFAULTS {
            line_of(toml, format_args!("[[policy]]\nname = \"{name}\"\nsource = \"builtin:{name}\"\n"));
        }
        toml.push_str("# The first rule that matches decides: docs/reference/rules.md.\n");
        toml.push_str(
            "[[policy]]\nname = \"rules\"\nsource = \"builtin:rules\"\n\n[policy.config]\nrules = [\n",
        );
        for Rule { lean, key, value, reason } in &self.rules {
            let reason = quoted(reason);
            line_of(toml, format_args!("  {{ {lean}, {key} = {value}, reason = {reason} }},"));
        }
        toml.push_str("]\n");
    }
}

/// Nothing in a comment can end it.
fn one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

fn levels((warn, act, critical): (u64, u64, u64)) -> String {
    format!("{{ warn = {warn}, act = {act}, critical = {critical} }}")
}

fn line_of(toml: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    writeln!(toml, "{line}").ok();
}
