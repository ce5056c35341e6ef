//! `jettison.doctor/1`, and the same for people.

use std::io::{Result, Write};

use jettison_sense::Survey;
use serde::Serialize;

use super::check::{Check, Status};
use super::{checks, kernel};
use crate::layout::{Paint, WIDTH, wrap};

/// Columns before the text.
const BEFORE_TEXT: usize = 28;

/// All checks, in the order in which they are shown.
pub(super) struct Report {
    checks: Vec<Check>,
}

/// The JSON. Frozen: fields and checks are added, never changed.
#[derive(Serialize)]
struct Wire<'a> {
    schema: &'static str,
    can_enforce: bool,
    checks: Vec<WireCheck<'a>>,
}

#[derive(Serialize)]
struct WireCheck<'a> {
    name: &'a str,
    /// `ok` or `lacking`.
    status: &'static str,
    /// Whether enforcing cannot work because of it.
    is_blocking: bool,
    found: &'a str,
    /// What to do; null where nothing is.
    advice: Option<&'a str>,
}

impl Report {
    pub(super) fn of(survey: &Survey) -> Self {
        let checks = checks::ALL.iter().chain(kernel::ALL);
        Self { checks: checks.map(|check| check(survey)).chain(checks::files(survey)).collect() }
    }

    pub(super) fn add(&mut self, checks: impl IntoIterator<Item = Check>) {
        self.checks.extend(checks);
    }

    /// The names of what enforcing cannot do without.
    pub(super) fn blocking(&self) -> Vec<&'static str> {
        let blocking = self.checks.iter().filter(|check| check.status == Status::Blocking);
        blocking.map(|check| check.name).collect()
    }

    pub(super) fn write_json(&self, out: &mut impl Write) -> Result<()> {
        let checks = self.checks.iter().map(|check| WireCheck {
            name: check.name,
            status: if check.status == Status::Ok { "ok" } else { "lacking" },
            is_blocking: check.status == Status::Blocking,
            found: &check.found,
            advice: (!check.advice.is_empty()).then_some(check.advice),
        });
        let wire = Wire {
            schema: "jettison.doctor/1",
            can_enforce: self.blocking().is_empty(),
            checks: checks.collect(),
        };
        serde_json::to_writer_pretty(&mut *out, &wire)?;
        writeln!(out)
    }

    pub(super) fn write_text(&self, out: &mut impl Write) -> Result<()> {
        let paint = Paint::of_stdout();
        for check in &self.checks {
            let status = match check.status {
                Status::Ok => paint.green("ok      "),
                Status::Lacking => "lacking ".into(),
                Status::Blocking => paint.red("lacking!"),
            };
            let mut before = format!("{status} {:<18} ", check.name);
            for text in [check.found.as_str(), check.advice].iter().filter(|text| !text.is_empty()) {
                for line in wrap(text, WIDTH - BEFORE_TEXT) {
                    writeln!(out, "{before}{line}")?;
                    before = " ".repeat(BEFORE_TEXT);
                }
            }
        }
        let lacking = self.checks.iter().filter(|check| check.status != Status::Ok).count();
        let verdict = if self.blocking().is_empty() {
            paint.green("enforcing works here")
        } else {
            paint.red("enforcing cannot work here: see what is marked with !")
        };
        writeln!(out, "\n{verdict}; {} of {} are ok", self.checks.len() - lacking, self.checks.len())
    }
}
